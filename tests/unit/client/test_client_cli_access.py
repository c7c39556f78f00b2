"""Commands on callers: keys, principals, certificate names, the audit trail."""

import json
import stat
import uuid
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from almeno_client import new_key
from google.protobuf.timestamp_pb2 import Timestamp

from almeno_grpc.api import access_service_pb2 as access
from almeno_grpc.api_keys import key_id_of, key_sha256

REQUEST_ID = "5f0c2c5a-3c2e-4a47-9d55-0c7a4a6f1a77"
UNREACHED, REFUSED, USAGE = 5, 4, 2


@pytest.fixture
def admin(service, sample):
    """A service that answers everything well."""
    service.answers("CreatePrincipal", access.CreatePrincipalResponse(principal=sample.principal()))
    service.answers("UpdatePrincipal", access.UpdatePrincipalResponse(principal=sample.principal(disabled=True)))
    service.answers("ListPrincipals", access.ListPrincipalsResponse(principals=[sample.principal()]))
    service.answers("CreateKey", access.CreateKeyResponse(key=sample.api_key(key_id="New4567890Ab")))
    service.answers("RevokeKey", access.RevokeKeyResponse(key=sample.api_key(revoke_time=Timestamp(seconds=1))))
    valid = sample.api_key(expire_time=Timestamp(seconds=4_102_444_800))
    service.answers("ListKeys", access.ListKeysResponse(keys=[sample.api_key(key_id="0" * 12), valid]))
    service.answers("SetCertificateName", access.SetCertificateNameResponse(certificate_name=sample.certificate_name()))
    service.answers(
        "RemoveCertificateName", access.RemoveCertificateNameResponse(certificate_name=sample.certificate_name())
    )
    service.answers("ListAuditEvents", access.ListAuditEventsResponse(events=[sample.audit_event()]))
    service.answers("GetAuditCheckpoint", access.GetAuditCheckpointResponse(checkpoint=sample.checkpoint()))
    return service


@pytest.fixture
def file(tmp_path):
    return tmp_path / "branch-pune.key"


def only(service, method):
    (request,) = service.requests[method]
    return request


def mode(file):
    return stat.S_IMODE(file.stat().st_mode)


def test_key_is_kept_in_a_file_of_its_owner_alone_and_shown_nowhere(almeno, admin, file):
    result = almeno("keys", "create", "branch-pune", "--key-file", str(file), "--scope", "loans:read")
    assert result.exit_code == 0, result.output
    key = file.read_text().strip()
    request = only(admin, "CreateKey")
    assert (request.principal, request.key_id) == ("branch-pune", key_id_of(key))
    assert request.key_sha256 == key_sha256(key)
    assert request.scopes == ["loans:read"]
    assert mode(file) == 0o600
    assert key not in result.output
    assert f"The key is in {file}" in result.stdout


def test_key_of_programs_is_in_the_file_too(almeno, admin, file):
    result = almeno("--json", "keys", "create", "branch-pune", "--key-file", str(file), "--expires", "2026-12-31")
    document = json.loads(result.stdout)
    assert document["key_file"] == str(file)
    assert document["key"]["expire_time"] == "2026-04-01T00:00:00Z"
    assert file.read_text().strip()[20:] not in result.output
    assert only(admin, "CreateKey").expire_time.ToDatetime(tzinfo=UTC) == datetime(2026, 12, 31, tzinfo=UTC)


def test_file_that_is_there_is_overwritten_by_force_only(almeno, admin, file):
    file.write_text("something else")
    refused = almeno("keys", "create", "branch-pune", "--key-file", str(file))
    assert (refused.exit_code, file.read_text()) == (USAGE, "something else")
    assert "--force overwrites it" in refused.stderr.replace("\n", " ")
    assert not admin.requests
    file.chmod(0o600)
    assert almeno("keys", "create", "branch-pune", "--key-file", str(file), "--force").exit_code == 0
    assert key_id_of(file.read_text().strip()) == only(admin, "CreateKey").key_id
    assert mode(file) == 0o600


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_key_is_never_written_through_a_symbolic_link(almeno, admin, file, tmp_path, force):
    target = tmp_path / "target"
    target.write_text("kept")
    target.chmod(0o600)
    file.symlink_to(target)
    result = almeno("keys", "create", "branch-pune", "--key-file", str(file), *force)
    assert result.exit_code == USAGE
    assert "symbolic link" in result.stderr
    assert (target.read_text(), file.is_symlink()) == ("kept", True)
    assert not admin.requests


