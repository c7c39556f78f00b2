"""Calls of AccessService: what goes over the wire, and what comes back."""

import datetime as dt
import uuid
from decimal import Decimal

import grpc
import pytest
from almeno_client import AlreadyExists, AuditEventKind, PrincipalLimits, Unavailable, new_key

from almeno_grpc.api import access_service_pb2 as access
from almeno_grpc.api_keys import key_sha256

TOMORROW = dt.datetime(2026, 2, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def admin(service, sample):
    """A service that answers everything once, well."""
    service.answers("WhoAmI", sample.caller())
    service.answers("CreatePrincipal", access.CreatePrincipalResponse(principal=sample.principal()))
    service.answers("UpdatePrincipal", access.UpdatePrincipalResponse(principal=sample.principal(disabled=True)))
    service.answers("CreateKey", access.CreateKeyResponse(key=sample.api_key()))
    service.answers("RevokeKey", access.RevokeKeyResponse(key=sample.api_key()))
    service.answers("SetCertificateName", access.SetCertificateNameResponse(certificate_name=sample.certificate_name()))
    service.answers(
        "RemoveCertificateName", access.RemoveCertificateNameResponse(certificate_name=sample.certificate_name())
    )
    service.answers("GetAuditCheckpoint", access.GetAuditCheckpointResponse(checkpoint=sample.checkpoint()))
    return service


def only(service, method):
    (request,) = service.requests[method]
    return request


@pytest.mark.usefixtures("admin")
def test_caller_is_told_who_it_is(client):
    caller = client.who_am_i()
    assert (caller.principal, caller.scopes) == ("branch-pune", ("customers:read", "loans:write"))
    assert caller.limits == PrincipalLimits(max_repayment=Decimal("50000.00"))


def test_principal_is_created_with_scopes_roles_and_limits(client, admin):
    limits = PrincipalLimits(max_loan_amount="₹5,00,000", calls_per_second=20)
    client.create_principal("branch-pune", scopes=["counter", "loans:write"], limits=limits)
    request = only(admin, "CreatePrincipal")
    assert (request.name, request.scopes) == ("branch-pune", ["counter", "loans:write"])
    assert request.limits.max_loan_amount.units == 5_00_000
    assert request.limits.calls_per_second == 20
    assert not request.limits.HasField("max_streams")
    assert uuid.UUID(request.request_id)


def test_principal_keeps_what_an_update_does_not_name(client, admin):
    assert client.update_principal("branch-pune", disabled=True).disabled
    client.update_principal("branch-pune", limits=PrincipalLimits())
    first, second = admin.requests["UpdatePrincipal"]
    assert (first.disabled, list(first.scopes), first.HasField("limits")) == (True, [], False)
    assert (second.HasField("disabled"), second.HasField("limits")) == (False, True)


def test_secret_of_a_key_never_leaves_the_client(client, admin):
    key = new_key()
    client.create_key("branch-pune", key, scopes=["loans:read"], expire_time=TOMORROW)
    request = only(admin, "CreateKey")
    assert (request.principal, request.key_id, request.key_sha256) == ("branch-pune", key[7:19], key_sha256(key))
    assert request.expire_time.ToDatetime(tzinfo=dt.UTC) == TOMORROW
    assert key[20:].encode() not in request.SerializeToString()


def test_time_without_a_zone_is_refused(client, admin):
    with pytest.raises(ValueError, match="time zone"):
        client.create_key("branch-pune", new_key(), expire_time=dt.datetime(2026, 2, 1))  # noqa: DTZ001 - the case
    assert not admin.requests


def test_key_is_registered_again_with_the_same_request(client, service, sample):
    service.answers(
        "CreateKey",
        sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting"),
        access.CreateKeyResponse(key=sample.api_key()),
    )
    client.create_key("branch-pune", new_key())
    first, second = service.requests["CreateKey"]
    assert first == second


def test_key_that_stands_already_is_told(client, service, sample):
    service.answers("CreateKey", sample.refusal(grpc.StatusCode.ALREADY_EXISTS, "taken", "KEY_EXISTS"))
    with pytest.raises(AlreadyExists):
        client.create_key("branch-pune", new_key())


def test_key_is_revoked_by_its_id(client, admin):
    client.revoke_key("Ab3dE6gH9jK2")
    assert only(admin, "RevokeKey").key_id == "Ab3dE6gH9jK2"


def test_certificate_name_is_set_and_removed(client, admin):
    assert client.set_certificate_name("pune.lender.example", "branch-pune").principal == "branch-pune"
    client.remove_certificate_name("pune.lender.example")
    assert only(admin, "SetCertificateName").principal == "branch-pune"
    assert only(admin, "RemoveCertificateName").name == "pune.lender.example"


def test_principals_keys_and_events_are_walked_page_after_page(client, service, sample):
    def pages(kind, field, message):
        return lambda request, _: kind(**{field: [message]}, next_page_token="" if request.page_token else "second")

    service.answers("ListPrincipals", pages(access.ListPrincipalsResponse, "principals", sample.principal()))
    service.answers("ListKeys", pages(access.ListKeysResponse, "keys", sample.api_key()))
    service.answers("ListAuditEvents", pages(access.ListAuditEventsResponse, "events", sample.audit_event()))
    assert len(list(client.list_principals())) == 2
    assert len(list(client.list_keys("branch-pune", page_size=1))) == 2
    events = list(client.list_audit_events(principal="branch-pune", customer_id=14, start_time=TOMORROW))
    assert [event.kind for event in events] == [AuditEventKind.WRITE] * 2
    first, second = service.requests["ListAuditEvents"]
    assert (first.principal, first.customer_id, second.page_token) == ("branch-pune", 14, "second")
    assert first.HasField("start_time")
    assert not first.HasField("end_time")


def test_checkpoint_is_fetched_by_number(client, admin):
    assert client.get_audit_checkpoint(9).hash == bytes(range(32))
    assert only(admin, "GetAuditCheckpoint").number == 9


def test_service_that_cannot_say_who_may_call_is_tried_again(client, service, sample):
    service.answers("WhoAmI", sample.refusal(grpc.StatusCode.UNAVAILABLE, "not known", "ACCESS_UNKNOWN"))
    with pytest.raises(Unavailable):
        client.who_am_i()
    assert len(service.requests["WhoAmI"]) == 4
