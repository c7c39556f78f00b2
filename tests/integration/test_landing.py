"""Checked rows land in the book: what is added, changed, left and rejected, and that batches make no difference."""

import itertools
from collections import Counter
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from almeno_grpc.domain.customer import e164_of
from almeno_grpc.domain.errors import PhoneNumberTaken, WriteConflict
from almeno_grpc.domain.imports import BookCustomers, BookLoans, ImportKind, IssueOutcome, RowCounts, RowIssue
from almeno_grpc.imports.book_file import open_book_file
from almeno_grpc.imports.frames import ReadingJob, ReadingLimits
from almeno_grpc.service.landing import land_batch, set_numbers_aside, write_batch
from almeno_grpc.storage.customers import Customers
from almeno_grpc.storage.loans import Loans
from almeno_grpc.storage.tables import FIRST_OWN_ID

RUPEE = 100
LAKH = 100_000 * RUPEE
BOOK_DATE = date(2026, 4, 10)


def read(path, kind):
    with open_book_file(ReadingJob(path, kind, path.name, BOOK_DATE, ReadingLimits())) as file:
        batches = list(file.batches())
    return [row for batch in batches for row in batch.rows], [issue for batch in batches for issue in batch.issues]


@pytest.fixture(scope="module")
def real_rows(real_book):
    """Rows and issues of both files of the real book."""
    return (
        read(real_book / "customer_data.xlsx", ImportKind.CUSTOMERS),
        read(real_book / "loan_data.xlsx", ImportKind.LOANS),
    )


@pytest.fixture
def with_customers(book, rows_of):
    book.land([rows_of.customer(number) for number in range(1, 10)])
    return book


def test_real_book_lands_whole_and_landing_it_again_changes_nothing(book, real_rows):
    (customers, customer_issues), (loans, loan_issues) = real_rows
    assert book.land(customers, customer_issues).rows == RowCounts(inserted=300)
    assert book.land(loans, loan_issues).rows == RowCounts(inserted=782, adjusted=29)
    before = book.rows("customer"), book.rows("loan")
    assert book.land(customers, customer_issues).rows == RowCounts(unchanged=300)
    assert book.land(loans, loan_issues).rows == RowCounts(unchanged=782, adjusted=29)
    assert (book.rows("customer"), book.rows("loan")) == before


def test_real_books_doubled_loan_ids_are_two_loans_each(book, real_rows):
    (customers, _), (loans, _) = real_rows
    book.land(customers)
    file = book.land(loans)
    stored = book.rows("loan")
    keys = [(row["customer_id"], row["source_loan_id"]) for row in stored]
    assert sorted(keys) == sorted((loan.customer_id, loan.source_loan_id) for loan in loans)
    renumbered = [row for row in stored if row["loan_id"] != row["source_loan_id"]]
    assert [row["loan_id"] for row in renumbered] == list(range(FIRST_OWN_ID, FIRST_OWN_ID + 29))
    first_with = {}
    for loan in sorted(loans, key=lambda loan: loan.row_number):
        first_with.setdefault(loan.source_loan_id, loan.customer_id)
    for row in stored:
        is_first = first_with[row["source_loan_id"]] == row["customer_id"]
        assert (row["loan_id"] == row["source_loan_id"]) is is_first
    issues = book.issues(file)
    assert {(outcome, column) for _, outcome, column, _ in issues} == {("ADJUSTED", "Loan ID")}
    assert {issue[3].rpartition(" ")[2] for issue in issues} == {str(row["loan_id"]) for row in renumbered}


def test_real_books_outstanding_principal_is_in_equal_parts_to_the_paisa(book, real_rows):
    (customers, _), (loans, _) = real_rows
    book.land(customers)
    book.land(loans)
    for row in book.rows("loan"):
        left = row["tenure_months"] - row["emis_paid"]
        exact = Fraction(row["loan_amount_paise"] * left, row["tenure_months"])
        assert abs(row["outstanding_principal_paise"] - exact) <= Fraction(1, 2)
        assert (row["outstanding_principal_paise"] == 0) is (left == 0)


