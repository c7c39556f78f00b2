"""Files as they should not be, through a real server: a clear end, nothing half done, and the server goes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import pytest
from support.book_files import (
    CUSTOMER_HEADINGS,
    LOAN_HEADINGS,
    csv_file,
    customer_row,
    loan_row,
    workbook,
)
from support.calls import SECONDS, check_of, refused, registered
from support.servers import CUSTOMERS, LOANS, RunningServer, StartServer
from support.unsound_files import GOOD, MAX_ROWS, UNPACKED_BYTES, UNSOUND_FILES

from almeno_grpc.api import import_pb2
from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.domain.imports import ImportKind

KINDS = {ImportKind.CUSTOMERS: CUSTOMERS, ImportKind.LOANS: LOANS}
UPLOAD_BYTES = 256 * 2**10
THROUGH_THE_SERVER = ("empty", "corrupt zip", "open quote", "zip bomb that lies", "cell far away", "customers as loans")
"""Of the unsound files, all of which the unit tests read, one of each way to go wrong."""


@pytest.fixture(scope="module")
def limited_server(start_shared_server: StartServer) -> RunningServer:
    """A server with low limits on what is imported, and customers 1 to 3."""
    server = start_shared_server(
        ALMENO_IMPORT_MAX_UNPACKED_BYTES=str(UNPACKED_BYTES),
        ALMENO_IMPORT_MAX_ROWS=str(MAX_ROWS),
        ALMENO_IMPORT_MAX_UPLOAD_BYTES=str(UPLOAD_BYTES),
        ALMENO_IMPORT_BATCH_ROWS="100",
        ALMENO_IMPORT_MAX_MEMORY_BYTES="1GiB",
    )
    assert server.load(CUSTOMERS, GOOD, "book.xlsx").rows_inserted == 3
    return server


@pytest.fixture(scope="module")
def borrower(limited_server: RunningServer) -> int:
    return registered(limited_server.credit).customer_id


def accounts_for_its_rows(file: import_pb2.Import) -> bool:
    parts = (file.rows_inserted, file.rows_updated, file.rows_unchanged, file.rows_rejected)
    return file.rows_total == sum(parts)


def book(server: RunningServer) -> list[list[dict[str, object]]]:
    return [server.rows("SELECT * FROM customer"), server.rows("SELECT * FROM loan")]


@pytest.mark.parametrize("what", THROUGH_THE_SERVER)
def test_file_that_is_unsound_as_a_whole_fails_with_a_reason_and_leaves_no_trace(
    limited_server: RunningServer, borrower: int, what: str
) -> None:
    server, file = limited_server, UNSOUND_FILES[what]
    before = book(server)
    ended = server.load(KINDS[file.kind], file.content(), file.name)
    assert ended.state == import_pb2.IMPORT_STATE_FAILED
    assert file.words in ended.error
    assert "server" not in ended.error, "it is the file's fault, not the server's"
    assert ended.HasField("end_time")
    assert (ended.rows_inserted, ended.rows_updated, ended.rows_unchanged, ended.rows_rejected) == (0, 0, 0, 0)
    assert server.issues(ended.import_id) == []
    assert book(server) == before
    assert server.credit.CheckEligibility(check_of(borrower, 10_000), timeout=SECONDS).decision.approved


@dataclass(frozen=True)
class Taken:
    """A file that is taken, with what becomes of its rows: inserted, rejected, and the issues' rows and columns."""

    name: str
    content: Callable[[], bytes]
    inserted: int
    rejected: int = 0
    issues: list[tuple[int, str]] = field(default_factory=list)
    kind: int = CUSTOMERS


def customers(first: int, *changes: dict[str, object]) -> list[list[object]]:
    return [customer_row(first + place, **change) for place, change in enumerate(changes)]


def loans_of_customer_one(first: int, *changes: dict[str, object]) -> list[list[object]]:
    return [loan_row(1, first + place, **change) for place, change in enumerate(changes)]


