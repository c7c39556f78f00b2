from datetime import date, timedelta
from decimal import Decimal

import pytest

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.decision import Borrower, DecisionReason
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.months import due_date
from almeno_grpc.domain.norms import Norms
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.portfolio import (
    BURDENS,
    LOAN_BUCKETS,
    CashStatistics,
    ClassStatistics,
    DecisionGroup,
    DisbursementGroup,
    LoanGroup,
    LoanStatistics,
    Month,
    Portfolio,
    RepaymentGroup,
)
from almeno_grpc.domain.position import CreditPosition

TODAY = date(2026, 6, 30)
LAKH = 10_000_000
ACTIVE, CLOSED = LoanState.ACTIVE, LoanState.CLOSED


@pytest.fixture
def portfolio(policy: Policy, norms: Norms) -> Portfolio:
    return Portfolio(policy, norms, TODAY)


def group(
    next_due: date | None,
    loans: int,
    loan_amount: int,
    outstanding_principal: int,
    *,
    approved: date = date(2025, 1, 1),
    since: date | None = None,
    provisions: tuple[int, int, int] = (0, 0, 0),
) -> LoanGroup:
    """Loans, of which those without a due date are closed."""
    state = CLOSED if next_due is None else ACTIVE
    month = Month.of(approved)
    return LoanGroup(month, state, next_due, since, loans, loan_amount, outstanding_principal, provisions)


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
    portfolio.add_loans(group(due_date(approved, emis_paid + 1), 2, 5 * LAKH, 4 * LAKH))
    assert portfolio.loan_buckets == {
        each: LoanStatistics(2, 5 * LAKH, 4 * LAKH) if each == bucket else LoanStatistics() for each in LOAN_BUCKETS
    }


def test_loans_add_up_to_the_same_in_one_group_or_in_several(policy: Policy, norms: Norms) -> None:
    at_once, in_parts = (Portfolio(policy, norms, TODAY) for _ in range(2))
    for state, next_due in ((ACTIVE, date(2026, 1, 1)), (CLOSED, None), (LoanState.EXPIRED, None)):
        for portfolio, parts in ((at_once, (5,)), (in_parts, (1, 4))):
            for loans in parts:
                amounts = loans * LAKH, loans * LAKH // 2
                provisions = (4 * loans, 100 * loans, 1000 * loans)
                part = group(next_due, loans, *amounts, since=next_due, provisions=provisions)
                portfolio.add_loans(part._replace(state=state))
                portfolio.add_disbursements(DisbursementGroup(Month(2025, 1), loans, amounts[0]))
    for figures in ("loans", "loans_by_class", "loans_by_state", "loan_buckets", "vintages", "vintage_classes", "cash"):
        assert getattr(in_parts, figures) == getattr(at_once, figures)
    assert at_once.loans.loans == 10


def test_closed_loans_are_one_bucket_whenever_they_were_lent(portfolio: Portfolio) -> None:
    portfolio.add_loans(group(None, 3, 9 * LAKH, 0, approved=date(2001, 1, 1)))
    portfolio.add_loans(group(None, 1, LAKH, 0, approved=date(2026, 6, 1)))
    assert portfolio.loan_buckets[LOAN_BUCKETS[-1]] == LoanStatistics(4, 10 * LAKH, 0)
    assert LOAN_BUCKETS[-1] == (CLOSED, 0, 0)
    assert portfolio.loans == LoanStatistics(4, 10 * LAKH, 0)
    assert portfolio.loans_by_state == {state: LoanStatistics() for state in LoanState} | {
        CLOSED: LoanStatistics(4, 10 * LAKH, 0)
    }
    assert set(map(repr, portfolio.loans_by_class.values())) == {repr(ClassStatistics())}


def test_loans_that_came_to_nothing_count_among_the_states_alone(portfolio: Portfolio) -> None:
    ended = (LoanState.CANCELLED, LoanState.EXPIRED, LoanState.EXITED)
    for state in ended:
        portfolio.add_loans(group(None, 2, 5 * LAKH, 5 * LAKH)._replace(state=state))
    assert portfolio.loans_by_state == {state: LoanStatistics() for state in LoanState} | {
        state: LoanStatistics(2, 5 * LAKH, 0) for state in ended
    }
    assert portfolio.loans == LoanStatistics()
    assert set(map(repr, portfolio.loan_buckets.values())) == {repr(LoanStatistics())}
    assert not portfolio.vintages
    assert portfolio.gross_non_performing_ratio is None