@pytest.mark.parametrize("batch_rows", [1, 7])
def test_book_is_the_same_whatever_the_size_of_the_batches(book, new_database, real_rows, batch_rows):
    (customers, customer_issues), (loans, loan_issues) = real_rows
    if batch_rows == 1:
        # A transaction a row takes long: the loans whose Loan ID stands twice and some others, and their customers.
        often = Counter(loan.source_loan_id for loan in loans)
        loans = [loan for loan in loans if often[loan.source_loan_id] > 1 or loan.source_loan_id % 20 == 0]
        borrowers = {loan.customer_id for loan in loans}
        customers = [customer for customer in customers if customer.customer_id in borrowers]
    in_one = type(book)(type(book.store)(new_database()), book.clock)
    in_one.store.migrate()
    for target, size in ((book, batch_rows), (in_one, 1000)):
        target.land(customers[: len(customers) // 3], customer_issues, size)
        target.land(loans, loan_issues, size)
        target.land(customers, customer_issues, size)
        target.land(loans, loan_issues, size)
    for table in ("customer", "loan", "import_issue"):
        assert sorted(book.rows(table), key=str) == sorted(in_one.rows(table), key=str)
    assert len(book.rows("loan")) == len(loans)
    in_one.store.close()


@pytest.mark.parametrize("batch_rows", [1, 2, 1000])
def test_new_number_never_meets_one_that_the_same_file_brings(with_customers, rows_of, batch_rows):
    """A later loan may carry the very number that an earlier one, whose own was taken, has just been given."""
    rows = [
        rows_of.loan(1, 5),
        rows_of.loan(2, FIRST_OWN_ID, row_number=7),
        rows_of.loan(3, 5, row_number=8),
        rows_of.loan(4, FIRST_OWN_ID + 1, row_number=9),
        rows_of.loan(5, 5, row_number=10),
        rows_of.loan(6, FIRST_OWN_ID + 2, row_number=11),
    ]
    for _ in range(2):
        file = with_customers.land(rows, batch_rows=batch_rows)
        numbers = {row["customer_id"]: row["loan_id"] - FIRST_OWN_ID for row in with_customers.rows("loan")}
        assert numbers == {1: 5 - FIRST_OWN_ID, 2: 0, 3: 1, 4: 2, 5: 3, 6: 4}
        assert file.rows.adjusted == 4
    assert file.rows.unchanged == 6


def test_imported_loan_does_not_take_the_number_of_one_booked_here(with_customers, rows_of):
    booked = with_customers.lend(1, LAKH).loan
    with_customers.land([rows_of.loan(2, booked.loan_id)])
    assert [(row["loan_id"], row["customer_id"]) for row in with_customers.rows("loan")] == [
        (FIRST_OWN_ID, 1),
        (FIRST_OWN_ID + 1, 2),
    ]


def test_loan_of_an_unknown_customer_is_rejected_and_the_others_land(with_customers, rows_of):
    file = with_customers.land([rows_of.loan(77, 1), rows_of.loan(1, 2), rows_of.loan(78, 3)])
    assert file.rows == RowCounts(inserted=1, rejected=2)
    assert with_customers.issues(file) == [
        (2, "REJECTED", "Customer ID", "no customer has the number 77"),
        (4, "REJECTED", "Customer ID", "no customer has the number 78"),
    ]


def test_number_that_a_rejected_row_would_have_had_goes_to_the_next(with_customers, rows_of):
    with_customers.land([rows_of.loan(77, 5), rows_of.loan(1, 5, row_number=7)])
    assert [row["loan_id"] for row in with_customers.rows("loan")] == [5]


def test_number_set_aside_for_a_loan_that_never_came_is_free(with_customers, rows_of):
    with_customers.store.write(lambda tx: set_numbers_aside(tx, [5, 6], [1, 1]))
    assert with_customers.rows("loan") == []
    with with_customers.store.read() as tx:
        assert tx.loans.get(5) is None
    assert with_customers.land([rows_of.loan(2, 5), rows_of.loan(1, 6)]).rows == RowCounts(inserted=2)
    assert {(row["loan_id"], row["customer_id"]) for row in with_customers.rows("loan")} == {(5, 2), (6, 1)}
    with with_customers.store.read() as tx:
        assert tx.loans.get(5).customer_id == 2


def test_setting_numbers_aside_leaves_loans_and_the_services_own_numbers_alone(with_customers, rows_of):
    with_customers.land([rows_of.loan(1, 5)])
    before = with_customers.rows("loan")
    with_customers.store.write(lambda tx: set_numbers_aside(tx, [5, 6, FIRST_OWN_ID + 7], [2, 2, 2]))
    assert with_customers.rows("loan") == before
    assert with_customers.lend(3, LAKH).loan.loan_id == FIRST_OWN_ID


def test_batch_that_cannot_be_added_as_it_is_leaves_nothing_of_the_try(with_customers, rows_of):
    rows = [rows_of.loan(1, 5), rows_of.loan(77, 6), rows_of.loan(2, 7)]
    with_customers.store.write(lambda tx: set_numbers_aside(tx, [5, 6, 7], [1, 77, 2]))
    assert with_customers.store.write(lambda tx: tx.loans.import_if_new(BookLoans.of(rows))) is False
    assert with_customers.rows("loan") == []
    assert with_customers.store.write(lambda tx: tx.loans.import_if_new(BookLoans.of(rows[::2]))) is True
    assert len(with_customers.rows("loan")) == 2


def test_parts_behind_one_whose_numbers_were_taken_are_not_tried_as_new(with_customers, rows_of, monkeypatch):
    file = with_customers.land([rows_of.loan(1, number) for number in range(5, 9)])
    tried = []
    import_if_new = Loans.import_if_new
    monkeypatch.setattr(Loans, "import_if_new", lambda self, rows: tried.append(len(rows)) or import_if_new(self, rows))
    parts = [[5, 6], [7, 8], [9, 10, 11], [12]]

    batches = [(BookLoans.of([rows_of.loan(1, number) for number in part]), []) for part in parts]
    assert with_customers.land_parts(file, batches) == RowCounts(inserted=4, unchanged=4)
    # The second and the third part are looked at; then most are new again.
    assert tried == [2, 1]


@pytest.mark.parametrize("count", [1, 125, 126, 1_000])
def test_each_row_of_a_batch_of_any_size_lands_with_its_own_values(book, rows_of, count):
    numbers = range(1, count + 1)
    customers = [rows_of.customer(number, age=18 + number % 100) for number in numbers]
    loans = [rows_of.loan(number, 2 * number, loan_amount=number * LAKH) for number in numbers]
    assert book.land(customers).rows == book.land(loans).rows == RowCounts(inserted=count)
    stored = [(row["customer_id"], row["age"], row["phone_digits"], row["imported"]) for row in book.rows("customer")]
    assert stored == [(row.customer_id, row.age, row.phone_digits, True) for row in customers]
    columns = ("loan_id", "customer_id", "loan_amount_paise", "source_loan_id", "decision_id", "repayment_count")
    stored = sorted(tuple(row[column] for column in columns) for row in book.rows("loan"))
    assert stored == [(2 * number, number, number * LAKH, 2 * number, None, 0) for number in numbers]


def test_last_row_of_a_long_batch_that_cannot_be_added_harms_no_other(book, rows_of):
    customers = [rows_of.customer(number) for number in range(1, 301)]
    customers.append(rows_of.customer(301, phone_digits=customers[0].phone_digits))
    assert book.land(customers).rows == RowCounts(inserted=300, rejected=1)
    assert len(book.rows("customer")) == 300


def test_rejected_row_is_not_reported_as_adjusted_too(with_customers, rows_of):
    corrected = RowIssue(2, IssueOutcome.ADJUSTED, "End Date", "corrected")
    kept = RowIssue(3, IssueOutcome.ADJUSTED, "End Date", "corrected")
    file = with_customers.land([rows_of.loan(77, 1), rows_of.loan(1, 2)], [corrected, kept])
    assert file.rows == RowCounts(inserted=1, rejected=1, adjusted=1)
    assert [(row, outcome) for row, outcome, _, _ in with_customers.issues(file)] == [(2, "REJECTED"), (3, "ADJUSTED")]


@pytest.mark.parametrize(
    ("kind", "rows"), [(ImportKind.CUSTOMERS, BookCustomers.of([])), (ImportKind.LOANS, BookLoans.of([]))]
)
def test_batch_without_a_good_row_lands_its_issues_alone(with_customers, kind, rows):
    issue = RowIssue(2, IssueOutcome.REJECTED, "Customer ID", "is empty")
    file = with_customers.queue(kind, b"")
    assert with_customers.land_parts(file, [(rows, [issue])]) == RowCounts(rejected=1)
    assert [column for _, _, column, _ in with_customers.issues(file)] == ["Customer ID"]


def test_row_with_several_faults_counts_once_and_tells_each(with_customers):
    issues = [RowIssue(9, IssueOutcome.REJECTED, column, "is empty") for column in ("Age", "Phone Number")]
    file = with_customers.queue(ImportKind.CUSTOMERS, b"")
    with_customers.store.write(lambda tx: tx.imports.add_progress(file.queue_number, RowCounts(rejected=1), issues))
    file = with_customers.imports.get(file.import_id)
    assert (file.rows.rejected, file.rows.seen) == (1, 1)
    assert [column for _, _, column, _ in with_customers.issues(file)] == ["Age", "Phone Number"]


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"loan_amount": 2 * LAKH}, "loan_amount_paise"),
        ({"tenure_months": 24}, "tenure_months"),
        ({"monthly_installment": 9_300 * RUPEE}, "monthly_installment_paise"),
        ({"emis_paid": 4}, "emis_paid"),
        ({"emis_paid_on_time": 3}, "emis_paid_on_time"),
        ({"approval_date": date(2026, 1, 6)}, "approval_day"),
    ],
)
def test_loan_that_has_changed_in_the_sheet_is_brought_up_to_it(with_customers, rows_of, changes, column):
    with_customers.land([rows_of.loan(1, 5), rows_of.loan(2, 5, row_number=7)])
    for customer_id in (1, 2):
        before = {row["customer_id"]: row for row in with_customers.rows("loan")}
        row = rows_of.loan(customer_id, 5, **changes)
        assert with_customers.land([row]).rows.updated == 1
        after = {row["customer_id"]: row for row in with_customers.rows("loan")}
        assert after[customer_id][column] != before[customer_id][column]
        assert after[customer_id]["loan_id"] == before[customer_id]["loan_id"]
        assert after[3 - customer_id] == before[3 - customer_id]
        assert with_customers.land([row]).rows.unchanged == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"first_name": "Usha"},
        {"last_name": "Iyer"},
        {"age": 31},
        {"phone_digits": 917000000000},
        {"monthly_income": 60_000 * RUPEE},
        {"approved_limit": 0},
    ],
)
def test_customer_who_has_changed_in_the_sheet_is_brought_up_to_it(with_customers, rows_of, changes):
    row = rows_of.customer(3, **changes)
    before = with_customers.customers.get(3)[0]
    assert with_customers.land([row]).rows == RowCounts(updated=1)
    if "phone_digits" in changes:
        changes = {"phone_number": e164_of(changes["phone_digits"])}
    assert with_customers.customers.get(3)[0] == replace(before, **changes)
    assert with_customers.land([row]).rows == RowCounts(unchanged=1)


