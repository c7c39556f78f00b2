"""Policies, simulations and the book in figures as the service answers them: samples for the tests of the client."""

from typing import Any

from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money

from almeno_grpc.api import decision_pb2, loan_pb2, policy_pb2, portfolio_pb2, simulation_pb2

TODAY = Date(year=2026, month=11, day=23)
SCORE_TOO_LOW = decision_pb2.DECISION_REASON_CREDIT_SCORE_TOO_LOW
LOAN_EXCEEDS_LIMIT = decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT
EMI_BURDEN = decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH


def rupees(units: int) -> Money:
    return Money(currency_code="INR", units=units)


def policy(version: str = "2026-01", **changes: Any) -> policy_pb2.Policy:
    facts: dict[str, Any] = {
        "effective_date": Date(year=2026, month=1, day=1),
        "sha256": "ab" * 32,
        "in_effect": version == "2026-01",
        "toml": f'# What decides.\nversion = "{version}"\n',
    }
    return policy_pb2.Policy(version=version, **(facts | changes))


def progress(done: int, total: int) -> simulation_pb2.BookProgress:
    return simulation_pb2.BookProgress(customers_done=done, customers_total=total)


def _reasons(**declines: int) -> list[simulation_pb2.ReasonCount]:
    return [
        simulation_pb2.ReasonCount(reason=f"DECISION_REASON_{name}", declines=count) for name, count in declines.items()
    ]


def _scores(customers: dict[int, int]) -> list[simulation_pb2.ScoreCount]:
    return [simulation_pb2.ScoreCount(credit_score=score, customers=count) for score, count in customers.items()]


def _rates(approvals: dict[str, int]) -> list[simulation_pb2.RateCount]:
    return [
        simulation_pb2.RateCount(interest_rate=Decimal(value=rate), approvals=count)
        for rate, count in approvals.items()
    ]


def _band(above: int | None, min_rate: str | None, customers: int, approvals: int) -> simulation_pb2.BandCount:
    rate = None if min_rate is None else Decimal(value=min_rate)
    return simulation_pb2.BandCount(above=above, least_rate=rate, customers=customers, approvals=approvals)


def simulation(**changes: Any) -> simulation_pb2.SimulationSummary:
    """A simulation of 300 customers whose figures agree with one another."""
    before = simulation_pb2.SimulatedPolicy(
        policy_version="2026-01",
        approvals=214,
        declines=85,
        not_amortizing=1,
        declines_by_reason=_reasons(CREDIT_SCORE_TOO_LOW=12, LOAN_EXCEEDS_LIMIT=31, EMI_BURDEN_TOO_HIGH=60),
        scores=_scores({0: 9, 8: 4, 21: 23, 35: 40, 48: 52, 55: 71, 74: 60, 90: 41}),
        rates=_rates({"10.5": 140, "12": 58, "16": 16}),
        bands=[_band(50, "0", 172, 140), _band(30, "12", 92, 58), _band(10, "16", 23, 16), _band(None, None, 13, 0)],
        approved_amount=rupees(107_000_000),
        expected_interest=rupees(34_000_000),
    )
    after = simulation_pb2.SimulatedPolicy(
        policy_version="2026-07-draft",
        approvals=190,
        declines=109,
        not_amortizing=1,
        declines_by_reason=_reasons(CREDIT_SCORE_TOO_LOW=36, LOAN_EXCEEDS_LIMIT=31, EMI_BURDEN_TOO_HIGH=75),
        scores=_scores({0: 9, 5: 27, 30: 40, 46: 52, 52: 71, 70: 60, 88: 41}),
        rates=_rates({"10.5": 128, "13.25": 62}),
        bands=[_band(45, "0", 170, 128), _band(20, "13.25", 94, 62), _band(None, None, 36, 0)],
        approved_amount=rupees(95_000_000),
        expected_interest=rupees(31_500_000),
    )
    facts: dict[str, Any] = {
        "business_date": TODAY,
        "customers": 300,
        "before": before,
        "after": after,
        "newly_approved": 3,
        "newly_declined": 27,
    }
    return simulation_pb2.SimulationSummary(**(facts | changes))


def flip(customer_id: int, *, approved: bool, **changes: Any) -> simulation_pb2.SimulationFlip:
    """A customer whom the policy tried approves, or declines."""
    yes = simulation_pb2.SimulatedDecision(
        approved=True, credit_score=48, corrected_interest_rate=Decimal(value="12"), reasons=[]
    )
    no = simulation_pb2.SimulatedDecision(
        approved=False, credit_score=9, corrected_interest_rate=Decimal(value="10.5"), reasons=[SCORE_TOO_LOW]
    )
    before, after = (no, yes) if approved else (yes, no)
    return simulation_pb2.SimulationFlip(customer_id=customer_id, **({"before": before, "after": after} | changes))