@pytest.mark.parametrize(
    ("days_since_due", "since", "asset_class", "provision"),
    [
        (-1, None, AssetClass.STANDARD, 4),
        (0, None, AssetClass.SMA_0, 4),
        (30, None, AssetClass.SMA_1, 4),
        (60, None, AssetClass.SMA_2, 4),
        (89, None, AssetClass.SMA_2, 4),
        (90, None, AssetClass.NON_PERFORMING, 100),
        # Partly paid, and non-performing before; sub-standard up to the day before a year has gone by.
        (5, date(2025, 7, 1), AssetClass.NON_PERFORMING, 100),
        (5, date(2025, 6, 30), AssetClass.NON_PERFORMING, 1000),
        (-1, date(2025, 6, 30), AssetClass.STANDARD, 4),
        # Non-performing since the ninetieth day.
        (90 + 364, None, AssetClass.NON_PERFORMING, 100),
        (90 + 365, None, AssetClass.NON_PERFORMING, 1000),
    ],
)
def test_active_loans_are_provided_for_by_their_class(
    portfolio: Portfolio, days_since_due: int, since: date | None, asset_class: AssetClass, provision: int
) -> None:
    next_due = TODAY - timedelta(days=days_since_due)
    portfolio.add_loans(group(next_due, 2, 5 * LAKH, 4 * LAKH, since=since, provisions=(4, 100, 1000)))
    portfolio.add_loans(group(None, 3, 9 * LAKH, 0))
    assert portfolio.loans_by_class == {
        each: ClassStatistics(2, 4 * LAKH, provision) if each is asset_class else ClassStatistics()
        for each in AssetClass
    }
    assert portfolio.provision == provision
    assert portfolio.loans_by_state[ACTIVE] == LoanStatistics(2, 5 * LAKH, 4 * LAKH)


@pytest.mark.parametrize(
    ("non_performing", "performing", "ratio"),
    [
        (0, 0, None),
        (0, 1, "0.00"),
        (1, 0, "100.00"),
        (1, 19_999, "0.01"),
        (1, 20_000, "0.00"),
        (1, 2, "33.33"),
        (2, 1, "66.67"),
    ],
)
def test_gross_non_performing_ratio_is_that_of_the_principal_of_active_loans(
    portfolio: Portfolio, non_performing: int, performing: int, ratio: str | None
) -> None:
    portfolio.add_loans(group(date(2026, 1, 1), 1, LAKH, non_performing))
    portfolio.add_loans(group(TODAY, 1, LAKH, performing))
    found = portfolio.gross_non_performing_ratio
    assert (None if found is None else str(found)) == ratio
    assert found is None or isinstance(found, Decimal)


def test_loans_add_up_by_the_month_of_their_approval(portfolio: Portfolio) -> None:
    for day, loans in ((date(2025, 12, 31), 1), (date(2026, 1, 1), 2), (date(2026, 1, 31), 3)):
        portfolio.add_loans(group(TODAY, loans, loans * LAKH, loans * LAKH // 2, approved=day))
    assert portfolio.vintages == {
        (2025, 12): LoanStatistics(1, LAKH, LAKH // 2),
        (2026, 1): LoanStatistics(5, 5 * LAKH, 5 * LAKH // 2),
    }
    assert portfolio.loans == LoanStatistics(6, 6 * LAKH, 3 * LAKH)


def test_active_loans_of_a_month_of_approval_are_told_apart_by_class(portfolio: Portfolio) -> None:
    january, june = date(2026, 1, 1), date(2026, 6, 1)
    portfolio.add_loans(group(TODAY - timedelta(days=90), 1, 5 * LAKH, 4 * LAKH, approved=january))
    portfolio.add_loans(group(TODAY + timedelta(days=1), 2, 3 * LAKH, 2 * LAKH, approved=january))
    portfolio.add_loans(group(None, 7, 3 * LAKH, 0, approved=january))
    portfolio.add_loans(group(TODAY, 3, 3 * LAKH, 3 * LAKH, approved=june))
    assert portfolio.vintage_classes == {
        (2026, 1): {
            AssetClass.NON_PERFORMING: ClassStatistics(1, 4 * LAKH, 0),
            AssetClass.STANDARD: ClassStatistics(2, 2 * LAKH, 0),
        },
        (2026, 6): {AssetClass.SMA_0: ClassStatistics(3, 3 * LAKH, 0)},
    }


def test_cash_adds_up_by_month(portfolio: Portfolio) -> None:
    portfolio.add_disbursements(DisbursementGroup(Month(2026, 5), 2, 3 * LAKH))
    for day, repayments, amount in ((date(2026, 5, 1), 1, LAKH), (date(2026, 5, 31), 2, 2), (date(2026, 6, 1), 3, 3)):
        portfolio.add_repayments(RepaymentGroup(day, repayments, amount))
    assert portfolio.cash == {
        (2026, 5): CashStatistics(2, 3 * LAKH, 3, LAKH + 2),
        (2026, 6): CashStatistics(0, 0, 3, 3),
    }


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
