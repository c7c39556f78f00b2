"""The aggregates of the database against what each loan by itself gives."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from random import Random

import pytest
from support.book import LAKH

from almeno_grpc.bootstrap import load_norms
from almeno_grpc.clock import Clock
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.limits import MAX_LOAN_AMOUNT
from almeno_grpc.domain.norms import ProvisionCategory
from almeno_grpc.domain.portfolio import Month
from almeno_grpc.storage import statistics

[NORMS] = load_norms()
# Shares of which half a paisa is soon left, and the largest that there may be.
ODD = replace(NORMS, standard_percent=Decimal("0.0005"), sub_standard_percent=Decimal("12.5"))
TODAY = date(2026, 3, 31)


def rounded(principal, percent):
    """A share of an amount, to the nearest paisa, halves up."""
    exact = Fraction(percent) * principal / 100
    return floor(exact + Fraction(1, 2))


@pytest.fixture
def lent(with_customers, rows_of):
    """Loans of all sizes, approved up to the business date; gives them as they are in the book."""
    random, number = Random(7), 0
    rows = []
    for approved in (TODAY - timedelta(days=days) for days in range(0, 130, 3)):
        for _ in range(2):
            number += 1
            months = random.randint(1, 6)
            rows.append(
                rows_of.loan(
                    number % 9 + 1,
                    number,
                    approval_date=approved,
                    loan_amount=random.choice([random.randint(LAKH // 100, LAKH), MAX_LOAN_AMOUNT]),
                    tenure_months=months,
                    emis_paid=(paid := random.randint(0, months)),
                    emis_paid_on_time=paid,
                )
            )
    with_customers.upsert(rows)
    with with_customers.store.read() as tx:
        by_customer = [tx.loans.page(customer_id, None, 0, 1000, TODAY) for customer_id in range(1, 10)]
    return [loan for loans in by_customer for loan in loans]


@pytest.mark.parametrize("norms", [NORMS, ODD], ids=["norms of the package", "odd norms"])
def test_each_loans_provision_is_rounded_by_itself(with_customers, lent, norms):
    percents = [norms.percent(category) for category in ProvisionCategory]
    expected, found = defaultdict(Counter), defaultdict(Counter)
    for loan in lent:
        expected[Month.of(loan.approval_date), loan.state].update(
            {"loans": 1, "amount": loan.loan_amount, "principal": loan.outstanding_principal}
            | {percent: rounded(loan.outstanding_principal, percent) for percent in percents}
        )
    with with_customers.store.read() as tx:
        for group in tx.statistics.loans(TODAY, norms):
            found[group.approved, group.state].update(
                {"loans": group.loans, "amount": group.loan_amount, "principal": group.outstanding_principal}
                | dict(zip(percents, group.provisions, strict=True))
            )
    assert found == expected
    percent = norms.standard_percent
    assert any(sums[percent] != rounded(sums["principal"], percent) for sums in found.values())


def test_loans_that_are_read_some_at_a_time_add_up_to_the_same(with_customers, lent, monkeypatch):
    sums, groups = [], []
    for loans_per_statement in (len(lent), len(lent) // 3, 1):
        monkeypatch.setattr(statistics, "LOANS_PER_STATEMENT", loans_per_statement)
        with with_customers.store.read() as tx:
            loans, disbursements = list(tx.statistics.loans(TODAY, NORMS)), list(tx.statistics.disbursements(TODAY))
        found: dict[tuple, list[int]] = {}
        for *key, count, amount, principal, provisions in loans:
            figures = (count, amount, principal, *provisions)
            before = found.get(tuple(key), [0] * len(figures))
            found[tuple(key)] = [sum(each) for each in zip(before, figures, strict=True)]
        for month, *figures in disbursements:
            found[month] = [sum(each) for each in zip(found.get(month, [0, 0]), figures, strict=True)]
        sums.append(found)
        groups.append(len(loans) + len(disbursements))
    assert sums[0] == sums[1] == sums[2]
    assert groups[0] == len(sums[0]) < groups[1] < groups[2]
    assert sum(count for key, (count, *_) in sums[0].items() if not isinstance(key, Month)) == len(lent)


def test_loans_are_grouped_by_the_due_date_of_their_oldest_unpaid_instalment(with_customers, rows_of):
    days = {1: date(2026, 1, 31), 2: date(2026, 1, 31), 3: date(2025, 11, 30)}
    rows = [
        rows_of.loan(1, number, approval_date=day, emis_paid=number - 1, emis_paid_on_time=0)
        for number, day in days.items()
    ]
    with_customers.upsert(rows)
    with with_customers.store.read() as tx:
        groups = list(tx.statistics.loans(TODAY, NORMS))
    assert {group.next_due for group in groups} == {date(2026, 2, 28), date(2026, 3, 31)}
    assert {group.non_performing_since for group in groups} == {None}


@pytest.mark.parametrize("on", [TODAY - timedelta(days=days) for days in (0, 1, 2, 28, 30, 31, 32, 59, 60, 61)])
def test_late_loans_are_those_with_an_instalment_due_before_the_day_page_by_page(with_customers, lent, on):
    late = [loan for loan in lent if loan.days_past_due(on)]
    assert late
    found = []
    with with_customers.store.read() as tx:
        while page := tx.statistics.late_loans(found[-1] if found else None, 3, on):
            found += page
    assert found == late


def test_cash_is_what_was_disbursed_and_what_repayments_stand(book):
    today = book.clock.today()
    customer = book.register(monthly_income=LAKH)
    first, second = (book.lend(customer.customer_id, LAKH).loan for _ in range(2))
    book.lend(customer.customer_id, LAKH)
    book.repay(first.loan_id, 1_000_00)
    returned = book.repay(first.loan_id, 5_000_00)
    book.repay(second.loan_id, 30_00)
    book.reverse(returned.repayment.repayment_id)
    with book.store.read() as tx:
        assert list(tx.statistics.disbursements(today)) == [(Month.of(today), 3, 3 * LAKH)]
        assert list(tx.statistics.repayments(today)) == [(today, 2, 1_030_00)]
        before = today - timedelta(days=1)
        assert [*tx.statistics.disbursements(before), *tx.statistics.repayments(before)] == []


def test_loans_without_a_disbursement_are_no_cash(book):
    book = type(book)(book.store, Clock(date(2026, 12, 15), None))
    request = LoanRequest(book.register(monthly_income=LAKH).customer_id, LAKH, Decimal(12), 12)
    book.book(request, disburse_later=True)
    with book.store.read() as tx:
        assert list(tx.statistics.disbursements(book.clock.today())) == []