BAD_CUSTOMERS: list[dict[str, object]] = [
    {"customer_id": "one"},
    {"customer_id": -3},
    {"customer_id": 2.5},
    {"first_name": "  "},
    {"last_name": 77},
    {"first_name": "x" * 101},
    {"age": "forty"},
    {"age": 17},
    {"phone_number": "call me"},
    {"phone_number": 12},
    {"monthly_salary": "lots"},
    {"monthly_salary": -1},
    {"monthly_salary": 0.001},
    {"approved_limit": "=1/0"},
    {"approved_limit": True},
]
BAD_LOANS: list[dict[str, object]] = [
    {"customer_id": 999_999},
    {"loan_id": "L-1"},
    {"loan_amount": 999},
    {"loan_amount": "1e9"},
    {"tenure": 0},
    {"tenure": 601},
    {"interest_rate": "101"},
    {"interest_rate": 8.12345},
    {"monthly_payment": 0},
    {"emis_paid_on_time": -1},
    {"date_of_approval": "yesterday"},
    {"date_of_approval": "2026-02-30"},
    {"date_of_approval": 45_000},
]


def column_of(change: dict[str, object], headings: tuple[str, ...]) -> str:
    return next(heading for heading in headings if heading.lower().replace(" ", "_") in change)


TAKEN = {
    "xlsx renamed csv": Taken("book.csv", lambda: workbook(CUSTOMER_HEADINGS, customers(10, {}, {})), 2),
    "extra columns": Taken(
        "book.xlsx",
        lambda: workbook(("Notes", *CUSTOMER_HEADINGS, "Branch"), [["n", *customer_row(20), "b"]]),
        1,
    ),
    "headings in other words": Taken(
        "book.csv",
        lambda: csv_file([heading.upper().replace(" ", "_") for heading in CUSTOMER_HEADINGS], customers(25, {})),
        1,
    ),
    "byte order mark": Taken("book.csv", lambda: b"\xef\xbb\xbf" + csv_file(CUSTOMER_HEADINGS, customers(27, {})), 1),
    "headings alone": Taken("book.xlsx", lambda: workbook(CUSTOMER_HEADINGS, []), 0),
    "blank rows": Taken(
        "book.xlsx",
        lambda: workbook(
            [],
            [
                [],
                CUSTOMER_HEADINGS,
                [],
                customer_row(30),
                [],
                [None] * 7,
                customer_row(31),
                customer_row(32, customer_id="x"),
            ],
        ),
        2,
        1,
        [(9, "Customer ID")],
    ),
    "cell far to the right": Taken(
        "book.xlsx", lambda: workbook(CUSTOMER_HEADINGS, customers(40, {}, {}), {"XFD3": "lost"}), 2
    ),
    "bad cells of customers": Taken(
        "book.xlsx",
        lambda: workbook(CUSTOMER_HEADINGS, customers(50, *BAD_CUSTOMERS, {})),
        1,
        len(BAD_CUSTOMERS),
        [(row, column_of(change, CUSTOMER_HEADINGS)) for row, change in enumerate(BAD_CUSTOMERS, start=2)],
    ),
    "bad cells of loans": Taken(
        "book.csv",
        lambda: csv_file(LOAN_HEADINGS, loans_of_customer_one(500, *BAD_LOANS, {})),
        1,
        len(BAD_LOANS),
        [(row, column_of(change, LOAN_HEADINGS)) for row, change in enumerate(BAD_LOANS, start=2)],
        kind=LOANS,
    ),
    "end date that does not follow": Taken(
        "book.xlsx",
        lambda: workbook(
            LOAN_HEADINGS,
            loans_of_customer_one(
                600, {"end_date": date(2027, 2, 5)}, {"end_date": None}, {"end_date": "soon"}, {"emis_paid_on_time": 15}
            ),
        ),
        4,
        0,
        [(2, "End Date"), (3, "End Date"), (4, "End Date"), (5, "EMIs paid on Time")],
        kind=LOANS,
    ),
    "formulas without values": Taken(
        "book.xlsx",
        lambda: workbook(CUSTOMER_HEADINGS, customers(80, {"monthly_salary": "=10000*5"}, {"age": "=NOW()"}, {})),
        1,
        2,
        [(2, "Monthly Salary"), (3, "Age")],
    ),
    "phone number of somebody else": Taken(
        "book.csv",
        lambda: csv_file(CUSTOMER_HEADINGS, customers(90, {}, {"phone_number": 8_000_000_090}, {})),
        2,
        1,
        [(3, "Phone Number")],
    ),
    "same row twice and another one": Taken(
        "book.csv",
        lambda: csv_file(CUSTOMER_HEADINGS, [customer_row(95), customer_row(95), customer_row(95, age=31)]),
        1,
        1,
        [(4, "Customer ID")],
    ),
    "overlong line": Taken(
        "book.csv",
        lambda: csv_file(CUSTOMER_HEADINGS, [customer_row(97), [*customer_row(98), "beyond"]]),
        1,
        1,
        [(3, "")],
    ),
    "as many rows as may be": Taken(
        "book.csv", lambda: csv_file(CUSTOMER_HEADINGS, map(customer_row, range(1_001, 1_001 + MAX_ROWS))), MAX_ROWS
    ),
}