def test_number_of_a_customer_who_was_registered_here_is_not_imported_over(book, rows_of):
    registered = book.register(phone_number="+917000000001")
    file = book.land([rows_of.customer(registered.customer_id), rows_of.customer(1)])
    assert file.rows == RowCounts(inserted=1, rejected=1)
    assert book.customers.get(registered.customer_id)[0] == registered
    assert book.issues(file)[0][2:] == ("Customer ID", "is the number of a customer who was registered here")


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_phone_number_of_another_customer_is_rejected_wherever_that_one_comes_from(book, rows_of, batch_rows):
    registered = book.register(phone_number="+917000000001")
    rows = [
        rows_of.customer(1, phone_digits=917000000001),
        rows_of.customer(2, phone_digits=917000000002),
        rows_of.customer(3, phone_digits=917000000002),
    ]
    file = book.land(rows, batch_rows=batch_rows)
    assert file.rows == RowCounts(inserted=1, rejected=2)
    assert [(row, message) for row, _, _, message in book.issues(file)] == [
        (2, f"is held by customer {registered.customer_id}"),
        (4, "is held by customer 2"),
    ]


def in_parts(*parts):
    """Customers as parts of a batch, numbered as the rows of a sheet."""
    numbers = itertools.count(2)
    return [(BookCustomers.of([row._replace(row_number=next(numbers)) for row in part]), []) for part in parts]


