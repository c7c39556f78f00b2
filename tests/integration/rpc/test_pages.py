"""Lists in pages: every row once, even while rows are added, and tokens that are good for their list only."""

import base64
import json

import pytest

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import loan_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb
from almeno_grpc.domain.imports import ImportKind, IssueOutcome, RowCounts, RowIssue

IMPORTS = 7


def fill(server, rows_of):
    """Gives a server 30 customers, 25 loans of customer 7 (every second closed), and imports with 12 issues."""
    server.book.upsert([rows_of.customer(number) for number in range(1, 31)])
    server.book.upsert(
        [rows_of.loan(7, number, emis_paid=12 if number % 2 else 3) for number in range(1, 26)]
        + [rows_of.loan(8, number) for number in range(100, 103)]
    )
    for amount in range(1, 13):
        server.book.repay(2, amount)
        server.book.repay(100, 10 * amount)
    for _ in range(IMPORTS - 2):
        server.book.queue(ImportKind.CUSTOMERS, b"")
    issues = [RowIssue(2 + at // 3, IssueOutcome.REJECTED, "Age", f"fault {at}") for at in range(12)]
    server.book.store.write(lambda tx: tx.imports.add_progress(1, RowCounts(rejected=4), issues))
    server.book.store.write(lambda tx: tx.imports.add_progress(2, RowCounts(rejected=4), issues))
    return server


@pytest.fixture(scope="module")
def listed(shared_stubs, rows_of):
    """The book of `fill`, which the tests leave as it is."""
    return fill(shared_stubs, rows_of)


@pytest.fixture(scope="module")
def lists(listed):
    """The lists of a book that stays as it is."""
    return lists_of(listed)


def lists_of(listed):
    """Each list as a call of (size, token) that gives the keys of its rows and the next token, and all its keys."""
    by_queue_number = {file["queue_number"]: file["import_id"] for file in listed.book.rows("import_file")}

    def customers(size, token):
        answer = listed.credit.ListCustomers(pb.ListCustomersRequest(page_size=size, page_token=token))
        return [row.customer_id for row in answer.customers], answer.next_page_token

    def loans(size, token, customer_id=7, state=loan_pb2.LOAN_STATE_UNSPECIFIED):
        request = pb.ListLoansRequest(customer_id=customer_id, state=state, page_size=size, page_token=token)
        answer = listed.credit.ListLoans(request)
        return [row.loan_id for row in answer.loans], answer.next_page_token

    def active_loans(size, token):
        return loans(size, token, state=loan_pb2.LOAN_STATE_ACTIVE)

    def repayments(size, token, loan_id=2):
        request = pb.ListRepaymentsRequest(loan_id=loan_id, page_size=size, page_token=token)
        answer = listed.credit.ListRepayments(request)
        return [row.amount.nanos // 10_000_000 for row in answer.repayments], answer.next_page_token

    def imports(size, token):
        answer = listed.portfolio.ListImports(portfolio_pb.ListImportsRequest(page_size=size, page_token=token))
        return [row.import_id for row in answer.imports], answer.next_page_token

    def issues(size, token, queue_number=1):
        request = portfolio_pb.ListImportIssuesRequest(
            import_id=by_queue_number[queue_number], page_size=size, page_token=token
        )
        answer = listed.portfolio.ListImportIssues(request)
        return [row.message for row in answer.issues], answer.next_page_token

    return {
        "customers": (customers, list(range(1, 31))),
        "loans": (loans, list(range(1, 26))),
        "active loans": (active_loans, list(range(2, 26, 2))),
        "imports": (imports, [by_queue_number[number] for number in range(IMPORTS, 0, -1)]),
        "issues": (issues, [f"fault {at}" for at in range(12)]),
        "repayments": (repayments, list(range(1, 13))),
        "repayments of another": (
            lambda size, token: repayments(size, token, loan_id=100),
            [*range(10, 100, 10), *range(0, 30, 10)],
        ),
        "loans of another": (lambda size, token: loans(size, token, customer_id=8), [100, 101, 102]),
        "issues of another": (
            lambda size, token: issues(size, token, queue_number=2),
            [f"fault {at}" for at in range(12)],
        ),
    }


NAMES = ["customers", "loans", "active loans", "repayments", "imports", "issues"]
NAMES += ["loans of another", "repayments of another", "issues of another"]


def walk(page, size, between=lambda: None):
    rows, token = page(size, "")
    while token:
        assert len(rows) % size == 0
        between()
        more, token = page(size, token)
        rows += more
    return rows


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 2, 5, 12, 1000, 5000, 2**31 - 1])
def test_page_walk_sees_every_row_once_in_order(lists, name, size):
    page, rows = lists[name]
    assert walk(page, size) == rows


@pytest.mark.parametrize("name", NAMES)
def test_last_page_has_no_token_even_when_it_is_full(lists, name):
    page, rows = lists[name]
    assert page(len(rows), "") == (rows, "")
    assert page(0, "") == (rows[:50], "")


def test_page_has_50_rows_by_default_and_1000_at_most(stubs, rows_of):
    stubs.book.upsert([rows_of.customer(number) for number in range(1, 1002)])
    for size, rows in ((0, 50), (1000, 1000), (1001, 1000), (5000, 1000)):
        answer = stubs.credit.ListCustomers(pb.ListCustomersRequest(page_size=size))
        assert len(answer.customers) == rows
        assert answer.next_page_token


def test_page_walk_sees_every_row_once_while_rows_are_added(stubs, rows_of):
    listed = fill(stubs, rows_of)
    lists = lists_of(listed)
    numbers = iter(range(200, 300))

    def add():
        number = next(numbers)
        listed.book.upsert([rows_of.customer(number)])
        listed.book.upsert([rows_of.loan(7, number)])
        listed.book.upsert([rows_of.loan(7, number + 1000, emis_paid=12)])

    for name in ("customers", "loans", "active loans"):
        page, before = lists[name]
        rows = walk(page, 9, add)
        assert rows[: len(before)] == before
        assert len(rows) == len(set(rows))
    page, before = lists["repayments"]
    rows = walk(page, 5, lambda: listed.book.repay(2, 13))
    assert rows[: len(before)] == before
    page, _ = lists["imports"]
    before = walk(page, 1000)
    assert walk(page, 13, add) == before


@pytest.mark.parametrize("name", NAMES)
def test_token_is_good_for_its_own_list_only(listed, lists, name):
    _, token = lists[name][0](1, "")
    assert token
    for other in NAMES:
        if other == name:
            continue
        refusal = listed.refusal(lambda other=other: lists[other][0](1, token))
        assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"), other
        assert refusal.fields == ["page_token"]


def forged(*key):
    return base64.urlsafe_b64encode(json.dumps(["0" * 16, *key]).encode()).decode().rstrip("=")


GARBAGE = [
    *("x", "=", "====", "!", "é", "\u0000", "\U0001d49c" * 40, "null", "A" * 257, "A" * 1_000_000, "[" * 200, "-" * 64),
    *(
        base64.urlsafe_b64encode(text).decode()
        for text in (b"5", b"[]", b'["a"]', b"{}", b"null", b"\xff\xfe", b"[" * 150)
    ),
    *(
        forged(5),
        forged(5, 5),
        forged(-1),
        forged(2**63),
        forged(10**60),
        forged(True),
        forged(1.5),
        forged("5"),
        forged(None),
    ),
]


@pytest.mark.parametrize("name", NAMES)
def test_token_that_was_never_given_out_is_refused(listed, lists, name):
    page, _ = lists[name]
    _, token = page(1, "")
    altered = [token + "A", token + "=", token + "!", token[:-1], token[1:], token.swapcase(), " " + token, token * 2]
    for bad in GARBAGE + altered:
        refusal = listed.refusal(lambda bad=bad: page(1, bad))
        assert (refusal.code, refusal.reason, refusal.fields) == (
            "INVALID_ARGUMENT",
            "INVALID_PAGE_TOKEN",
            ["page_token"],
        ), bad


def test_token_of_a_page_stays_good(lists):
    page, rows = lists["customers"]
    _, token = page(3, "")
    assert page(2, token)[0] == page(2, token)[0] == rows[3:5]


def test_import_that_does_not_exist_has_no_issues_and_no_pages(listed):
    for call in (
        lambda: listed.portfolio.ListImportIssues(portfolio_pb.ListImportIssuesRequest(import_id="nothing")),
        lambda: listed.portfolio.GetImport(portfolio_pb.GetImportRequest(import_id="nothing")),
        lambda: listed.portfolio.CancelImport(portfolio_pb.CancelImportRequest(import_id="nothing")),
        lambda: list(listed.portfolio.WatchImport(portfolio_pb.WatchImportRequest(import_id="nothing"))),
    ):
        refusal = listed.refusal(call)
        assert (refusal.code, refusal.reason) == ("NOT_FOUND", "IMPORT_NOT_FOUND")
        assert refusal.metadata == {"import_id": "nothing"}
