"""The class of customers over all their loans, as it is kept by what is recorded, and as decisions see it."""

from datetime import date
from decimal import Decimal

import pytest
from support.audit_trail import findings
from support.book import RUPEE, Book

from almeno_grpc.clock import Clock
from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.decision import DecisionReason, LoanRequest
from almeno_grpc.domain.errors import CallerLimitExceeded
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.repayment import PrepaymentEffect

APPROVED = date(2027, 1, 15)
INCOME = 2_00_000 * RUPEE


@pytest.fixture
def on(book: Book, monkeypatch: pytest.MonkeyPatch):
    """Sets the business date."""

    def set_date(day: date) -> None:
        monkeypatch.setattr(Clock, "today", lambda _clock: day)

    set_date(APPROVED)
    yield set_date
    # All that was recorded has its event, and no more than that.
    assert findings(book.store) == []


def lend(book: Book, customer_id: int, rupees: int = 1_00_000, months: int = 24):
    booking = book.book(LoanRequest(customer_id, rupees * RUPEE, Decimal("10.5"), months))
    assert booking.loan is not None
    return booking.loan


def class_of(book: Book, customer_id: int) -> tuple[AssetClass, int]:
    _, position = book.customers.get(customer_id)
    return position.asset_class, position.days_past_due


def test_customer_is_as_late_as_the_oldest_instalment_of_all_loans(book, on):
    customer = book.register(INCOME)
    first, second = lend(book, customer.customer_id), lend(book, customer.customer_id)
    for day, expected in (
        (date(2027, 2, 14), (AssetClass.STANDARD, 0)),
        (date(2027, 2, 15), (AssetClass.SMA_0, 0)),
        (date(2027, 3, 17), (AssetClass.SMA_1, 30)),
        (date(2027, 5, 15), (AssetClass.SMA_2, 89)),
        (date(2027, 5, 16), (AssetClass.NON_PERFORMING, 90)),
    ):
        on(day)
        assert class_of(book, customer.customer_id) == expected
    book.repay(first.loan_id, 2 * first.monthly_installment)
    assert class_of(book, customer.customer_id) == (AssetClass.NON_PERFORMING, 90)
    book.repay(second.loan_id, 2 * second.monthly_installment)
    # What is paid on a day counts on that day: so neither ever was non-performing, and both owe that of 15 April.
    assert class_of(book, customer.customer_id) == (AssetClass.SMA_1, 31)


def test_customer_stays_non_performing_until_no_loan_has_arrears(book, on):
    customer = book.register(INCOME)
    bad, late = lend(book, customer.customer_id), lend(book, customer.customer_id)
    on(date(2027, 5, 15))
    book.repay(late.loan_id, 3 * late.monthly_installment)
    on(date(2027, 5, 20))
    assert class_of(book, customer.customer_id)[0] is AssetClass.NON_PERFORMING
    # The loan that was non-performing has no arrears any more; the other one is five days late.
    book.repay(bad.loan_id, 4 * bad.monthly_installment)
    assert class_of(book, customer.customer_id) == (AssetClass.NON_PERFORMING, 5)
    decision = book.check(LoanRequest(customer.customer_id, 10_000 * RUPEE, Decimal("10.5"), 12))
    assert decision.reasons == (DecisionReason.CUSTOMER_NON_PERFORMING,)
    assert decision.counter_offer is None
    paid = book.repay(late.loan_id, late.monthly_installment)
    assert class_of(book, customer.customer_id) == (AssetClass.STANDARD, 0)
    assert book.check(LoanRequest(customer.customer_id, 10_000 * RUPEE, Decimal("10.5"), 12)).approved
    # The payment is returned: the arrears had never been cleared.
    book.reverse(paid.repayment.repayment_id)
    assert class_of(book, customer.customer_id) == (AssetClass.NON_PERFORMING, 5)
    # Dated back to the day before the other loan's arrears were cleared, and so before the customer's were.
    book.repay(late.loan_id, late.monthly_installment, date(2027, 5, 16))
    assert class_of(book, customer.customer_id) == (AssetClass.STANDARD, 0)


def test_reversal_can_make_a_customer_non_performing_since_the_past(book, on):
    customer = book.register(INCOME)
    loan = lend(book, customer.customer_id)
    on(date(2027, 3, 20))
    paid = book.repay(loan.loan_id, 2 * loan.monthly_installment)
    on(date(2027, 6, 1))
    book.repay(loan.loan_id, loan.monthly_installment)
    assert class_of(book, customer.customer_id) == (AssetClass.SMA_0, 17)
    book.reverse(paid.repayment.repayment_id)
    assert class_of(book, customer.customer_id) == (AssetClass.NON_PERFORMING, 78)


def test_loans_that_end_leave_no_arrears(book, on):
    customer = book.register(INCOME)
    loan, other = lend(book, customer.customer_id), lend(book, customer.customer_id)
    on(date(2027, 6, 20))
    book.repay(other.loan_id, 5 * other.monthly_installment)
    book.prepay(other.loan_id, 10_000 * RUPEE, PrepaymentEffect.SHORTER_TENURE)
    assert class_of(book, customer.customer_id)[0] is AssetClass.NON_PERFORMING
    closed = book.repay(loan.loan_id, book.repayments.payoff(loan.loan_id, None).payoff.amount)
    assert closed.loan.state is LoanState.CLOSED
    assert class_of(book, customer.customer_id) == (AssetClass.STANDARD, 0)


def test_sanction_that_has_expired_has_no_arrears(book, on):
    customer = book.register(INCOME)
    loan = lend(book, customer.customer_id)
    request = LoanRequest(customer.customer_id, 10_000 * RUPEE, Decimal("10.5"), 12)
    assert book.book(request, disburse_later=True).loan.state is LoanState.SANCTIONED
    on(date(2027, 5, 20))
    assert class_of(book, customer.customer_id)[0] is AssetClass.NON_PERFORMING
    book.repay(loan.loan_id, 4 * loan.monthly_installment)
    assert class_of(book, customer.customer_id) == (AssetClass.STANDARD, 0)


def test_exit_beyond_the_callers_limit_leaves_the_loan_as_it_is(book, on):  # noqa: ARG001 - sets the day
    customer = book.register(INCOME)
    loan = lend(book, customer.customer_id)

    def refuse(amount: int) -> None:
        assert amount == 1_00_000 * RUPEE
        raise CallerLimitExceeded("max_repayment", "too much")

    with pytest.raises(CallerLimitExceeded):
        book.change(lambda *what: book.loan_changes.exit(loan.loan_id, None, *what, raise_if_beyond=refuse))
    assert book.booking.get_loan(loan.loan_id)[0].state is LoanState.ACTIVE