def test_key_that_the_service_refuses_leaves_the_file_as_it_was(almeno, service, sample, file):
    service.answers("CreateKey", sample.refusal(grpc.StatusCode.NOT_FOUND, "no such principal", "PRINCIPAL_NOT_FOUND"))
    command = ("keys", "create", "nobody", "--key-file", str(file))
    assert almeno(*command).exit_code == REFUSED
    assert not file.exists()
    file.write_text("the key before")
    file.chmod(0o600)
    assert almeno(*command, "--force").exit_code == REFUSED
    assert file.read_text() == "the key before"
    assert list(file.parent.iterdir()) == [file]


def test_key_whose_answer_was_lost_is_kept_and_sent_again_with_the_request(almeno, service, sample, file):
    lost = sample.refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "too slow")
    service.answers("CreateKey", lost, access.CreateKeyResponse(key=sample.api_key()))
    command = ("keys", "create", "branch-pune", "--key-file", str(file), "--expires", "2026-12-31")
    first = almeno(*command)
    request_id = service.requests["CreateKey"][0].request_id
    assert first.exit_code == UNREACHED
    assert f"--request-id {request_id}" in first.stderr
    assert almeno(*command, "--request-id", request_id).exit_code == 0
    before, again = service.requests["CreateKey"]
    assert before == again
    assert key_id_of(file.read_text().strip()) == again.key_id


def test_rotation_makes_a_second_key_and_lets_the_first_end_after_the_overlap(almeno, admin, sample, file):
    kept = sample.api_key()
    admin.answers("RevokeKey", access.RevokeKeyResponse(key=kept))
    began = datetime.now(UTC)
    result = almeno("keys", "rotate", "Ab3dE6gH9jK2", "--key-file", str(file), "--overlap", "24h")
    assert result.exit_code == 0, result.output
    created, ended = only(admin, "CreateKey"), only(admin, "RevokeKey")
    assert (created.principal, created.scopes) == ("branch-pune", ["customers:read"])
    assert created.key_id == key_id_of(file.read_text().strip())
    assert ended.key_id == "Ab3dE6gH9jK2"
    overlap = ended.expire_time.ToDatetime(tzinfo=UTC) - began
    assert timedelta(hours=24) <= overlap < timedelta(hours=24, minutes=1)
    assert "The old key Ab3dE6gH9jK2 is valid until 2026-04-01" in result.stdout
    assert created.request_id != ended.request_id


def test_rotation_without_overlap_revokes_at_once(almeno, admin, file):
    result = almeno("keys", "rotate", "Ab3dE6gH9jK2", "--key-file", str(file), "--overlap", "0h")
    assert not only(admin, "RevokeKey").HasField("expire_time")
    assert "The old key Ab3dE6gH9jK2 is revoked" in result.stdout


@pytest.mark.parametrize("key_id", ["0" * 12, "nobodys"])
def test_key_that_is_not_valid_is_not_rotated(almeno, admin, file, key_id):
    result = almeno("keys", "rotate", key_id, "--key-file", str(file))
    assert result.exit_code == REFUSED
    assert f"no valid key {key_id}" in result.stderr
    assert not file.exists()
    assert set(admin.requests) == {"ListKeys"}


def test_key_is_revoked(almeno, admin):
    assert "Revoked" in almeno("keys", "revoke", "Ab3dE6gH9jK2", "--request-id", REQUEST_ID).stdout
    request = only(admin, "RevokeKey")
    assert (request.key_id, request.request_id) == ("Ab3dE6gH9jK2", REQUEST_ID)


def test_keys_are_listed_with_their_ends(almeno, admin):
    shown = almeno("keys", "list", "--principal", "branch-pune").stdout
    for text in ("Ab3dE6gH9jK2", "branch-pune", "customers:read", "2026-04-01", "never"):
        assert text in shown
    assert only(admin, "ListKeys").principal == "branch-pune"
    assert len(json.loads(almeno("--json", "keys", "list").stdout)["keys"]) == 2


def test_principal_is_created_with_scopes_and_limits(almeno, admin):
    options = ("--scope", "counter", "--scope", "loans:write", "--max-loan-amount", "₹5,00,000", "--max-streams", "4")
    result = almeno("principals", "create", "branch-pune", *options)
    for text in ("Principal branch-pune", "customers:read, loans:write", "₹5,00,000.00", "Calls per second", "20"):
        assert text in result.stdout
    request = only(admin, "CreatePrincipal")
    assert (request.name, request.scopes, request.limits.max_streams) == (
        "branch-pune",
        ["counter", "loans:write"],
        4,
    )
    assert uuid.UUID(request.request_id)


