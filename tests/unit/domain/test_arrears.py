"""Since when a loan and a customer have been non-performing, against the contract's table and a model day by day."""

from datetime import date, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.arrears import Arrears, Payment, Timeline, after_payment, customer_non_performing_since
from almeno_grpc.domain.asset_class import AssetClass, class_on, non_performing_since_on
from almeno_grpc.domain.months import due_date

_APPROVAL = date(2027, 1, 15)
_MONTHS = 60
_STANDARD, _SMA_0, _SMA_1, _SMA_2, _NON_PERFORMING = AssetClass


class _Paid(NamedTuple):
    """A payment of whole instalments."""

    on: date
    instalments: int


def _next_due(approval: date, tenure: int, paid: int) -> date | None:
    return due_date(approval, paid + 1) if paid < tenure else None


def _timeline(approval: date, tenure: int, payments: list[_Paid]) -> Timeline:
    paid, seen = 0, []
    for payment in payments:
        paid += payment.instalments
        seen.append(Payment(payment.on, _next_due(approval, tenure, paid)))
    return Timeline(_next_due(approval, tenure, 0), seen)


def _arrears(timeline: Timeline, on: date) -> Arrears:
    arrears = Arrears(timeline.first_due)
    for payment in timeline.payments:
        if payment.paid_on <= on:
            arrears = after_payment(arrears, payment.paid_on, payment.next_due)
    return arrears


def _may(day: int) -> date:
    return date(2027, 5, day)


def _june(day: int) -> date:
    return date(2027, 6, day)


_TWO_IN_MAY = _Paid(_may(20), 2)


@pytest.mark.parametrize(
    ("payments", "on", "expected"),
    [
        ([], date(2027, 2, 14), _STANDARD),
        ([], date(2027, 2, 15), _SMA_0),
        ([], date(2027, 3, 16), _SMA_0),
        ([], date(2027, 3, 17), _SMA_1),
        ([], date(2027, 4, 15), _SMA_1),
        ([], date(2027, 4, 16), _SMA_2),
        ([], _may(15), _SMA_2),
        ([], _may(16), _NON_PERFORMING),
        ([_TWO_IN_MAY], _may(20), _NON_PERFORMING),
        ([_TWO_IN_MAY, _Paid(_june(10), 2)], _june(9), _NON_PERFORMING),
        ([_TWO_IN_MAY, _Paid(_june(10), 2)], _june(10), _STANDARD),
        ([_TWO_IN_MAY, _Paid(_june(10), 2)], _june(15), _SMA_0),
        ([_TWO_IN_MAY, _Paid(_june(16), 2)], _june(16), _NON_PERFORMING),
        ([_TWO_IN_MAY, _Paid(_june(15), 2), _Paid(_june(15), 0)], _june(15), _NON_PERFORMING),
        ([_TWO_IN_MAY, _Paid(_june(15), 2), _Paid(_june(15), 1)], _june(15), _STANDARD),
        ([_Paid(_may(15), 2)], _may(16), _SMA_1),
        ([_Paid(_may(16), 2)], _may(16), _SMA_1),
        ([_Paid(_may(15), 2), _Paid(_june(16), 2)], _june(16), _SMA_0),
        ([_Paid(_may(17), 60)], _may(17), _STANDARD),
    ],
)
def test_loan_of_15_january_2027(payments: list[_Paid], on: date, expected: AssetClass) -> None:
    timeline = _timeline(_APPROVAL, _MONTHS, payments)
    assert class_on(*_arrears(timeline, on), on) is expected


@pytest.mark.parametrize(
    ("due", "sma_1", "sma_2", "non_performing"),
    [
        (date(2021, 3, 31), date(2021, 4, 30), date(2021, 5, 30), date(2021, 6, 29)),
        (date(2028, 1, 31), date(2028, 3, 1), date(2028, 3, 31), date(2028, 4, 30)),
        (date(2027, 2, 28), date(2027, 3, 30), date(2027, 4, 29), date(2027, 5, 29)),
        (date(2028, 2, 29), date(2028, 3, 30), date(2028, 4, 29), date(2028, 5, 29)),
    ],
)
def test_classes_follow_calendar_days_at_the_ends_of_months(
    due: date, sma_1: date, sma_2: date, non_performing: date
) -> None:
    before = [(_STANDARD, due), (_SMA_0, sma_1), (_SMA_1, sma_2), (_SMA_2, non_performing)]
    for expected, end in before:
        assert class_on(due, None, end - timedelta(days=1)) is expected
    assert class_on(due, None, non_performing) is _NON_PERFORMING
    assert non_performing_since_on(due, None, non_performing + timedelta(days=500)) == non_performing
    assert non_performing_since_on(due, None, non_performing - timedelta(days=1)) is None


@pytest.mark.parametrize("on", [_may(20), _june(9)])
def test_partly_paid_loan_has_been_non_performing_since_its_ninetieth_day(on: date) -> None:
    arrears = _arrears(_timeline(_APPROVAL, _MONTHS, [_TWO_IN_MAY]), on)
    assert non_performing_since_on(*arrears, on) == _may(16)


