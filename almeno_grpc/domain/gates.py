"""The gates that a loan had to pass, in words, with the values that the decision compared."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.decision import Decision, DecisionReason, obligation_with
from almeno_grpc.domain.money import format_rupees, plain
from almeno_grpc.domain.outside_credit import NO_OUTSIDE_CREDIT, OutsideCredit
from almeno_grpc.domain.policy import Gates, Policy

_CLASS_NAMES = {
    AssetClass.STANDARD: "standard",
    AssetClass.SMA_0: "SMA-0",
    AssetClass.SMA_1: "SMA-1",
    AssetClass.SMA_2: "SMA-2",
    AssetClass.NON_PERFORMING: "non-performing",
}


class Gate(NamedTuple):
    """One rule of the policy, and whether the loan passed it."""

    reason: DecisionReason
    """The reason to decline that the rule gives."""
    passed: bool
    observed: str
    """The value that was compared, in words."""
    allowed: str
    """What the policy allows, in words."""


def gates_of(decision: Decision, policy: Policy) -> tuple[Gate, ...]:
    """Every gate that the policy has for the loan, in the order of the reasons.

    Whether each was passed is the decision's own finding; nothing is compared a second time.
    """
    borrower, rules, failed = decision.borrower, policy.gates, decision.reasons

    def gate(reason: DecisionReason, observed: str, allowed: str) -> Gate:
        return Gate(reason, reason not in failed, observed, allowed)

    limit = f"approved limit {format_rupees(borrower.approved_limit)}"
    debt = f"current debt {format_rupees(borrower.position.current_debt)}"
    gates = []
    if rules.debt_within_limit:
        gates.append(gate(DecisionReason.DEBT_EXCEEDS_LIMIT, debt, limit))
    min_score = f"above {policy.bands[-1].above}"
    gates.append(gate(DecisionReason.CREDIT_SCORE_TOO_LOW, str(decision.credit_score), min_score))
    if rules.new_loan_within_limit:
        with_loan = f"{debt} and the new loan {format_rupees(decision.request.loan_amount)}"
        gates.append(gate(DecisionReason.LOAN_EXCEEDS_LIMIT, with_loan, limit))
    gates.append(gate(DecisionReason.EMI_BURDEN_TOO_HIGH, *_emi_burden(decision, policy)))
    max_rate = decision.request.max_interest_rate
    if max_rate is not None:
        rate = f"{decision.corrected_interest_rate:f} % a year"
        gates.append(gate(DecisionReason.RATE_ABOVE_MAXIMUM, rate, f"at most {max_rate:f} % a year"))
    if rules.has_conduct_gates:
        gates += (gate(*compared) for compared in _conduct(decision, rules))
    return tuple(gates)


def _conduct(decision: Decision, rules: Gates) -> Iterator[tuple[DecisionReason, str, str]]:
    """The gates on arrears and on a credit bureau's report: reason, observed, allowed."""
    position, outside = decision.borrower.position, decision.request.outside or NO_OUTSIDE_CREDIT
    if rules.max_days_past_due is not None:
        most = f"at most {_days(rules.max_days_past_due)}"
        yield DecisionReason.CUSTOMER_PAST_DUE, f"{_days(position.days_past_due)} past due", most
    if rules.non_performing_declines:
        asset_class = f"asset class {_CLASS_NAMES[position.asset_class]}"
        yield DecisionReason.CUSTOMER_NON_PERFORMING, asset_class, "any but non-performing"
    if rules.min_bureau_score is not None:
        score = "no bureau score" if outside.bureau_score is None else f"bureau score {outside.bureau_score}"
        yield DecisionReason.BUREAU_SCORE_TOO_LOW, score, f"at least {rules.min_bureau_score}, or none"
    if rules.bureau_report_required:
        report = "a bureau report" if outside.has_report else "no bureau report"
        yield DecisionReason.BUREAU_REPORT_MISSING, report, "a bureau report"
    if rules.max_bureau_report_age_days is not None:
        oldest = f"at most {_days(rules.max_bureau_report_age_days)} old"
        yield DecisionReason.BUREAU_REPORT_TOO_OLD, _report_age(outside, decision.business_date), oldest


def _report_age(outside: OutsideCredit, business_date: date) -> str:
    if outside.report_date is None:
        return "bureau report without a date" if outside.has_report else "no bureau report"
    return f"bureau report of {outside.report_date}, {_days((business_date - outside.report_date).days)} old"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _emi_burden(decision: Decision, policy: Policy) -> tuple[str, str]:
    borrower, rules = decision.borrower, policy.gates
    obligation = obligation_with(decision.monthly_installment, decision.request, borrower, rules)
    which = "instalments with the new one" if rules.new_emi_counts else "instalments without the new one"
    if rules.outside_obligations_count:
        which += " and with those to other lenders"
    share = rules.max_emi_share_of_income
    # Obligations are whole paise, so they are within the share when they are within its whole paise.
    max_obligation = format_rupees(borrower.monthly_income * share.numerator // share.denominator)
    income = format_rupees(borrower.monthly_income)
    return (
        f"{which} {format_rupees(obligation)} a month",
        f"{max_obligation}, {_percent(share.numerator, share.denominator)} % of the monthly income {income}",
    )


@lru_cache(maxsize=16)
def _percent(numerator: int, denominator: int) -> str:
    return f"{plain(Decimal(100 * numerator) / denominator):f}"
