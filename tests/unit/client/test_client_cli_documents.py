"""Answers for programs: JSON, CSV, and lines of cells between tabs where no terminal is."""

import csv
import io
import json

import grpc
import pytest

from almeno_grpc.api import change_event_pb2
from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio

TERMS = ("--amount", "₹5,00,000", "--rate", "10.5", "--tenure", "60")


@pytest.fixture(autouse=True)
def book(service, sample):
    customers = [
        sample.customer(customer_id=number, first_name=name) for number, name in ((1, "Asha"), (2, 'A,"\t\nb'))
    ]
    service.answers("ListCustomers", credit.ListCustomersResponse(customers=customers))
    service.answers("GetCustomer", credit.GetCustomerResponse(customer=sample.customer(), position=sample.position()))
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=sample.decision()))
    decisions = [sample.stored_decision(), sample.stored_decision()]
    service.answers("ListDecisions", credit.ListDecisionsResponse(decisions=decisions))
    return service


def test_piped_list_is_a_line_a_row_between_tabs_without_headings_frames_or_colours(almeno):
    piped = almeno("customers", output=None)
    assert (piped.exit_code, piped.stderr) == (0, "")
    first, second = (line.split("\t") for line in piped.stdout.splitlines())
    record = json.loads(almeno("customers", "--json").stdout)["customers"][0]
    assert first == ["false" if cell is False else str(cell) for cell in record.values()]
    assert second[:2] == ["2", 'A,"  b']
    assert piped.stdout == almeno("customers", "--output", "tsv").stdout


def test_piped_record_is_a_line_a_field(almeno):
    cells = dict(line.split("\t") for line in almeno("customer", "14", output=None).stdout.splitlines())
    assert cells["customer.first_name"] == "Asha"
    assert cells["customer.create_time"] == "2026-01-01T00:00:00Z"
    assert cells["position.current_debt"] == "456789.25"
    alone = almeno("check", "14", *TERMS, output=None).stdout
    assert "approved\ttrue\n" in alone
    assert "position.emis_due\t36\n" in alone


def test_csv_has_the_fields_of_json_under_their_names(almeno):
    rows = list(csv.DictReader(io.StringIO(almeno("customers", "--output", "csv").stdout)))
    records = json.loads(almeno("customers", "--json").stdout)["customers"]
    assert [row["first_name"] for row in rows] == ["Asha", 'A,"\t\nb']
    assert rows[0].keys() == records[0].keys()
    assert (rows[0]["monthly_income"], rows[0]["redacted"]) == ("50000.00", "false")


def test_csv_of_a_record_is_one_row(almeno):
    (row,) = csv.DictReader(io.StringIO(almeno("--output", "csv", "customer", "14").stdout))
    assert (row["customer.age"], row["position.loan_count"]) == ("34", "3")


def test_cell_with_several_values_is_json(almeno):
    (row, _) = csv.DictReader(io.StringIO(almeno("decisions", "14", "--output", "csv").stdout))
    assert [part["name"] for part in json.loads(row["score_components"])][:1] == ["on_time_payments"]
    assert json.loads(row["reasons"]) == ["LOAN_EXCEEDS_LIMIT", "EMI_BURDEN_TOO_HIGH"]


def test_list_that_goes_on_says_so_beside_the_rows(almeno):
    for output in ("csv", "tsv"):
        result = almeno("customers", "--limit", "1", "--output", output)
        assert result.stderr == "There are more; --limit 0 shows all.\n"
        assert "There" not in result.stdout


@pytest.fixture
def uneven(service, sample):
    """Lists whose records have of the records within them one all, the next none."""
    parts = ({"customer": sample.customer()}, {"loan": sample.loan(), "repayment": sample.repayment(1)}, {})
    day = {"year": 2026, "month": 4, "day": 10}
    events = [
        change_event_pb2.ChangeEvent(sequence=number, business_date=day, **part)
        for number, part in enumerate(parts, start=1)
    ]
    gone = sample.refusal(grpc.StatusCode.OUT_OF_RANGE, "removed", "EVENTS_REMOVED")
    service.answers("ListEvents", lambda request, _: portfolio.ListEventsResponse(events=events[request.after :]))
    service.answers("WatchEvents", lambda *_: [portfolio.WatchEventsResponse(events=events), gone])
    decisions = [sample.stored_decision(), sample.damaged_decision()]
    service.answers("ListDecisions", credit.ListDecisionsResponse(decisions=decisions))
    return service


@pytest.mark.usefixtures("uneven")
@pytest.mark.parametrize("command", [("events", "--after", "0"), ("decisions", "14")], ids=" ".join)
def test_every_row_of_a_list_has_the_same_columns_whatever_its_records_lack(almeno, command):
    headings, *rows = csv.reader(io.StringIO(almeno(*command, output="csv").stdout))
    lines = [line.split("\t") for line in almeno(*command, output="tsv").stdout.splitlines()]
    assert {len(row) for row in rows} == {len(line) for line in lines} == {len(headings)}
    assert len(set(headings)) == len(headings)
    assert all(line == row for line, row in zip(lines, rows, strict=True))
    if command[0] == "events":
        at = headings.index("repayment.amount")
        assert [line[at] for line in lines] == ["", "10746.95", ""]


@pytest.mark.usefixtures("uneven")
def test_events_that_are_followed_have_the_columns_of_those_that_are_listed(almeno):
    listed = almeno("events", "--after", "0", output="tsv").stdout.splitlines()
    assert almeno("events", "--follow", "--after", "0", output="tsv").stdout.splitlines() == listed


def test_option_after_the_command_and_the_variable_are_heard_the_option_first(almeno):
    assert almeno("customers", output="json").stdout == almeno("--output", "json", "customers").stdout
    assert almeno("customers", "--output", "csv", output="json").stdout.startswith("customer_id,")
    assert almeno("customers", "--json", output="csv").stdout.startswith("{")
    assert almeno("customers", output="xml").exit_code == 2


@pytest.mark.parametrize(
    "arguments", [("--json", "customers", "--output", "csv"), ("--output", "csv", "customers", "--json")]
)
def test_two_forms_at_once_are_wrong_usage(almeno, arguments):
    result = almeno(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "json" in result.stderr
    assert "csv" in result.stderr


def test_at_a_terminal_there_are_tables(almeno, monkeypatch):
    monkeypatch.setattr("almeno_client.cli.output._Output.isatty", lambda _: True, raising=False)
    assert "Approved limit" in almeno("customers", output=None).stdout


WRONG = [
    ("check", "14", "--json"),
    ("--json", "lend"),
    ("--output=json", "customers", "--limit", "-1"),
    ("customers", "--limit", "x", "--output", "json"),
    ("--json", "import", "loans", "/nowhere.csv"),
    ("--json", "--timeout", "soon", "customers"),
    ("find", "--json"),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_usage_is_json_for_programs(almeno, book, arguments):
    result = almeno(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    error = json.loads(result.stderr)["error"]
    assert error.keys() == {"message", "code", "usage"}
    assert error["code"] == "USAGE"
    assert error["message"]
    assert error["usage"].startswith("almeno")
    assert not book.requests


def test_refusal_with_csv_is_told_to_people(almeno, service, sample):
    service.answers("GetCustomer", sample.refusal(grpc.StatusCode.NOT_FOUND, "no customer 14", "CUSTOMER_NOT_FOUND"))
    told = almeno("customer", "14", "--output", "csv").stderr
    assert told == "Error: no customer 14 (CUSTOMER_NOT_FOUND)\n"
