"""Loans that are booked, imported, repaid and paid off in any order, against a model of the tests' own.

`ALMENO_LIVES` says how many stories are told, each of up to 40 steps.
"""

import itertools
import os
import uuid
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule
from support.lives import tell_lives
from support.repayment_model import ModelLoan

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import InvalidField, LoanClosed, RepaymentExceedsPayoff, RequestIdReused
from almeno_grpc.domain.loan import InstallmentState, LoanState
from almeno_grpc.service.idempotency import RequestContext
from almeno_grpc.service.repayments import Recorded, RepaymentRequest

RUPEE = 100
LIVES = int(os.environ.get("ALMENO_LIVES", "30"))
STEPS = 40
HAPPENS = ("booked", "imported", "repaid", "closed", "sent again", "loaded again")
PAID_STATES = {InstallmentState.PAID, InstallmentState.PAID_LATE}


@dataclass
class Held:
    """A loan of the model under the number the service gave it."""

    loan_id: int
    customer_id: int
    emi: int
    model: ModelLoan
    row: object = None
    """The sheet's row, of an imported loan."""
    settled: int = 0
    paid: list[tuple[int, date]] = field(default_factory=list)


@dataclass
class Sent:
    """A repayment that was asked for, and its answer."""

    request_id: str
    loan_id: int
    amount: int
    payment_date: date | None
    answer: bytes


