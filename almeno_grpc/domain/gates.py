"""The rules that a loan had to pass, told with the figures that the decision compared."""

from decimal import Decimal
from typing import NamedTuple

from almeno_grpc.domain.decision import Decision, DecisionReason, obligation_with
from almeno_grpc.domain.money import format_rupees, plain
from almeno_grpc.domain.policy import Policy


class Gate(NamedTuple):
    """One rule, and how the loan fared with it."""

    reason: DecisionReason
    """The reason to decline that the rule gives."""
    passed: bool
    observed: str
    """The figure that was looked at, in words."""
    allowed: str
    """What the policy allows, in words."""


def gates_of(decision: Decision, policy: Policy) -> tuple[Gate, ...]:
    """Every rule that the policy has for the loan, in the order of the reasons.

    Whether each was passed is the decision's own finding; nothing is compared a second time.
    """
    borrower, rules = decision.borrower, policy.gates
    limit = f"approved limit {format_rupees(borrower.approved_limit)}"
    debt = f"current debt {format_rupees(borrower.position.current_debt)}"
    figures = {DecisionReason.CREDIT_SCORE_TOO_LOW: (f"{decision.credit_score}", f"above {policy.bands[-1].above}")}
    if rules.debt_within_limit:
        figures[DecisionReason.DEBT_EXCEEDS_LIMIT] = debt, limit
    if rules.new_loan_within_limit:
        loan = format_rupees(decision.request.loan_amount)
        figures[DecisionReason.LOAN_EXCEEDS_LIMIT] = f"{debt} and the new loan {loan}", limit
    figures[DecisionReason.EMI_BURDEN_TOO_HIGH] = _emi_burden(decision, policy)
    if decision.request.max_interest_rate is not None:
        most = f"at most {decision.request.max_interest_rate:f} % a year"
        figures[DecisionReason.RATE_ABOVE_MAXIMUM] = f"{decision.corrected_interest_rate:f} % a year", most
    return tuple(
        Gate(reason, reason not in decision.reasons, *figures[reason]) for reason in DecisionReason if reason in figures
    )


def _emi_burden(decision: Decision, policy: Policy) -> tuple[str, str]:
    borrower, rules = decision.borrower, policy.gates
    obligation = obligation_with(decision.monthly_installment, borrower, policy)
    which = "instalments with the new one" if rules.new_emi_counts else "instalments without the new one"
    share = rules.most_emi_share_of_income
    percent = plain(Decimal(100 * share.numerator) / share.denominator)
    # Obligations are whole paise, so they are within the share when they are within its whole paise.
    most = format_rupees(borrower.monthly_income * share.numerator // share.denominator)
    income = format_rupees(borrower.monthly_income)
    return f"{which} {format_rupees(obligation)} a month", f"{most}, {percent:f} % of the monthly income {income}"