@pytest.mark.parametrize("what", TAKEN)
def test_good_rows_are_imported_and_each_bad_one_has_its_issue(
    limited_server: RunningServer, borrower: int, what: str
) -> None:
    server, file = limited_server, TAKEN[what]
    ended = server.load(file.kind, file.content(), file.name)
    assert (ended.state, ended.error) == (import_pb2.IMPORT_STATE_SUCCEEDED, "")
    assert accounts_for_its_rows(ended)
    assert (ended.rows_inserted, ended.rows_rejected) == (file.inserted, file.rejected)
    assert [(issue.row_number, issue.column) for issue in server.issues(ended.import_id)] == file.issues
    assert server.credit.CheckEligibility(check_of(borrower, 10_000), timeout=SECONDS).decision.approved


def test_issue_quotes_neither_names_nor_phone_numbers(limited_server: RunningServer) -> None:
    rows = customers(200, {"first_name": "Zebulon" * 20}, {"phone_number": "71234abc"}, {})
    ended = limited_server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, rows))
    issues = limited_server.issues(ended.import_id)
    assert len(issues) == 2
    assert not any("Zebulon" in issue.message or "71234" in issue.message for issue in issues)


def test_file_whose_rows_have_changed_updates_them(limited_server: RunningServer) -> None:
    rows = customers(300, {}, {}, {})
    limited_server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, rows))
    rows[1][3] = 44
    ended = limited_server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, rows))
    assert (ended.rows_inserted, ended.rows_updated, ended.rows_unchanged) == (0, 1, 2)
    assert accounts_for_its_rows(ended)


def test_upload_that_is_too_large_is_refused_and_not_queued(limited_server: RunningServer, borrower: int) -> None:
    before = len(limited_server.rows("SELECT 1 AS one FROM import_file"))
    chunks = [pb.StartImportRequest(chunk=bytes(64 * 2**10)) for _ in range(5)]
    header = pb.StartImportRequest(header=pb.ImportHeader(kind=CUSTOMERS, file_name="a.csv"))
    refusal = refused(limited_server.portfolio.StartImport, iter([header, *chunks]))
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "UPLOAD_TOO_LARGE")
    assert len(limited_server.rows("SELECT 1 AS one FROM import_file")) == before
    assert limited_server.credit.CheckEligibility(check_of(borrower, 10_000), timeout=SECONDS).decision.approved


def test_cancelled_import_that_waits_ends_at_once_and_one_that_has_ended_stays(limited_server: RunningServer) -> None:
    # The first keeps the worker busy while the second waits.
    imports = [
        limited_server.upload(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, customers(400 + 10 * place, {}, {})))
        for place in range(4)
    ]
    last = imports[-1].import_id
    cancelled = limited_server.portfolio.CancelImport(
        pb.CancelImportRequest(import_id=last), timeout=SECONDS
    ).book_import
    assert cancelled.state == import_pb2.IMPORT_STATE_CANCELLED
    assert limited_server.wait_for_import(imports[0].import_id).state == import_pb2.IMPORT_STATE_SUCCEEDED
    request = pb.CancelImportRequest(import_id=imports[0].import_id)
    ended = limited_server.portfolio.CancelImport(request, timeout=SECONDS).book_import
    assert ended.state == import_pb2.IMPORT_STATE_SUCCEEDED
    limited_server.wait_for_import(imports[2].import_id)
    assert limited_server.rows("SELECT 1 AS one FROM customer WHERE customer_id BETWEEN 430 AND 439") == []


def test_watch_shows_every_step_in_order_up_to_the_end(limited_server: RunningServer) -> None:
    rows = [customer_row(number) for number in range(2_001, 2_301)]
    file = limited_server.upload(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, rows))
    request = pb.WatchImportRequest(import_id=file.import_id)
    states = [answer.book_import for answer in limited_server.portfolio.WatchImport(request, timeout=60)]
    assert states[-1].state == import_pb2.IMPORT_STATE_SUCCEEDED
    assert states[-1].rows_inserted == 300
    done = [state.rows_inserted for state in states]
    assert done == sorted(done)
    assert all(first != second for first, second in pairwise(states))
