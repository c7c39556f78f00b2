"""The gates that a loan had to pass, in words, with the values that the decision compared."""

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from almeno_grpc.domain.decision import Decision, DecisionReason, obligation_with
from almeno_grpc.domain.money import format_rupees, plain
from almeno_grpc.domain.policy import Policy


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
    return tuple(gates)


def _emi_burden(decision: Decision, policy: Policy) -> tuple[str, str]:
    borrower, rules = decision.borrower, policy.gates
    obligation = obligation_with(decision.monthly_installment, borrower, policy)
    which = "instalments with the new one" if rules.new_emi_counts else "instalments without the new one"
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