def test_principal_is_changed_as_far_as_options_say(almeno, admin):
    assert "disabled" in almeno("principals", "update", "branch-pune", "--disable").stdout
    almeno("principals", "update", "branch-pune", "--enable", "--no-limits")
    almeno("principals", "update", "branch-pune", "--burst", "50")
    first, second, third = admin.requests["UpdatePrincipal"]
    assert (first.disabled, first.HasField("limits")) == (True, False)
    assert (second.disabled, second.HasField("limits"), second.limits.ByteSize()) == (False, True, 0)
    assert (third.HasField("disabled"), third.limits.burst) == (False, 50)


@pytest.mark.parametrize("options", [(), ("--no-limits", "--burst", "5"), ("--max-repayment", "lots")])
def test_change_of_nothing_or_of_two_minds_is_wrong_usage(almeno, admin, options):
    assert almeno("principals", "update", "branch-pune", *options).exit_code == USAGE
    assert not admin.requests


@pytest.mark.usefixtures("admin")
def test_principals_are_listed(almeno):
    shown = almeno("principals", "list").stdout
    assert "branch-pune" in shown
    assert "enabled" in shown
    assert json.loads(almeno("--json", "principals", "list").stdout)["principals"][0]["limits"] == {
        "max_loan_amount": "500000.00",
        "max_repayment": None,
        "calls_per_second": 20,
        "burst": None,
        "max_streams": 4,
        "max_pii_reads_per_day": None,
    }


def test_certificate_name_is_set_and_removed(almeno, admin):
    name = "spiffe://lender.example/branch/pune"
    assert "branch-pune" in almeno("certificates", "set", name, "--principal", "branch-pune").stdout
    assert almeno("--json", "certificates", "remove", name).exit_code == 0
    assert only(admin, "SetCertificateName").principal == "branch-pune"
    assert only(admin, "RemoveCertificateName").name == name


def test_audit_trail_is_listed_by_caller_customer_and_time(almeno, admin):
    options = ("--principal", "branch-pune", "--customer", "14", "--since", "2026-01-31T18:30:00+05:30")
    shown = almeno("audit", "list", *options, width=120).stdout
    for text in ("2026-01-01 00:00:00", "branch-pune", "CreateLoan", "14", "1000000001", "OK"):
        assert text in shown
    request = only(admin, "ListAuditEvents")
    assert (request.principal, request.customer_id) == ("branch-pune", 14)
    assert request.start_time.ToDatetime(tzinfo=UTC) == datetime(2026, 1, 31, 13, tzinfo=UTC)
    event = json.loads(almeno("--json", "audit", "list", "--until", "2026-02-01").stdout)["events"][0]
    assert (event["kind"], event["hash"]) == ("WRITE", bytes(range(32)).hex())


@pytest.mark.usefixtures("admin")
def test_checkpoint_is_shown_in_hexadecimal(almeno):
    assert bytes(range(32)).hex() in almeno("audit", "checkpoint").stdout
    assert json.loads(almeno("--json", "audit", "checkpoint", "9").stdout)["checkpoint"]["number"] == 9


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("audit", "list", "--since", "yesterday"), "--since"),
        (("audit", "checkpoint", "-1"), "-1"),
        (("keys", "create", "branch-pune"), "--key-file"),
        (("keys", "create", "branch-pune", "--key-file", "/nowhere/key"), "/nowhere"),
        (("keys", "create", "branch-pune", "--key-file", "key", "--expires", "soon"), "--expires"),
        (("keys", "rotate", "Ab3dE6gH9jK2", "--key-file", "key", "--overlap", "a day"), "--overlap"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_sent(almeno, admin, arguments, complaint):
    result = almeno(*arguments)
    assert result.exit_code == USAGE, result.output
    assert complaint in result.stderr
    assert not admin.requests


def test_repeat_with_a_file_that_holds_no_key_is_refused(almeno, admin, file):
    file.write_text(new_key()[:-1])
    file.chmod(0o600)
    result = almeno("keys", "create", "branch-pune", "--key-file", str(file), "--request-id", REQUEST_ID)
    assert result.exit_code == USAGE
    assert not admin.requests
