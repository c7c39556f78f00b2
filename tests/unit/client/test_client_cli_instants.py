"""Instants at a terminal are local, with the zone; amounts and counts have one grouping of digits."""

import json
import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from almeno_grpc.api import access_service_pb2 as access
from almeno_grpc.api import change_event_pb2
from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio


@pytest.fixture
def in_india(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_india")
def test_instants_are_local_for_people_and_in_utc_for_programs(almeno, service, sample):
    service.answers("GetCustomer", credit.GetCustomerResponse(customer=sample.customer(), position=sample.position()))
    service.answers("ListAuditEvents", access.ListAuditEventsResponse(events=[sample.audit_event()]))
    assert "2026-01-01 05:30 IST" in almeno("customer", "14").stdout
    assert " IST" in almeno("audit", "list", width=120).stdout
    assert json.loads(almeno("customer", "14", "--json").stdout)["customer"]["create_time"] == "2026-01-01T00:00:00Z"
    assert "2026-01-01T00:00:00Z" in almeno("customer", "14", output=None).stdout
    assert "2026-01-01T00:00:00Z" in almeno("customer", "14", output="csv").stdout


@pytest.mark.usefixtures("in_india")
def test_time_that_is_asked_for_is_local_unless_it_names_its_zone(almeno, service):
    service.answers("ListAuditEvents", access.ListAuditEventsResponse())
    almeno("audit", "list", "--since", "2026-01-31", "--until", "2026-02-01T00:00:00Z")
    [request] = service.requests["ListAuditEvents"]
    assert request.start_time.ToJsonString() == "2026-01-30T18:30:00Z"
    assert request.end_time.ToJsonString() == "2026-02-01T00:00:00Z"
    assert almeno("audit", "list", "--since", "0001-01-01").exit_code == 2


@pytest.mark.usefixtures("in_india")
def test_events_are_told_in_local_time_with_its_zone(almeno, service):
    event = change_event_pb2.ChangeEvent(
        sequence=1, event_time=Timestamp(seconds=1_767_225_600), business_date={"year": 2026, "month": 1, "day": 1}
    )
    service.answers("ListEvents", lambda asked, _: portfolio.ListEventsResponse(events=[event][asked.after :]))
    assert "2026-01-01 05:30 IST" in almeno("events", "--after", "0").stdout
    assert "2026-01-01T00:00:00Z" in almeno("events", "--after", "0", output="tsv").stdout


def test_changes_and_imports_have_the_indian_grouping(almeno, service, sample):
    change = sample.customer_change()
    service.answers("ListCustomerChanges", credit.ListCustomerChangesResponse(changes=[change]))
    state = sample.import_("SUCCEEDED", rows_total=1_234_567, rows_rejected=123_456)
    service.answers("ListImports", portfolio.ListImportsResponse(imports=[state]))
    shown = almeno("changes", "14").stdout
    assert "₹5,00,000.00" in shown
    assert "₹1,000.00" in shown
    listed = almeno("imports").stdout
    assert "12,34,567" in listed
    assert "1,23,456 rejected" in listed
