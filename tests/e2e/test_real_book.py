"""The real book: what is loaded, what loading it again does, and that every position adds up to the sheet."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook
from support.calls import SECONDS, check_of, paise_of, refused, rupees
from support.servers import CUSTOMERS, LOANS, RunningServer, StartServer

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import import_pb2

TODAY = date(2024, 6, 30)
"""Within the book's time: loans have ended, run and are yet to be approved on this day, which is a month's last."""
LATER = "2026-04-10"


def sheet_rows(file: Path) -> Iterator[dict[str, object]]:
    headings, *rows = CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python()
    for row in rows:
        yield dict(zip(map(str, headings), row, strict=True))


def whole(cell: object) -> int:
    assert isinstance(cell, float)
    assert cell.is_integer()
    return int(cell)


@dataclass
class SheetLoan:
    """A row of the loan sheet, reckoned with fractions alone."""

    row_number: int
    customer_id: int
    loan_id: int
    amount: int
    tenure: int
    payment: int
    on_time: int
    approval: date

    def due(self, day: date) -> int:
        """Instalments due by the day: whole months since the approval; the last day of a month stands for the rest."""
        months = (day.year - self.approval.year) * 12 + day.month - self.approval.month
        is_last_of_month = (date.fromordinal(day.toordinal() + 1)).month != day.month
        if self.approval.day > day.day and not is_last_of_month:
            months -= 1
        return min(self.tenure, max(0, months))

    def paid(self, day: date) -> int:
        return min(self.tenure, max(self.on_time, self.due(day)))

    def outstanding_paise(self, day: date) -> int:
        owed = Fraction(self.amount * 100 * (self.tenure - self.paid(day)), self.tenure)
        return int(owed + Fraction(1, 2))


@dataclass
class SheetPosition:
    loans: list[SheetLoan] = field(default_factory=list)

    def figures(self, day: date, limit: int) -> tuple[int, ...]:
        taken = [loan for loan in self.loans if loan.approval <= day]
        active = [loan for loan in taken if loan.paid(day) < loan.tenure]
        debt = sum(loan.outstanding_paise(day) for loan in active)
        return (
            len(taken),
            len(active),
            sum(loan.approval.year == day.year for loan in taken),
            sum(loan.amount * 100 for loan in taken),
            debt,
            sum(loan.payment * 100 for loan in active),
            sum(loan.due(day) for loan in taken),
            sum(min(loan.due(day), loan.on_time) for loan in taken),
            max(0, limit * 100 - debt),
        )


@pytest.fixture(scope="module")
def sheet_loans(real_book: Path) -> list[SheetLoan]:
    rows = enumerate(sheet_rows(real_book / "loan_data.xlsx"), start=2)
    return [
        SheetLoan(
            row_number=number,
            customer_id=whole(row["Customer ID"]),
            loan_id=whole(row["Loan ID"]),
            amount=whole(row["Loan Amount"]),
            tenure=whole(row["Tenure"]),
            payment=whole(row["Monthly payment"]),
            on_time=whole(row["EMIs paid on Time"]),
            approval=row["Date of Approval"],
        )
        for number, row in rows
    ]


@pytest.fixture(scope="module")
def repeated_loans(sheet_loans: list[SheetLoan]) -> list[SheetLoan]:
    """The loans whose number an earlier row has."""
    seen: set[int] = set()
    return [loan for loan in sheet_loans if loan.loan_id in seen or seen.add(loan.loan_id)]


def load_book(server: RunningServer, folder: Path) -> list[import_pb2.Import]:
    return [
        server.load(kind, (folder / name).read_bytes(), name)
        for kind, name in ((CUSTOMERS, "customer_data.xlsx"), (LOANS, "loan_data.xlsx"))
    ]


def outcome(file: import_pb2.Import) -> tuple[str, int, int, int, int, int, int]:
    state = import_pb2.ImportState.Name(file.state).removeprefix("IMPORT_STATE_")
    rows = (file.rows_total, file.rows_inserted, file.rows_updated, file.rows_unchanged, file.rows_rejected)
    return state, *rows, file.rows_adjusted


@pytest.fixture(scope="module")
def first_imports(book_server: RunningServer, real_book: Path) -> list[import_pb2.Import]:
    return load_book(book_server, real_book)


@pytest.fixture(scope="module")
def book_server(start_shared_server: StartServer) -> RunningServer:
    return start_shared_server(ALMENO_BUSINESS_DATE=TODAY.isoformat())


def test_real_book_is_imported_whole_and_again_changes_nothing(
    book_server: RunningServer, first_imports: list[import_pb2.Import], real_book: Path
) -> None:
    assert list(map(outcome, first_imports)) == [
        ("SUCCEEDED", 300, 300, 0, 0, 0, 0),
        ("SUCCEEDED", 782, 782, 0, 0, 0, 29),
    ]
    before = book_server.rows("SELECT * FROM loan"), book_server.rows("SELECT * FROM customer")
    again = load_book(book_server, real_book)
    assert list(map(outcome, again)) == [("SUCCEEDED", 300, 0, 0, 300, 0, 0), ("SUCCEEDED", 782, 0, 0, 782, 0, 29)]
    assert (book_server.rows("SELECT * FROM loan"), book_server.rows("SELECT * FROM customer")) == before


def test_issues_name_the_rows_whose_loan_id_had_stood_before(
    book_server: RunningServer, first_imports: list[import_pb2.Import], repeated_loans: list[SheetLoan]
) -> None:
    issues = book_server.issues(first_imports[1].import_id)
    assert len(issues) == 29
    assert {issue.outcome for issue in issues} == {import_pb2.IMPORT_ISSUE_OUTCOME_ADJUSTED}
    assert [issue.row_number for issue in issues] == [loan.row_number for loan in repeated_loans]
    for issue, loan in zip(issues, repeated_loans, strict=True):
        assert issue.column == "Loan ID"
        assert str(loan.loan_id) in issue.message


def test_first_loan_with_a_number_keeps_it_and_a_later_one_is_found_by_its_source(
    book_server: RunningServer,
    first_imports: list[import_pb2.Import],
    sheet_loans: list[SheetLoan],
    repeated_loans: list[SheetLoan],
) -> None:
    assert first_imports
    for loan in repeated_loans:
        first = next(other for other in sheet_loans if other.loan_id == loan.loan_id)
        request = pb.GetLoanRequest(loan_id=loan.loan_id)
        assert book_server.credit.GetLoan(request, timeout=SECONDS).loan.customer_id == first.customer_id
        mine = [
            found
            for found in book_server.credit.ListLoans(
                pb.ListLoansRequest(customer_id=loan.customer_id), timeout=SECONDS
            ).loans
            if found.source_loan_id == loan.loan_id
        ]
        assert len(mine) == 1
        assert mine[0].loan_id > 1_000_000_000
        assert paise_of(mine[0].loan_amount) == loan.amount * 100


def test_every_customers_position_adds_up_to_the_sheet(
    book_server: RunningServer,
    first_imports: list[import_pb2.Import],
    sheet_loans: list[SheetLoan],
    real_book: Path,
) -> None:
    assert first_imports
    positions: dict[int, SheetPosition] = defaultdict(SheetPosition)
    for loan in sheet_loans:
        positions[loan.customer_id].loans.append(loan)
    kinds: set[str] = set()
    for row in sheet_rows(real_book / "customer_data.xlsx"):
        customer_id, limit = whole(row["Customer ID"]), whole(row["Approved Limit"])
        answer = book_server.credit.GetCustomer(pb.GetCustomerRequest(customer_id=customer_id), timeout=SECONDS)
        assert paise_of(answer.customer.approved_limit) == limit * 100
        assert paise_of(answer.customer.monthly_income) == whole(row["Monthly Salary"]) * 100
        assert answer.customer.phone_number == f"+91{whole(row['Phone Number'])}"
        position = answer.position
        found = (
            position.loan_count,
            position.active_loan_count,
            position.loans_this_year,
            paise_of(position.approved_volume),
            paise_of(position.current_debt),
            paise_of(position.monthly_obligation),
            position.emis_due,
            position.emis_paid_on_time,
            paise_of(position.available_limit),
        )
        assert found == positions[customer_id].figures(TODAY, limit), f"customer {customer_id}"
        kinds |= {name for name, holds in (("none", not found[0]), ("debt", found[4] > 0)) if holds}
    assert kinds == {"none", "debt"}


def test_book_loaded_again_under_a_later_business_date_stays_unchanged(
    book_server: RunningServer, first_imports: list[import_pb2.Import], real_book: Path
) -> None:
    assert first_imports
    before = book_server.rows("SELECT * FROM loan")
    assert book_server.stop() == 0
    book_server.start(ALMENO_BUSINESS_DATE=LATER)
    try:
        again = load_book(book_server, real_book)
        assert list(map(outcome, again)) == [("SUCCEEDED", 300, 0, 0, 300, 0, 0), ("SUCCEEDED", 782, 0, 0, 782, 0, 29)]
        assert book_server.rows("SELECT * FROM loan") == before
        assert [file.book_date for file in again] == [file.book_date for file in first_imports]
        answer = book_server.credit.CheckEligibility(check_of(1, 100_000), timeout=SECONDS)
        assert answer.decision.business_date.year == 2026
    finally:
        # The other tests of the module reckon with the first day.
        book_server.stop()
        book_server.start(ALMENO_BUSINESS_DATE=TODAY.isoformat())


def test_new_customers_and_loans_get_numbers_beyond_the_book(
    book_server: RunningServer, first_imports: list[import_pb2.Import], real_book: Path
) -> None:
    assert first_imports
    with book_server.client() as client:
        customer = client.register_customer(
            first_name="Leela", last_name="Menon", age=50, monthly_income=100_000, phone_number="70000 00001"
        )
        application = client.create_loan(customer.customer_id, loan_amount=50_000, interest_rate="9", tenure_months=12)
    assert application.loan is not None
    assert customer.customer_id > 1_000_000_000
    assert application.loan.loan_id > 1_000_000_000
    phone_number = next(sheet_rows(real_book / "customer_data.xlsx"))["Phone Number"]
    refusal = refused(
        book_server.credit.RegisterCustomer,
        pb.RegisterCustomerRequest(
            first_name="A", last_name="B", age=30, monthly_income={"units": 1}, phone_number=str(whole(phone_number))
        ),
    )
    assert refusal.reason == "PHONE_NUMBER_TAKEN"


def test_every_running_loan_of_the_book_can_be_paid_off_and_the_sheet_then_changes_nothing(
    start_server: StartServer, real_book: Path, request: pytest.FixtureRequest
) -> None:
    server = start_server(ALMENO_BUSINESS_DATE=TODAY.isoformat())
    load_book(server, real_book)
    active = server.rows("SELECT * FROM loan WHERE emis_paid < tenure_months")
    running = [row for row in active if date(row["approval_year"], row["approval_month"], row["approval_day"]) <= TODAY]
    closed = 0
    for number, row in enumerate(running):
        loan_id = row["loan_id"]

        def pay(paise: int, loan_id: int = loan_id) -> pb.RecordRepaymentResponse:
            amount = rupees(*divmod(paise, 100))
            repayment = pb.RecordRepaymentRequest(loan_id=loan_id, amount=amount)
            return server.credit.RecordRepayment(repayment, timeout=SECONDS)

        owed = paise_of(server.credit.GetPayoff(pb.GetPayoffRequest(loan_id=loan_id), timeout=SECONDS).payoff.amount)
        # Every second one pays an instalment first, in advance as a rule.
        first = row["monthly_installment_paise"] if number % 2 else 0
        if 0 < first < owed:
            assert not pay(first).repayment.closes_loan
            owed -= first
        answer = pay(owed)
        assert answer.repayment.closes_loan
        assert (answer.loan.repayments_left, paise_of(answer.loan.outstanding_principal)) == (0, 0)
        closed += 1
    request.node.user_properties.append(("loans of the real book paid off", str(closed)))
    assert closed > 50
    before = server.rows("SELECT * FROM loan")
    again = load_book(server, real_book)
    assert list(map(outcome, again)) == [("SUCCEEDED", 300, 0, 0, 300, 0, 0), ("SUCCEEDED", 782, 0, 0, 782, 0, 29)]
    assert server.rows("SELECT * FROM loan") == before
