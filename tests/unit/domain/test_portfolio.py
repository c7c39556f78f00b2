from datetime import date

import pytest

from almeno_grpc.domain.decision import Borrower, DecisionReason
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.portfolio import BURDENS, LOAN_BUCKETS, DecisionGroup, LoanGroup, LoanStatistics, Portfolio
from almeno_grpc.domain.position import CreditPosition

TODAY = date(2026, 6, 30)
LAKH = 10_000_000
ACTIVE, CLOSED = LoanState.ACTIVE, LoanState.CLOSED


@pytest.fixture
def portfolio(policy: Policy) -> Portfolio:
    return Portfolio(policy, TODAY)


@pytest.mark.parametrize(
    ("approved", "emis_paid", "bucket"),
    [
        # The first instalment falls due a month after the approval.
        (date(2026, 6, 30), 0, (ACTIVE, 0, 0)),
        (date(2026, 5, 30), 0, (ACTIVE, 0, 0)),
        (date(2026, 5, 29), 0, (ACTIVE, 1, 30)),
        (date(2026, 3, 31), 1, (ACTIVE, 1, 30)),
        (date(2026, 4, 30), 0, (ACTIVE, 31, 60)),
        (date(2026, 4, 1), 0, (ACTIVE, 31, 60)),
        (date(2026, 3, 30), 0, (ACTIVE, 61, 90)),
        (date(2026, 3, 1), 0, (ACTIVE, 61, 90)),
        (date(2025, 12, 31), 2, (ACTIVE, 91, None)),
        (date(2000, 1, 31), 0, (ACTIVE, 91, None)),
        (date(2000, 1, 31), 360, (ACTIVE, 0, 0)),
    ],
)
def test_active_loan_counts_where_its_oldest_unpaid_instalment_puts_it(
    portfolio: Portfolio, approved: date, emis_paid: int, bucket: tuple[LoanState, int, int | None]
) -> None:
    portfolio.add_loans(LoanGroup(approved, ACTIVE, emis_paid, 2, 5 * LAKH, 4 * LAKH))
    assert portfolio.loan_buckets == {
        each: LoanStatistics(2, 5 * LAKH, 4 * LAKH) if each == bucket else LoanStatistics() for each in LOAN_BUCKETS
    }


def test_closed_loans_are_one_bucket_whenever_they_were_lent(portfolio: Portfolio) -> None:
    portfolio.add_loans(LoanGroup(date(2001, 1, 1), CLOSED, 0, 3, 9 * LAKH, 0))
    portfolio.add_loans(LoanGroup(date(2026, 6, 1), CLOSED, 0, 1, LAKH, 0))
    assert portfolio.loan_buckets[LOAN_BUCKETS[-1]] == LoanStatistics(4, 10 * LAKH, 0)
    assert LOAN_BUCKETS[-1] == (CLOSED, 0, 0)
    assert portfolio.loans == LoanStatistics(4, 10 * LAKH, 0)


def test_loans_add_up_by_the_month_of_their_approval(portfolio: Portfolio) -> None:
    for day, loans in ((date(2025, 12, 31), 1), (date(2026, 1, 1), 2), (date(2026, 1, 31), 3)):
        portfolio.add_loans(LoanGroup(day, ACTIVE, 6, loans, loans * LAKH, loans * LAKH // 2))
    assert portfolio.vintages == {
        (2025, 12): LoanStatistics(1, LAKH, LAKH // 2),
        (2026, 1): LoanStatistics(5, 5 * LAKH, 5 * LAKH // 2),
    }
    assert portfolio.loans == LoanStatistics(6, 6 * LAKH, 3 * LAKH)


@pytest.mark.parametrize(
    ("obligation", "income", "burden"),
    [
        (0, 1, (-1, 0)),
        (1, 100_000_000, (0, 10)),
        (10, 100, (0, 10)),
        (1001, 10_000, (10, 20)),
        (50, 100, (40, 50)),
        (5001, 10_000, (50, 60)),
        (100, 100, (90, 100)),
        (101, 100, (100, None)),
        (9**20, 7, (100, None)),
    ],
)
def test_burden_is_counted_by_tenths_of_the_income_each_up_to_its_end(
    portfolio: Portfolio, obligation: int, income: int, burden: tuple[int, int | None]
) -> None:
    portfolio.add_customer(Borrower(income, LAKH, CreditPosition(monthly_obligation=obligation)))
    assert portfolio.emi_burden == [int(each == burden) for each in BURDENS]


def test_customers_are_counted_by_the_score_of_the_policy(portfolio: Portfolio) -> None:
    for debt in (0, 0, 2 * LAKH):
        portfolio.add_customer(Borrower(LAKH, LAKH, CreditPosition(current_debt=debt)))
    assert portfolio.scores == {55: 2, 0: 1}
    assert portfolio.customers == 3


def test_decisions_add_up_by_month_and_a_decline_under_each_of_its_reasons(portfolio: Portfolio) -> None:
    limit, burden = DecisionReason.LOAN_EXCEEDS_LIMIT, DecisionReason.EMI_BURDEN_TOO_HIGH
    for day, reasons, decisions in (
        (date(2026, 5, 31), (), 4),
        (date(2026, 5, 1), (limit,), 2),
        (date(2026, 5, 2), (limit, burden), 1),
        (date(2026, 6, 1), (burden,), 5),
    ):
        portfolio.add_decisions(DecisionGroup(day, reasons, decisions))
    may, june = portfolio.decisions[2026, 5], portfolio.decisions[2026, 6]
    assert (may.approvals, may.declines, may.declines_by_reason) == (4, 3, {limit: 3, burden: 1})
    assert (june.approvals, june.declines, june.declines_by_reason) == (0, 5, {burden: 5})
    assert len(portfolio.decisions) == 2
