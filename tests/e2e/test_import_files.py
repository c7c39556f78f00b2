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
    padded_workbook,
    parts_of,
    with_stated_size,
    workbook,
    zip_of,
)
from support.calls import SECONDS, check_of, refused, registered
from support.servers import CUSTOMERS, LOANS, RunningServer, StartServer

from almeno_grpc.api import import_pb2
from almeno_grpc.api import portfolio_service_pb2 as pb

UNPACKED_BYTES, MAX_ROWS, UPLOAD_BYTES = 2**20, 400, 256 * 2**10
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
SHEET = "xl/worksheets/sheet1.xml"

GOOD = workbook(CUSTOMER_HEADINGS, [customer_row(number) for number in range(1, 4)])
GOOD_CSV = csv_file(CUSTOMER_HEADINGS, [customer_row(number) for number in range(1, 4)])


def without(heading: str) -> tuple[str, ...]:
    return tuple(other for other in CUSTOMER_HEADINGS if other != heading)


@dataclass(frozen=True)
class Refused:
    """A file that is refused as a whole, and words of the reason."""

    name: str
    content: Callable[[], bytes]
    words: str
    kind: int = CUSTOMERS


REFUSED = {
    "empty": Refused("a.xlsx", lambda: b"", "the file is empty"),
    "empty csv": Refused("a.csv", lambda: b"", "the file is empty"),
    "only white space": Refused("a.csv", lambda: b"\n \n\n", "is empty"),
    "empty sheet": Refused("a.xlsx", lambda: workbook([], []), "is empty"),
    "corrupt zip": Refused("a.xlsx", lambda: GOOD[:600] + bytes(400) + GOOD[1000:], "damaged"),
    "zip cut short": Refused("a.xlsx", lambda: GOOD[: len(GOOD) // 2], "damaged"),
    "png renamed": Refused("a.xlsx", lambda: PNG, "not an .xlsx workbook although its name says so"),
    "png renamed csv": Refused("a.csv", lambda: PNG, "CSV"),
    "csv renamed xlsx": Refused("a.xlsx", lambda: GOOD_CSV, "not an .xlsx workbook although its name says so"),
    "zip that is no workbook": Refused("a.xlsx", lambda: zip_of({"a.txt": b"a"}), "not an .xlsx workbook"),
    "workbook without sheets": Refused(
        "a.xlsx", lambda: zip_of({"[Content_Types].xml": b"<Types/>"}), "not a sound workbook"
    ),
    "sheet that is no xml": Refused(
        "a.xlsx", lambda: zip_of(parts_of(GOOD) | {SHEET: b"\0\1<<<"}), "not a sound workbook"
    ),
    "old office file": Refused("a.xlsx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "or has a password"),
    "missing heading": Refused(
        "a.csv", lambda: csv_file(without("Age"), [customer_row(1)[:6]]), "no column headed 'Age'"
    ),
    "several missing headings": Refused(
        "a.xlsx", lambda: workbook(["Customer ID", "Age"], [[1, 2]]), "'First Name', 'Last Name', 'Phone Number'"
    ),
    "heading twice": Refused(
        "a.csv", lambda: csv_file((*CUSTOMER_HEADINGS, "AGE"), [[*customer_row(1), 4]]), "more than one column"
    ),
    "customers as loans": Refused("a.xlsx", lambda: GOOD, "no column headed 'Loan ID'", LOANS),
    "no headings": Refused("a.csv", lambda: csv_file(customer_row(1), [customer_row(2)]), "no column headed"),
    "latin-1 text": Refused(
        "a.csv", lambda: GOOD_CSV + "4,Jos\xe9,Rao,30,9,1,1\n".encode("latin-1"), "CSV in UTF-8 (line 5 is not)"
    ),
    "utf-16 text without its mark": Refused("a.csv", lambda: GOOD_CSV.decode().encode("utf-16-le"), "CSV"),
    "open quote": Refused("a.csv", lambda: GOOD_CSV + b'4,"Asha', "not sound CSV"),
    "zip bomb": Refused("a.xlsx", lambda: padded_workbook(GOOD, 2 * UNPACKED_BYTES), "too large once unpacked"),
    "zip bomb that lies": Refused(
        "a.xlsx",
        lambda: with_stated_size(padded_workbook(GOOD, 40 * UNPACKED_BYTES), SHEET, 1_000),
        "too large once unpacked",
    ),
    "size that lies": Refused("a.xlsx", lambda: with_stated_size(GOOD, SHEET, 10), "damaged"),
    "cell far away": Refused(
        "a.xlsx",
        lambda: workbook(CUSTOMER_HEADINGS, [customer_row(1)], {"XFD1048576": "lost"}),
        "it may hold a cell far away from the others",
    ),
    "too many rows": Refused(
        "a.csv",
        lambda: csv_file(CUSTOMER_HEADINGS, map(customer_row, range(1, MAX_ROWS + 2))),
        f"more than {MAX_ROWS} rows",
    ),
}


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


@pytest.mark.parametrize("what", REFUSED)
def test_file_that_is_unsound_as_a_whole_fails_with_a_reason_and_leaves_no_trace(
    limited_server: RunningServer, borrower: int, what: str
) -> None:
    server, file = limited_server, REFUSED[what]
    before = book(server)
    ended = server.load(file.kind, file.content(), file.name)
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


APPROVED_BY_DATE = {
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


@pytest.mark.parametrize("what", APPROVED_BY_DATE)
def test_good_rows_are_imported_and_each_bad_one_has_its_issue(
    limited_server: RunningServer, borrower: int, what: str
) -> None:
    server, file = limited_server, APPROVED_BY_DATE[what]
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