def held(book):
    """Whose each phone number is by the table of those, and by what stands with the customers."""
    return (
        {(row["digits"], row["customer_id"]) for row in book.rows("phone_number")},
        {(row["phone_digits"], row["customer_id"]) for row in book.rows("customer")},
    )


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([[21, 22], [23]], id="in another part"),
        pytest.param([[21, 22, 23]], id="in the same part"),
        pytest.param([[21, 22], [1], [23]], id="behind a part that was looked up"),
    ],
)
def test_phone_number_that_stands_twice_among_new_customers_is_the_first_ones(with_customers, rows_of, parts):
    same = {"phone_digits": 917000000000}
    rows = [[rows_of.customer(number, **(same if number in (22, 23) else {})) for number in part] for part in parts]
    file = with_customers.queue(ImportKind.CUSTOMERS, b"")
    unchanged = sum(part.count(1) for part in parts)
    counts = with_customers.land_parts(file, in_parts(*rows))
    assert counts == RowCounts(inserted=2, unchanged=unchanged, rejected=1)
    assert [message for *_, message in with_customers.issues(file)] == ["is held by customer 22"]
    by_numbers, by_customers = held(with_customers)
    assert by_numbers == by_customers


def test_phone_number_that_is_given_up_only_further_down_is_not_free_for_the_rows_above(with_customers, rows_of):
    wanted = rows_of.customer(1).phone_digits
    parts = [[rows_of.customer(21, phone_digits=wanted)], [rows_of.customer(1, phone_digits=917000000000)]]
    file = with_customers.queue(ImportKind.CUSTOMERS, b"")
    assert with_customers.land_parts(file, in_parts(*parts)) == RowCounts(updated=1, rejected=1)
    by_numbers, by_customers = held(with_customers)
    assert by_numbers == by_customers


