"""Repayments in the book: what is stored, what is refused, and that nothing is lost where many pay at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from almeno_grpc.clock import Clock
from almeno_grpc.domain.charge import ChargeEntry, ChargeKind
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.errors import (
    InvalidField,
    LoanClosed,
    LoanNotFound,
    RepaymentExceedsPayoff,
    TooManyRepayments,
    WriteConflict,
)
from almeno_grpc.domain.installments import outstanding_after
from almeno_grpc.domain.limits import MAX_REPAYMENTS
from almeno_grpc.domain.loan import InstallmentState, Loan, LoanState
from almeno_grpc.domain.repayment import Repayment, Standing
from almeno_grpc.service.repayments import RepaymentRequest
from almeno_grpc.service.store import Changes

RUPEE = 100
LAKH = 100_000 * RUPEE
EMI = 9_208 * RUPEE
"""Of an imported loan as a rule: ₹1 lakh over 12 months from 5 January 2026."""


@pytest.fixture
def on(book):
    """Sets the business date."""

    def set_date(day: date) -> None:
        book.clock = Clock(day, book.clock.timezone)
        book.__post_init__()

    return set_date


@pytest.fixture
def imported(book, rows_of):
    """Loan 5 of customer 7, with 3 instalments paid by the book, the third of them late."""
    book.upsert([rows_of.customer(7)])
    book.upsert([rows_of.loan(7, 5)])
    return book.booking.get_loan(5)[0]


def lend(book, amount=LAKH, months=12):
    loan = book.lend(book.register().customer_id, amount, "12", months).loan
    assert loan is not None
    return loan


def test_repayment_is_stored_with_what_the_loan_was_before_and_after(book):
    loan = lend(book)
    first = book.repay(loan.loan_id, 10_000 * RUPEE)
    second = book.repay(loan.loan_id, 1 * RUPEE, book.clock.today())
    assert first.loan == replace(
        loan,
        emis_paid=1,
        emis_paid_on_time=1,
        paid_toward_next=1_115_12,
        outstanding_principal=92_115_12,
        repayment_count=1,
        latest_repayment=1,
    )
    assert second.loan == replace(first.loan, paid_toward_next=1_116_12, repayment_count=2, latest_repayment=2)
    assert book.booking.get_loan(loan.loan_id)[0] == second.loan
    assert book.repayments.page(loan.loan_id, 0, 10) == [first.repayment, second.repayment]
    assert first.repayment.before == Standing.of(loan)
    assert first.repayment.after == second.repayment.before == Standing.of(first.loan)
    assert (first.repayment.number, first.repayment.amount, first.repayment.emis_completed) == (1, 10_000 * RUPEE, 1)
    assert (first.repayment.payment_date, first.repayment.closes_loan) == (book.clock.today(), False)


def test_imported_loan_goes_on_from_what_the_book_says_was_paid(book, imported):
    # Three were due by 5 April and paid; the fourth falls due on 5 May.
    owed = 7_500_000 + round(87_467 * 5 / 30)
    assert book.repayments.payoff(5, None).payoff.amount == owed
    recorded = book.repay(5, 2 * EMI)
    assert (recorded.loan.emis_paid, recorded.loan.emis_paid_on_time, recorded.loan.paid_toward_next) == (5, 4, 0)
    assert recorded.loan.outstanding_principal == outstanding_after(
        imported.installment_method, LAKH, imported.interest_rate, 12, EMI, 5
    )
    # What the book counts is settled; what was paid here before its due date is an advance.
    assert book.repayments.payoff(5, None).payoff.advance == 2 * EMI
    assert book.repayments.payoff(5, None).payoff.amount == owed - 2 * EMI
    states = [row.state for row in book.repayments.schedule(5)]
    assert states[:3] == [InstallmentState.PAID, InstallmentState.PAID, InstallmentState.PAID_LATE]
    assert states[3:6] == [InstallmentState.PAID, InstallmentState.PAID, InstallmentState.DUE_LATER]


def test_exact_payoff_closes_the_loan_and_nothing_more_is_taken(book):
    loan = lend(book)
    with pytest.raises(RepaymentExceedsPayoff):
        book.repay(loan.loan_id, LAKH + 1)
    recorded = book.repay(loan.loan_id, LAKH)
    assert recorded.repayment.closes_loan
    assert (recorded.loan.state, recorded.loan.outstanding_principal) == (LoanState.CLOSED, 0)
    for again in (
        lambda: book.repay(loan.loan_id, 1),
        lambda: book.repay(loan.loan_id, 1, date(2020, 1, 1)),
        lambda: book.repayments.payoff(loan.loan_id, None),
    ):
        with pytest.raises(LoanClosed):
            again()
    rows = book.repayments.schedule(loan.loan_id)
    assert sum(row.paid_amount for row in rows) == LAKH
    assert {row.state for row in rows} == {InstallmentState.PAID}


def test_payment_date_lies_between_the_latest_repayment_and_the_business_date(book, on):
    loan = lend(book)
    on(date(2026, 6, 1))
    for day, said in (
        (date(2026, 6, 2), "must not be after the business date, 2026-06-01"),
        (date(2026, 4, 9), "must not be before 2026-04-10, the day of the loan's disbursement or latest repayment"),
    ):
        with pytest.raises(InvalidField, match=said) as refused:
            book.repay(loan.loan_id, 1, day)
        assert [violation.field for violation in refused.value.violations] == ["payment_date"]
    book.repay(loan.loan_id, 1, date(2026, 4, 10))
    book.repay(loan.loan_id, 1, date(2026, 5, 20))
    book.repay(loan.loan_id, 1, date(2026, 5, 20))
    with pytest.raises(InvalidField, match="must not be before 2026-05-20"):
        book.repay(loan.loan_id, 1, date(2026, 5, 19))
    assert len(book.repayments.page(loan.loan_id, 0, 10)) == 3


def test_payoff_is_told_for_days_to_come_but_for_none_before_the_latest_repayment(book, on):
    loan = lend(book)
    on(date(2026, 5, 20))
    book.repay(loan.loan_id, 1 * RUPEE, date(2026, 5, 12))
    assert book.repayments.payoff(loan.loan_id, date(2026, 5, 12)).payoff.overdue_amount == 8_883_88
    assert book.repayments.payoff(loan.loan_id, date(9999, 12, 31)).payoff.amount == 12 * 8_884_88 - 3 - 1_00
    with pytest.raises(InvalidField, match=r"payoff_date: must not be before 2026-05-12"):
        book.repayments.payoff(loan.loan_id, date(2026, 5, 11))


def test_what_does_not_exist_is_neither_repaid_nor_owed(book):
    for call in (
        lambda: book.repay(5, 1),
        lambda: book.repayments.payoff(5, None),
        lambda: book.repayments.page(5, 0, 10),
        lambda: book.repayments.schedule(5),
    ):
        with pytest.raises(LoanNotFound):
            call()


def test_number_set_aside_for_a_loan_that_never_came_is_no_loan(book, rows_of):
    book.upsert([rows_of.customer(7)])
    book.store.write(lambda tx: tx.loans.reserve_loan_ids([5], [7]))
    with pytest.raises(LoanNotFound):
        book.repay(5, 1)


def repay_paise(book, loan: Loan, count: int) -> None:
    """Records so many repayments of a paisa, all in one transaction."""
    loans = [
        replace(loan, paid_toward_next=paise, repayment_count=paise, latest_repayment=paise)
        for paise in range(count + 1)
    ]
    repayments = [
        Repayment(
            repayment_id=f"paisa-{after.repayment_count}",
            loan_id=loan.loan_id,
            customer_id=loan.customer_id,
            number=after.repayment_count,
            amount=1,
            payment_date=loan.approval_date,
            before=Standing.of(before),
            after=Standing.of(after),
            closes_loan=False,
            create_time=1,
        )
        for before, after in pairwise(loans)
    ]
    book.store.write(lambda tx: tx.write(Changes(repayments=repayments, updated_loans=[loans[-1]])))


@pytest.fixture
def loan_of_60(book, rows_of):
    """A loan without interest of ₹200 a month."""
    book.upsert([rows_of.customer(7)])
    terms = {"loan_amount": 60 * 200 * RUPEE, "tenure_months": 60, "interest_rate_e4": 0}
    unpaid = {"monthly_installment": 200 * RUPEE, "emis_paid": 0, "emis_paid_on_time": 0}
    book.upsert([rows_of.loan(7, 5, **terms, **unpaid)])
    return book.booking.get_loan(5)[0]


def test_repayments_of_a_loan_have_an_end_also_where_they_are_reversed_again_and_again(book, loan_of_60):
    repay_paise(book, loan_of_60, MAX_REPAYMENTS - 1)
    emi = loan_of_60.monthly_installment
    assert book.repay(5, emi - MAX_REPAYMENTS + 1).repayment.number == MAX_REPAYMENTS
    for amount in (emi, 59 * emi, 1):
        with pytest.raises(TooManyRepayments, match="has had 10599 repayments, as many as a loan may have"):
            book.repay(5, amount)


def test_every_instalment_can_be_paid_after_however_many_repayments_of_a_paisa(book, loan_of_60):
    emi = loan_of_60.monthly_installment
    repay_paise(book, loan_of_60, 9_998)
    book.repay(5, 1)
    with pytest.raises(TooManyRepayments, match="has had 9999 repayments; the next one has to complete an instalment"):
        book.repay(5, emi - 10_000)
    assert book.repay(5, emi - 9_999).loan.emis_paid == 1
    with pytest.raises(TooManyRepayments):
        book.repay(5, 1)
    for paid in range(2, 61):
        loan = book.repay(5, emi).loan
        assert (loan.emis_paid, loan.repayment_count) == (paid, 9_999 + paid)
    assert loan.state is LoanState.CLOSED
    assert [repayment.number for repayment in book.repayments.page(5, 9_999, 1000)] == [*range(10_000, 10_060)]


def test_overdue_instalment_lowers_the_score_at_the_next_check_and_paying_in_time_raises_it(book, on):
    loan = lend(book, months=24)
    asked = LoanRequest(loan.customer_id, LAKH, Decimal(12), 12)

    def points() -> tuple[str, int]:
        decision = book.check(asked)
        return decision.score_components[0].observed, decision.credit_score

    on(loan.approval_date + timedelta(days=29))
    before = points()
    on(date(2026, 5, 11))
    overdue = points()
    assert (before[0], overdue[0]) == ("0/0", "0/1")
    assert overdue[1] == before[1] - 25
    book.repay(loan.loan_id, loan.monthly_installment)
    assert points() == overdue, "paid late is not paid on time"
    on(date(2026, 6, 10))
    book.repay(loan.loan_id, loan.monthly_installment)
    on(date(2026, 6, 11))
    assert points()[0] == "1/2"


def test_repayments_lower_the_debt_that_decisions_see(book):
    loan = lend(book)
    book.repay(loan.loan_id, 3 * loan.monthly_installment)
    position = book.customers.get(loan.customer_id)[1]
    assert position.current_debt == 76_108_02
    book.repay(loan.loan_id, book.repayments.payoff(loan.loan_id, None).payoff.amount)
    position = book.customers.get(loan.customer_id)[1]
    assert (position.current_debt, position.monthly_obligation, position.active_loan_count) == (0, 0, 0)


# Many at once.


def test_repayments_made_at_once_are_all_kept(book, open_store):
    loan = lend(book)
    books = [type(book)(open_store(), book.clock) for _ in range(4)]

    def pay(number: int) -> int:
        return books[number % 4].repay(loan.loan_id, 1_000 * RUPEE).repayment.number

    with ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(pay, range(40)))
    for each in books:
        each.close()
    assert sorted(numbers) == list(range(1, 41))
    after = book.booking.get_loan(loan.loan_id)[0]
    assert (after.emis_paid, after.paid_toward_next) == (4, 40_000 * RUPEE - 4 * 8_884_88)
    kept = book.repayments.page(loan.loan_id, 0, 100)
    assert [each.number for each in kept] == list(range(1, 41))
    assert all(one.after == other.before for one, other in pairwise(kept))


def test_loan_that_is_paid_off_twice_at_once_is_paid_off_once(book):
    loan = lend(book)
    start = threading.Barrier(8)

    def pay_off(_) -> str:
        start.wait(10)
        try:
            book.repay(loan.loan_id, LAKH)
        except LoanClosed:
            return "closed before"
        return "closed"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(pay_off, range(8)))
    assert sorted(outcomes) == ["closed"] + 7 * ["closed before"]
    assert len(book.repayments.page(loan.loan_id, 0, 10)) == 1


def test_decision_waits_for_a_repayment_under_way_and_sees_the_whole_of_it(book):
    loan = lend(book, amount=10 * LAKH, months=60)
    has_recorded, may_end = threading.Event(), threading.Event()

    def record_slowly(tx):
        request, changes = RepaymentRequest(loan.loan_id, 10 * LAKH, None), Changes()
        book.repayments.execute(book.repayments.load(tx, [request], wait=True), request, changes)
        tx.write(changes)
        has_recorded.set()
        may_end.wait(10)

    with ThreadPoolExecutor(2) as pool:
        repaying = pool.submit(book.store.write, record_slowly)
        assert has_recorded.wait(10)
        # Both together are above the limit of ₹18 lakh.
        lending = pool.submit(book.lend, loan.customer_id, 9 * LAKH, "12", 60)
        with pytest.raises(TimeoutError):
            lending.result(0.3)
        may_end.set()
        repaying.result(10)
        decision = lending.result(10).decision
    assert decision.borrower.position.current_debt == 0
    assert decision.approved


# Sheets, and loans that are repaid here.


def test_sheet_loaded_again_changes_nothing_after_repayments(book, rows_of):
    book.upsert([rows_of.customer(7), rows_of.customer(8)])
    rows = [rows_of.loan(7, 5), rows_of.loan(8, 5, row_number=9), rows_of.loan(7, 6, emis_paid=12, emis_paid_on_time=9)]
    book.upsert(rows)
    second = book.booking.page_of_loans(8, None, 0, 10)[0].loan_id
    book.repay(5, EMI + 1)
    book.repay(second, book.repayments.payoff(second, None).payoff.amount)
    loans, repayments = book.rows("loan"), book.rows("repayment")
    for _ in range(2):
        file = book.upsert(rows)
        assert (file.rows.unchanged, file.rows.rejected, file.rows.adjusted) == (3, 0, 1)
    assert (book.rows("loan"), book.rows("repayment")) == (loans, repayments)


@pytest.mark.parametrize(
    "change",
    [
        {"monthly_installment": 9_300 * RUPEE},
        {"interest_rate_e4": 110_000},
        {"tenure_months": 13},
        {"emis_paid": 4},
        {"emis_paid_on_time": 3},
        {"approval_date": date(2026, 1, 6)},
        {"loan_amount": 2 * LAKH},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.usefixtures("imported")
def test_sheet_no_longer_changes_a_loan_that_is_repaid_here(book, rows_of, change):
    book.repay(5, EMI)
    loans = book.rows("loan")
    file = book.upsert([rows_of.loan(7, 5, **change)])
    assert (file.rows.rejected, file.rows.updated, file.rows.unchanged) == (1, 0, 0)
    assert book.issues(file) == [(6, "REJECTED", "Loan ID", "repayments on loan 5 are recorded here, not by sheets")]
    assert book.rows("loan") == loans


@pytest.mark.usefixtures("imported")
def test_sheet_leaves_a_loan_alone_that_a_charge_is_recorded_on(book, rows_of):
    before = book.booking.get_loan(5)[0]
    entry = ChargeEntry(7, 5, 1, ChargeKind.BOUNCE, 50_000, "returned", date(2026, 4, 10), 0, 1)
    charged = replace(before, charge_count=1)
    changes = Changes(charge_entries=[entry], loans_before=[before], updated_loans=[charged])
    book.store.write(lambda tx: tx.write(changes))
    assert book.upsert([rows_of.loan(7, 5)]).rows.unchanged == 1
    file = book.upsert([rows_of.loan(7, 5, emis_paid=5)])
    assert book.issues(file) == [(6, "REJECTED", "Loan ID", "charges on loan 5 are recorded here, not by sheets")]
    with pytest.raises(WriteConflict, match="charge"):
        book.store.write(lambda tx: tx.loans.import_changed(replace(before, emis_paid_on_time=2), before))
    assert book.booking.get_loan(5)[0] == charged


@pytest.mark.usefixtures("imported")
def test_sheet_that_pays_a_loan_off_closes_it_and_one_that_takes_it_back_opens_it(book, rows_of):
    [opened] = book.rows("loan")
    book.upsert([rows_of.loan(7, 5, emis_paid=opened["tenure_months"])])
    [closed] = book.rows("loan")
    assert (closed["state"], closed["next_due_day"]) == ("CLOSED", None)
    book.upsert([rows_of.loan(7, 5)])
    assert book.rows("loan") == [opened]
    assert opened["next_due_day"] == book.booking.get_loan(5)[0].next_due.toordinal()


@pytest.mark.usefixtures("imported")
def test_repayment_that_comes_between_is_not_overwritten_by_a_sheet(book):
    """An import that has read the loan before the repayment lands its batch again, and then rejects the row."""
    before = book.booking.get_loan(5)[0]
    book.repay(5, EMI)
    with pytest.raises(WriteConflict):
        book.store.write(lambda tx: tx.loans.import_changed(replace(before, emis_paid=2, emis_paid_on_time=2), before))
    assert book.booking.get_loan(5)[0].emis_paid == 4