def test_loan_that_is_not_disbursed_is_standard_and_makes_no_customer_non_performing() -> None:
    assert class_on(None, None, _may(16)) is _STANDARD
    assert customer_non_performing_since([Timeline(None)], _may(16)) is None


def test_last_due_date_of_the_calendar_has_a_class() -> None:
    assert class_on(date.max, None, date.max) is _SMA_0
    assert customer_non_performing_since([Timeline(date.max)], date.max) is None


def test_customer_stays_non_performing_while_another_loan_has_arrears() -> None:
    """The loan that made it so is paid wholly on 20 May; the other, two days in arrears then, on 10 June."""
    first = _timeline(_APPROVAL, _MONTHS, [_Paid(_may(20), 4), _Paid(_june(10), 1)])
    second = _timeline(date(2027, 4, 18), _MONTHS, [_Paid(_june(10), 1)])
    loans = [first, second]
    assert customer_non_performing_since(loans, _may(15)) is None
    assert customer_non_performing_since(loans, _may(16)) == _may(16)
    assert customer_non_performing_since(loans, _may(20)) == _may(16)
    assert customer_non_performing_since(loans, _june(9)) == _may(16)
    assert customer_non_performing_since(loans, _june(10)) is None
    assert class_on(*_arrears(first, _may(20)), _may(20)) is _STANDARD


def test_customer_is_standard_on_a_day_without_arrears_however_late_the_loans_were_in_turn() -> None:
    first = _timeline(_APPROVAL, _MONTHS, [_Paid(_may(18), 4)])
    second = _timeline(date(2027, 4, 18), _MONTHS, [_Paid(_may(18), 0)])
    earlier = _timeline(date(2027, 4, 17), _MONTHS, [])
    assert customer_non_performing_since([first, second], _may(18)) == _may(16)
    paid = _timeline(date(2027, 4, 18), _MONTHS, [_Paid(_may(18), 1)])
    assert customer_non_performing_since([first, paid], _may(18)) is None
    assert customer_non_performing_since([first, earlier], _may(20)) == _may(16)


def test_customer_is_non_performing_from_the_first_loan_that_is_whichever_arrears_began_first() -> None:
    """The loan of 15 January pays one instalment on 15 May, so that its arrears are of 15 March."""
    loans = [_timeline(_APPROVAL, _MONTHS, [_Paid(_may(15), 1)]), _timeline(date(2027, 2, 20), _MONTHS, [])]
    assert customer_non_performing_since(loans, _june(12)) is None
    assert customer_non_performing_since(loans, _june(20)) == _june(13)


# The model: the contract's words, day by day.


class _History(NamedTuple):
    approval: date
    tenure: int
    payments: list[_Paid]


@st.composite
def _histories(draw: st.DrawFn) -> _History:
    approval = date(2027, 10, 25) + timedelta(days=draw(st.integers(0, 130)))
    tenure = draw(st.integers(1, 8))
    day, payments = approval, []
    for _ in range(draw(st.integers(0, 7))):
        day += timedelta(days=draw(st.one_of(st.integers(0, 3), st.integers(25, 35), st.integers(0, 100))))
        payments.append(_Paid(day, draw(st.integers(0, 3))))
    return _History(approval, tenure, payments)


def _oldest_unpaid(loan: _History, on: date) -> date | None:
    covered = sum(payment.instalments for payment in loan.payments if payment.on <= on)
    due = [due_date(loan.approval, number) for number in range(1, loan.tenure + 1)]
    return next((day for day in due[covered:] if day <= on), None)


_DAYS = 520


@given(loans=st.lists(_histories(), min_size=1, max_size=3))
def test_loans_and_customer_are_what_a_walk_through_every_day_says(loans: list[_History]) -> None:
    timelines = [_timeline(loan.approval, loan.tenure, loan.payments) for loan in loans]
    loans_since: list[date | None] = [None] * len(loans)
    customer_since = None
    for number in range(_DAYS):
        on = date(2027, 10, 25) + timedelta(days=number)
        oldest = [_oldest_unpaid(loan, on) for loan in loans]
        for index, due in enumerate(oldest):
            if due is None:
                loans_since[index] = None
            elif (on - due).days >= 90:
                loans_since[index] = loans_since[index] or on
        if not any(oldest):
            customer_since = None
        elif any(loans_since):
            customer_since = customer_since or on
        if number % 7 and not any(payment.on == on for loan in loans for payment in loan.payments):
            continue
        for timeline, due, since in zip(timelines, oldest, loans_since, strict=True):
            arrears = _arrears(timeline, on)
            assert non_performing_since_on(*arrears, on) == since
            assert class_on(*arrears, on) is _class_in_words(due, since, on)
            assert customer_non_performing_since([timeline], on) == since
        assert customer_non_performing_since(timelines, on) == customer_since


def _class_in_words(due: date | None, since: date | None, on: date) -> AssetClass:
    if due is None:
        return _STANDARD
    if since is not None:
        return _NON_PERFORMING
    days = (on - due).days
    return _SMA_0 if days < 30 else _SMA_1 if days < 60 else _SMA_2