def test_batch_with_a_phone_number_that_is_taken_is_landed_once_more_and_no_oftener(with_customers, rows_of):
    file = with_customers.queue(ImportKind.CUSTOMERS, b"")
    parts = in_parts([rows_of.customer(21), rows_of.customer(22, phone_digits=rows_of.customer(1).phone_digits)])
    looks = []

    def land(tx, looks_first):
        looks.append(looks_first)
        return land_batch(tx, file.queue_number, parts, 1, looks_first=looks_first)

    assert write_batch(with_customers.store, land) == RowCounts(inserted=1, rejected=1)
    assert looks == [False, True]


def test_phone_number_registered_by_another_server_while_rows_land_leaves_them_to_be_landed_again(
    with_customers, rows_of, monkeypatch
):
    registered = with_customers.register(phone_number="+917000000000")
    file = with_customers.queue(ImportKind.CUSTOMERS, b"")
    parts = in_parts([rows_of.customer(21, phone_digits=registered.phone_digits)])
    with monkeypatch.context() as patches:
        # As if the customer had come after the look.
        patches.setattr(Customers, "phone_number_holders", lambda _, __: {})
        with pytest.raises(WriteConflict):
            with_customers.land_parts(file, parts)
    assert with_customers.land_parts(file, parts) == RowCounts(rejected=1)


def test_phone_number_that_a_customer_gave_up_can_be_registered_and_the_new_one_not(with_customers, rows_of):
    freed = rows_of.customer(1).phone_digits
    with_customers.land([rows_of.customer(1, phone_digits=917000000001)])
    assert with_customers.register(phone_number=f"+{freed}").phone_digits == freed
    with pytest.raises(PhoneNumberTaken):
        with_customers.register(phone_number="+917000000001")
    by_numbers, by_customers = held(with_customers)
    assert by_numbers == by_customers


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_phone_number_that_a_customer_gives_up_goes_to_the_next_in_the_sheet(with_customers, rows_of, batch_rows):
    freed = rows_of.customer(1).phone_digits
    rows = [
        rows_of.customer(20),
        rows_of.customer(1, phone_digits=917000000001),
        rows_of.customer(21, phone_digits=freed),
        rows_of.customer(2, phone_digits=917000000002),
    ]
    assert with_customers.land(rows, batch_rows=batch_rows).rows == RowCounts(inserted=2, updated=2)
    assert with_customers.customers.get(21)[0].phone_digits == freed


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_key_that_stands_twice_in_a_batch_takes_effect_in_the_order_of_the_sheet(book, rows_of, batch_rows):
    customers = [rows_of.customer(1), rows_of.customer(1, row_number=3, age=31)]
    assert book.land(customers, batch_rows=batch_rows).rows == RowCounts(inserted=1, updated=1)
    assert book.customers.get(1)[0].age == 31
    loans = [rows_of.loan(1, 5), rows_of.loan(1, 5, row_number=7), rows_of.loan(1, 5, row_number=8, emis_paid=4)]
    assert book.land(loans, batch_rows=batch_rows).rows == RowCounts(inserted=1, unchanged=1, updated=1)
    assert [row["emis_paid"] for row in book.rows("loan")] == [4]