class LivesOfLoans(RuleBasedStateMachine):
    """Everything that can happen to loans."""

    customers = Bundle("customers")
    loans = Bundle("loans")

    def __init__(self, book, rows_of, numbers, result) -> None:
        super().__init__()
        self.book, self.rows_of, self.numbers, self.result = book, rows_of, numbers, result
        self.held: list[Held] = []
        self.sent: list[Sent] = []
        self.people: list[int] = []
        self.today = date(2024, 1, 31)
        # All stories are told in one book, which has come to a later day in the one before.
        with book.store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM business_day")
        self._set_clock()

    def _set_clock(self) -> None:
        self.book.clock = Clock(self.today, self.book.clock.timezone)
        self.book.__post_init__()

    @rule(target=customers)
    def register(self) -> int:
        self.result["registered"] += 1
        self.people.append(self.book.register(400_000 * RUPEE).customer_id)
        return self.people[-1]

    @rule(
        target=loans,
        customer_id=customers,
        amount=st.integers(1_000, 200_000),
        rate=st.sampled_from(["0", "8.5", "12", "24.75"]),
        months=st.integers(1, 8),
    )
    def lend(self, customer_id: int, amount: int, rate: str, months: int):
        booking = self.book.lend(customer_id, amount * RUPEE, rate, months)
        note(f"booked {booking.loan}")
        loan = booking.loan
        if loan is None:
            return multiple()
        self.result["booked"] += 1
        model = ModelLoan.on_reducing_balance(amount * RUPEE, Decimal(loan.interest_rate), months, self.today)
        self.held.append(Held(loan.loan_id, customer_id, loan.monthly_installment, model))
        return self.held[-1]

    @rule(
        target=loans,
        amount=st.integers(1_000, 200_000),
        months=st.integers(1, 8),
        interest=st.integers(-1, 500),
        days_ago=st.integers(0, 200),
        data=st.data(),
    )
    def import_loan(self, amount: int, months: int, interest: int, days_ago: int, data: st.DataObject) -> Held:
        self.result["imported"] += 1
        number = next(self.numbers)
        paid = data.draw(st.integers(0, months - 1))
        on_time = data.draw(st.integers(0, paid))
        emi = (amount // months + interest) * RUPEE
        approved = self.today - timedelta(days=days_ago)
        self.book.upsert([self.rows_of.customer(number)])
        row = self.rows_of.loan(
            number,
            number,
            loan_amount=amount * RUPEE,
            tenure_months=months,
            monthly_installment=emi,
            emis_paid=paid,
            emis_paid_on_time=on_time,
            approval_date=approved,
        )
        assert self.book.upsert([row]).rows.inserted == 1
        model = ModelLoan.of_the_book(amount * RUPEE, emi, months, approved, paid, on_time)
        self.people.append(number)
        self.held.append(Held(number, number, emi, model, row, paid))
        return self.held[-1]

    @rule(held=loans, data=st.data())
    def repay(self, held: Held, data: st.DataObject) -> None:
        """A part, some instalments or everything, today or on a day since the latest repayment."""
        model = held.model
        on = data.draw(st.none() | st.integers(0, max(0, (self.today - model.latest).days)).map(self._days_ago))
        if model.closed_on:
            with pytest.raises(LoanClosed):
                self._record(held, 1, on)
            return
        payoff = model.payoff(on or self.today)
        emi = model.installments[-1].amount
        known = [amount for amount in (1, emi - 1, emi, emi + 1, 3 * emi, payoff - 1, payoff) if 0 < amount <= payoff]
        amount = data.draw(st.sampled_from(known) | st.integers(1, payoff))
        recorded = self._record(held, amount, on)
        model.pay(amount, on or self.today)
        held.paid.append((amount, on or self.today))
        assert recorded.repayment.closes_loan == (amount == payoff)
        self.result["closed" if recorded.repayment.closes_loan else "repaid"] += 1

    @rule(held=loans)
    def pay_off(self, held: Held) -> None:
        if held.model.closed_on:
            with pytest.raises(LoanClosed):
                self.book.repayments.payoff(held.loan_id, None)
            return
        owed = self.book.repayments.payoff(held.loan_id, None).payoff.amount
        assert owed == held.model.payoff(self.today)
        recorded = self._record(held, owed, None)
        assert recorded.loan.state is LoanState.CLOSED
        held.model.pay(owed, self.today)
        held.paid.append((owed, self.today))
        self.result["closed"] += 1

    @rule(held=loans, more=st.integers(1, 1_000_000), days=st.integers(1, 100))
    def overpay_or_mistake_the_day(self, held: Held, more: int, days: int) -> None:
        """What is refused changes nothing."""
        model = held.model
        if model.closed_on:
            return
        with pytest.raises(RepaymentExceedsPayoff):
            self._record(held, model.payoff(self.today) + more, None)
        with pytest.raises(InvalidField, match="payment_date"):
            self._record(held, 1, self.today + timedelta(days=days))
        with pytest.raises(InvalidField, match="payment_date"):
            self._record(held, 1, model.latest - timedelta(days=days))
        with pytest.raises(InvalidField, match="payoff_date"):
            self.book.repayments.payoff(held.loan_id, model.latest - timedelta(days=days))
        to_come = self.today + timedelta(days=days)
        assert self.book.repayments.payoff(held.loan_id, to_come).payoff.amount == model.payoff(to_come)
        self.result["refused"] += 4

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """A repayment sent again gets its first answer; with another amount its name is refused."""
        sent = data.draw(st.sampled_from(self.sent))
        assert self._send(sent.request_id, sent.loan_id, sent.amount, sent.payment_date) == (sent.answer, None)
        with pytest.raises(RequestIdReused):
            self._send(sent.request_id, sent.loan_id, sent.amount + 1, sent.payment_date)
        self.result["sent again"] += 1

    @rule(held=loans, is_changed=st.booleans())
    def load_the_sheet_again(self, held: Held, is_changed: bool) -> None:
        """The same row changes nothing; another one is refused once a repayment is recorded here."""
        if held.row is None:
            return
        if not is_changed:
            assert self.book.upsert([held.row]).rows.unchanged == 1
        elif held.paid:
            file = self.book.upsert([held.row._replace(monthly_installment=held.emi + RUPEE)])
            assert (file.rows.rejected, file.rows.updated) == (1, 0)
            (issue,) = self.book.issues(file)
            assert "are recorded here" in issue[3]
        self.result["loaded again"] += 1

    @rule(days=st.integers(1, 45))
    def days_go_by(self, days: int) -> None:
        self.today += timedelta(days=days)
        self._set_clock()

    @invariant()
    def loans_stand_as_the_model_says(self) -> None:
        for held in self.held:
            loan, model = self.book.booking.get_loan(held.loan_id)[0], held.model
            assert loan.emis_paid == model.emis_paid
            assert loan.emis_paid_on_time == model.emis_paid_on_time
            assert loan.paid_toward_next == model.paid_toward_next
            assert loan.outstanding_principal == model.outstanding
            assert loan.days_past_due(self.today) == model.days_past_due(self.today)
            assert (loan.state is LoanState.CLOSED) == (model.closed_on is not None)
            assert loan.repayments_left + loan.emis_paid == loan.tenure_months
            assert loan.repayment_count == len(held.paid)
        self.result["steps"] += 1

    @invariant()
    def what_is_allocated_is_what_was_paid(self) -> None:
        for held in self.held:
            listed = self.book.repayments.page(held.loan_id, 0, 1000)
            assert [(repayment.amount, repayment.payment_date) for repayment in listed] == held.paid
            rows = self.book.repayments.schedule(held.loan_id)
            assert all(row.paid_amount >= 0 for row in rows)
            settled = sum(row.scheduled.amount for row in rows[: held.settled])
            assert sum(row.paid_amount for row in rows) == settled + sum(amount for amount, _ in held.paid)
            for row, expected in zip(rows, held.model.installments, strict=True):
                assert row.due_date == expected.due
                assert (row.state in PAID_STATES) == expected.is_paid
                if expected.paid_on:
                    assert (row.state is InstallmentState.PAID) == expected.is_on_time
                elif not expected.is_settled:
                    assert row.paid_amount == expected.paid

    @invariant()
    def decisions_see_late_payment(self) -> None:
        """The position of every customer, which each decision is taken from."""
        for customer_id in self.people:
            models = [held.model for held in self.held if held.customer_id == customer_id]
            active = [model for model in models if not model.closed_on]
            position = self.book.customers.get(customer_id)[1]
            assert position.loan_count == len(models)
            assert position.active_loan_count == len(active)
            assert position.current_debt == sum(model.outstanding for model in active)
            assert position.emis_due == sum(model.emis_due(self.today) for model in models)
            assert position.emis_paid_on_time == sum(
                min(model.emis_due(self.today), model.emis_paid_on_time) for model in models
            )

    def _days_ago(self, days: int) -> date:
        return self.today - timedelta(days=days)

    def _record(self, held: Held, amount: int, on: date | None) -> Recorded:
        request_id = str(uuid.uuid4())
        answer, recorded = self._send(request_id, held.loan_id, amount, on)
        self.sent.append(Sent(request_id, held.loan_id, amount, on, answer))
        assert recorded is not None
        return recorded

    def _send(self, request_id: str, loan_id: int, amount: int, on: date | None) -> tuple[bytes, Recorded | None]:
        recorded: list[Recorded] = []
        answer = self.book.repayments.record(
            RepaymentRequest(loan_id, amount, on),
            RequestContext(request_id=request_id, fingerprint=f"{loan_id} {amount} {on}"),
            lambda recorded: f"{recorded}".encode(),
            recorded.append,
        )
        return answer.result(), recorded[0] if recorded else None


@pytest.fixture(scope="module")
def databases(sqlite_databases):
    """One kind is enough here: what the databases have to do for it is tested on both elsewhere."""
    return sqlite_databases


def test_loans_live_as_the_model_says_whatever_happens_to_them(book, rows_of, request):
    numbers = itertools.count(1)
    tell_lives(request, lambda happened: LivesOfLoans(book, rows_of, numbers, happened), HAPPENS, LIVES, STEPS)