def _class(number: int, loans: int, outstanding: int, provision: int) -> portfolio_pb2.LoansOfClass:
    return portfolio_pb2.LoansOfClass(
        asset_class=number, loans=loans, outstanding_principal=rupees(outstanding), provision=rupees(provision)
    )


def _state(state: int, loans: int, outstanding: int) -> portfolio_pb2.LoansOfState:
    return portfolio_pb2.LoansOfState(state=state, loans=loans, outstanding_principal=rupees(outstanding))


def late_loan(number: int, days_past_due: int, asset_class: int) -> portfolio_pb2.LateLoan:
    return portfolio_pb2.LateLoan(
        loan_id=1_000_000_000 + number,
        customer_id=100_000 + number,
        days_past_due=days_past_due,
        asset_class=asset_class,
        outstanding_principal=rupees(160_000),
        overdue_amount=rupees(10_000 + number),
    )


def _late_loans() -> list[portfolio_pb2.LateLoan]:
    """Eighteen: three non-performing, two SMA-2, four SMA-1, the others SMA-0."""
    days = [400, 200, 95, 80, 61, 58, 45, 44, 30, *range(29, 20, -1)]
    return [
        late_loan(number, late, 2 + sum(late >= least for least in (30, 60, 90)))
        for number, late in enumerate(days, start=1)
    ]


def _vintages() -> list[portfolio_pb2.Vintage]:
    """Three years of months: lending grows, and what is older is repaid more."""
    return [
        portfolio_pb2.Vintage(
            year=2023 + number // 12,
            month=number % 12 + 1,
            loans=2 + number % 5,
            loan_amount=rupees(1_000_000 + 40_000 * number),
            outstanding_principal=rupees((1_000_000 + 40_000 * number) * number // 40),
        )
        for number in range(36)
    ]


def summary(**changes: Any) -> portfolio_pb2.PortfolioSummary:
    """A book of 300 customers."""
    vintages = _vintages()
    outstanding = sum(vintage.outstanding_principal.units for vintage in vintages)
    active, closed = loan_pb2.LOAN_STATE_ACTIVE, loan_pb2.LOAN_STATE_CLOSED
    behind = (
        (2, 9, 1_200_000, 4_800),
        (3, 4, 700_000, 2_800),
        (4, 2, 250_000, 1_000),
        (5, 3, 480_000, 192_000),
    )
    current = outstanding - sum(amount for _, _, amount, _ in behind)
    late = _late_loans()
    facts: dict[str, Any] = {
        "business_date": TODAY,
        "customers": 300,
        "loans": sum(vintage.loans for vintage in vintages),
        "outstanding_principal": rupees(outstanding),
        "loans_by_class": [_class(1, 92, current, 112_120), *(_class(*figures) for figures in behind)],
        "loans_by_state": [_state(active, 110, outstanding), _state(closed, 34, 0)],
        "provision": rupees(312_720),
        "gross_non_performing_ratio": Decimal(value="1.57"),
        "overdue_amount": rupees(sum(each.overdue_amount.units for each in late)),
        "late_loan_count": len(late),
        "late_loans": late,
        "vintages": vintages,
        "scores": _scores({0: 9, 8: 4, 21: 23, 35: 40, 48: 52, 55: 71, 74: 60, 90: 41}),
        "emi_burden": [
            portfolio_pb2.BurdenBucket(percent_above=-1, percent_to=0, customers=120),
            *(
                portfolio_pb2.BurdenBucket(percent_above=10 * step, percent_to=10 * step + 10, customers=40 - 4 * step)
                for step in range(10)
            ),
            portfolio_pb2.BurdenBucket(percent_above=100, customers=2),
        ],
        "decisions": [
            portfolio_pb2.MonthOfDecisions(
                year=2026,
                month=month,
                approvals=20 + month,
                declines=12 - month,
                declines_by_reason=_reasons(LOAN_EXCEEDS_LIMIT=8 - month // 2, EMI_BURDEN_TOO_HIGH=4),
            )
            for month in range(6, 12)
        ],
        "policy_version": "2026-01",
        "norms_version": "2026-12",
        "cash": [
            portfolio_pb2.MonthOfCash(
                year=2026,
                month=month,
                disbursements=month,
                disbursed_amount=rupees(100_000 * month),
                repayments=10 * month,
                collected_amount=rupees(25_000 * month),
            )
            for month in (6, 8, 11)
        ],
    }
    return portfolio_pb2.PortfolioSummary(**(facts | changes))
