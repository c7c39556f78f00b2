"""The command line `almeno` against a real server: every command, what it prints, and how it ends."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.book_files import CUSTOMER_HEADINGS, LOAN_HEADINGS, csv_file, customer_row, loan_row, workbook
from support.calls import NOBODY
from support.command_line import DECLINED, IMPORT_ENDED_EARLY, REFUSED, ROWS_REJECTED, UNAVAILABLE, USAGE, Almeno
from support.interrupts import almeno_interrupted_while_waiting
from support.servers import RunningServer

LOAN = ("--rate", "10.5", "--tenure", "60")
REQUEST_ID = "5f0c2c5a-3c2e-4a47-9d55-0c7a4a6f1a77"


@pytest.fixture(scope="module")
def almeno(server: RunningServer) -> Almeno:
    return Almeno(server.address)


@pytest.fixture(scope="module")
def customer_id(almeno: Almeno) -> int:
    person = ("--first-name", "Asha", "--last-name", "Rao", "--age", 34, "--income", "₹85,000")
    return int(almeno.json("register", *person, "--phone", "98450 55551")["customer"]["customer_id"])


@pytest.fixture(scope="module")
def loan_id(almeno: Almeno, customer_id: int) -> int:
    return int(almeno.json("apply", customer_id, "--amount", "1,00,000", *LOAN)["loan"]["loan_id"])


def test_register_shows_the_customer_with_the_limit_and_the_same_request_id_again_too(almeno: Almeno) -> None:
    person = ("--first-name", "Ravi", "--last-name", "Iyer", "--age", 41, "--income", "1,20,000")
    command = ("register", *person, "--phone", "98450 55552", "--request-id", REQUEST_ID)
    shown = almeno.run(*command)
    assert "Ravi Iyer" in shown
    assert "₹43,00,000.00" in shown
    assert almeno.run(*command) == shown
    taken = almeno.json("register", *person, "--phone", "98450 55552", ends_with=REFUSED)["error"]
    assert (taken["code"], taken["reason"]) == ("ALREADY_EXISTS", "PHONE_NUMBER_TAKEN")


def test_customer_and_customers_show_who_is_registered(almeno: Almeno, customer_id: int) -> None:
    assert "₹31,00,000.00" in almeno.run("customer", customer_id)
    document = almeno.json("customer", customer_id)
    assert document["customer"]["approved_limit"] == "3100000.00"
    assert document["position"]["emis_due"] == 0
    assert str(customer_id) in almeno.run("customers", "--limit", 0)
    listed = almeno.json("customers", "--limit", 0)
    assert customer_id in [customer["customer_id"] for customer in listed["customers"]]
    assert "CUSTOMER_NOT_FOUND" in almeno.run("customer", NOBODY, ends_with=REFUSED)


def test_check_shows_the_score_and_every_reason(almeno: Almeno, customer_id: int) -> None:
    shown = almeno.run("check", customer_id, "--amount", "₹5,00,000", *LOAN)
    for words in ("Approved", "of 100", "Instalments paid on time", "Loans taken before", "Volume against the limit"):
        assert words in shown
    declined = almeno.run("check", customer_id, "--amount", "90,00,000", *LOAN, ends_with=DECLINED)
    assert "owe more than the approved limit" in declined
    assert "too much of the income" in declined
    assert "Possible instead" in declined
    document = almeno.json("check", customer_id, "--amount", "90,00,000", *LOAN, ends_with=DECLINED)
    assert document["decision"]["reasons"] == ["LOAN_EXCEEDS_LIMIT", "EMI_BURDEN_TOO_HIGH"]


def test_apply_books_and_declines(almeno: Almeno, customer_id: int) -> None:
    shown = almeno.run("apply", customer_id, "--amount", 20_000, "--rate", "15 %", "--tenure", 24)
    assert "₹969.73" in shown
    declined = almeno.json(
        "apply", customer_id, "--amount", 20_000, "--rate", 5, "--tenure", 24, "--max-rate", 4, ends_with=DECLINED
    )
    assert declined["loan"] is None
    assert declined["decision"]["decision_id"]
    assert "RATE_ABOVE_MAXIMUM" in declined["decision"]["reasons"]


def test_loan_schedule_and_loans_show_what_was_booked(almeno: Almeno, customer_id: int, loan_id: int) -> None:
    assert "active, not past due" in almeno.run("loan", loan_id)
    document = almeno.json("loan", loan_id, "--schedule")
    assert document["loan"]["loan_amount"] == "100000.00"
    assert len(document["installments"]) == 60
    assert "Balance after" in almeno.run("schedule", loan_id)
    assert len(almeno.json("schedule", loan_id)["installments"]) == 60
    assert str(loan_id) in almeno.run("loans", customer_id, "--state", "active")
    assert almeno.json("loans", customer_id, "--state", "closed")["loans"] == []
    assert "LOAN_NOT_FOUND" in almeno.run("loan", NOBODY, ends_with=REFUSED)
    assert "LOAN_NOT_FOUND" in almeno.run("schedule", NOBODY, ends_with=REFUSED)


def test_import_goes_to_its_end_and_shows_the_rows_with_issues(almeno: Almeno, tmp_path: Path) -> None:
    customers, loans = tmp_path / "customers.xlsx", tmp_path / "loans.csv"
    customers.write_bytes(workbook(CUSTOMER_HEADINGS, map(customer_row, range(1, 4))))
    rows = [loan_row(1, 1), loan_row(2, 1), loan_row(3, 3, end_date="2030-01-01"), loan_row(9, 4)]
    loans.write_bytes(csv_file(LOAN_HEADINGS, rows))
    assert "succeeded" in almeno.run("import", "customers", customers)
    shown = almeno.run("import", "loans", loans, "--book-date", "2026-03-31", ends_with=ROWS_REJECTED)
    assert "no customer has the number 9" in shown
    assert "is the number of another loan" in shown
    again = almeno.json("import", "loans", loans, ends_with=ROWS_REJECTED)
    assert (again["import"]["rows_unchanged"], again["import"]["rows_rejected"]) == (3, 1)
    assert again["import"]["book_date"] == "2026-03-31"
    assert [issue["row_number"] for issue in again["issues"]] == [3, 4, 5]
    import_id = again["import"]["import_id"]
    assert "rejected" in almeno.run("import", "status", import_id, ends_with=ROWS_REJECTED)
    assert import_id in almeno.run("imports")
    assert almeno.json("imports", "--limit", 1)["imports"][0]["import_id"] == import_id
    # One that has ended stays as it is, and that is no error.
    assert almeno.json("import", "cancel", import_id)["import"]["state"] == "SUCCEEDED"


def test_file_that_cannot_be_taken_ends_with_6_and_says_why(almeno: Almeno, tmp_path: Path) -> None:
    file = tmp_path / "loans.xlsx"
    file.write_bytes(b"no workbook")
    assert "although its name says so" in almeno.run("import", "loans", file, ends_with=IMPORT_ENDED_EARLY)
    failed = almeno.json("import", "loans", file, ends_with=IMPORT_ENDED_EARLY)["import"]
    assert failed["state"] == "FAILED"
    almeno.run("import", "status", failed["import_id"], ends_with=IMPORT_ENDED_EARLY)


@pytest.fixture
def halted_worker(server: RunningServer) -> Iterator[None]:
    """Keeps imports waiting while the test runs."""
    with server.halted("import"):
        yield


@pytest.mark.usefixtures("halted_worker")
def test_import_can_be_queued_without_waiting_and_cancelled(almeno: Almeno, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_bytes(csv_file(CUSTOMER_HEADINGS, [customer_row(77)]))
    queued = almeno.json("import", "customers", file, "--no-wait")["import"]
    assert queued["state"] == "QUEUED"
    assert "queued" in almeno.run("import", "status", queued["import_id"])
    assert almeno.json("import", "cancel", queued["import_id"])["import"]["state"] == "CANCELLED"
    almeno.run("import", "status", queued["import_id"], ends_with=IMPORT_ENDED_EARLY)


def test_whoever_stops_waiting_for_an_import_is_told_how_to_look_again(
    server: RunningServer, almeno: Almeno, tmp_path: Path
) -> None:
    file = tmp_path / "customers.csv"
    file.write_bytes(csv_file(CUSTOMER_HEADINGS, [customer_row(78)]))
    with server.halted("import"):
        ended = almeno_interrupted_while_waiting("import", "customers", file, environment=almeno.environment())
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
    told = re.search(r"almeno import status (\S+)", ended.stderr)
    assert told, ended.stderr
    assert server.wait_for_import(told[1]).rows_inserted == 1


def test_import_shows_its_progress_on_a_terminal(almeno: Almeno, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_bytes(csv_file(CUSTOMER_HEADINGS, map(customer_row, range(5_001, 7_001))))
    text = almeno.run_on_a_terminal("import", "customers", file)
    assert "2,000" in text
    assert "2000/2000" in text
    assert "succeeded" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", 1, "--amount", "lots", "--rate", "10", "--tenure", "12"],
        ["check", 1, "--amount", "10,0,0", "--rate", "10", "--tenure", "12"],
        ["check", "one", "--amount", "1000", "--rate", "10", "--tenure", "12"],
        ["check", 1, "--amount", "1000", "--rate", "ten", "--tenure", "12"],
        ["check", 1],
        ["check", 2**63, "--amount", "1000", "--rate", "10", "--tenure", "12"],
        ["import", "loans", "/nowhere/loans.xlsx"],
        ["loans", 1, "--state", "asleep"],
        ["rob"],
        ["--tls-cert", __file__, "customers"],
    ],
    ids=str,
)
def test_wrong_usage_ends_with_2(almeno: Almeno, arguments: list[object]) -> None:
    assert almeno.run(*arguments, ends_with=USAGE)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["check", 1, "--amount", "999", "--rate", "10", "--tenure", "12"], "loan_amount"),
        (["check", 1, "--amount", "1000", "--rate", "101", "--tenure", "12"], "interest_rate"),
        (["check", 1, "--amount", "1000", "--rate", "10", "--tenure", "601"], "tenure_months"),
        (["customer", 0], "customer_id"),
    ],
    ids=str,
)
def test_what_the_service_refuses_ends_with_4_and_names_the_field(
    almeno: Almeno, arguments: list[object], field: str
) -> None:
    error = almeno.json(*arguments, ends_with=REFUSED)["error"]
    assert (error["code"], error["reason"]) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert list(error["fields"]) == [field]


def test_service_that_is_not_there_or_too_slow_ends_with_5(
    server: RunningServer, almeno: Almeno, customer_id: int
) -> None:
    nowhere = ("--address", "127.0.0.1:1")
    assert "Is the service running" in almeno.run(*nowhere, "customers", ends_with=UNAVAILABLE)
    error = almeno.json(*nowhere, "--timeout", 1, "apply", 1, "--amount", 1000, *LOAN, ends_with=UNAVAILABLE)["error"]
    # With it the command can be given again with one effect at most.
    assert len(error["request_id"]) == 36
    with server.halted("rpc-0", "rpc-1"):
        error = almeno.json("--timeout", 1, "customer", customer_id, ends_with=UNAVAILABLE)["error"]
    assert error["code"] == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("command", [[], ["import"], ["check"], ["apply"], ["register"], ["schedule"], ["imports"]])
def test_help_of_every_command_is_there(almeno: Almeno, command: list[str]) -> None:
    assert "Usage" in almeno.run(*command, "--help")
