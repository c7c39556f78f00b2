"""The decision on a loan request: one pure function that checks, bookings, batches and simulations all run."""

from bisect import bisect_left
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from almeno_grpc.domain.counter_offer import largest_amortizing_rupees
from almeno_grpc.domain.installments import InstallmentMethod, installment, installment_amount
from almeno_grpc.domain.limits import MIN_LOAN_AMOUNT
from almeno_grpc.domain.money import PAISE_PER_RUPEE, format_rupees
from almeno_grpc.domain.policy import Band, Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.domain.scoring import ScoreComponent, credit_score


class DecisionReason(StrEnum):
    """Why a loan was declined."""

    DEBT_EXCEEDS_LIMIT = "DEBT_EXCEEDS_LIMIT"
    CREDIT_SCORE_TOO_LOW = "CREDIT_SCORE_TOO_LOW"
    LOAN_EXCEEDS_LIMIT = "LOAN_EXCEEDS_LIMIT"
    EMI_BURDEN_TOO_HIGH = "EMI_BURDEN_TOO_HIGH"
    RATE_ABOVE_MAXIMUM = "RATE_ABOVE_MAXIMUM"


class LoanRequest(NamedTuple):
    """What a customer asks for. The amount in paise, rates in per cent a year."""

    customer_id: int
    loan_amount: int
    interest_rate: Decimal
    tenure_months: int
    max_interest_rate: Decimal | None = None
    """The highest rate the caller would take; None takes any."""


class Borrower(NamedTuple):
    """What a decision has to know of a customer: income and limit in paise, and the position."""

    monthly_income: int
    approved_limit: int
    position: CreditPosition


class Decision(NamedTuple):
    """The answer to a loan request, with everything it was based on."""

    request: LoanRequest
    borrower: Borrower
    credit_score: int
    score_components: tuple[ScoreComponent, ...]
    corrected_interest_rate: Decimal
    monthly_installment: int
    """At the corrected rate, in paise."""
    installment_method: InstallmentMethod
    reasons: tuple[DecisionReason, ...]
    counter_offer: int | None
    """The largest amount in whole rupees, in paise, that the same rules approve; only on a decline."""
    policy_version: str
    policy_sha256: str
    business_date: date

    @property
    def approved(self) -> bool:
        """Approved when there is no reason to decline."""
        return not self.reasons

    @property
    def message(self) -> str:
        """The outcome in one sentence for a person."""
        request, rate = self.request, self.corrected_interest_rate
        if not self.approved:
            causes = "; ".join(_CAUSES[reason] for reason in self.reasons)
            offer = f" {format_rupees(self.counter_offer)} would be approved." if self.counter_offer else ""
            return f"Declined: {causes}.{offer}"
        corrected = "" if rate == request.interest_rate else f", corrected from {request.interest_rate:f} %"
        months = "1 month" if request.tenure_months == 1 else f"{request.tenure_months} months"
        return (
            f"Approved: {format_rupees(request.loan_amount)} over {months} at {rate:f} % a year"
            f"{corrected}, {format_rupees(self.monthly_installment)} a month."
        )


_CAUSES = {
    DecisionReason.DEBT_EXCEEDS_LIMIT: "the current debt exceeds the approved limit",
    DecisionReason.CREDIT_SCORE_TOO_LOW: "the credit score is too low",
    DecisionReason.LOAN_EXCEEDS_LIMIT: "current debt and the new loan together exceed the approved limit",
    DecisionReason.EMI_BURDEN_TOO_HIGH: "the instalments would take too large a share of the monthly income",
    DecisionReason.RATE_ABOVE_MAXIMUM: "the rate for this score is above the highest accepted",
}


def decide(
    request: LoanRequest, borrower: Borrower, policy: Policy, business_date: date, *, makes_offer: bool = True
) -> Decision:
    """Decides a loan request under a policy, on a business date.

    Args:
        request: What is asked for.
        borrower: Who asks.
        policy: What decides.
        business_date: The day that is decided for.
        makes_offer: Whether a decline has its counter-offer, which takes longer to find than all the rest.

    Raises:
        TermsDoNotAmortize: At the corrected rate the terms give no schedule that repays the loan.
    """
    score = credit_score(borrower.position, borrower.approved_limit, policy)
    band = policy.band(score.score)
    rate = request.interest_rate if band is None else max(request.interest_rate, band.min_rate)
    emi = installment(
        policy.installment_method, request.loan_amount, rate, request.tenure_months, policy.rounding.installment
    )
    by_amount = _reasons_by_amount(request.loan_amount, emi, borrower, policy)
    otherwise = _reasons_whatever_the_amount(request, borrower, band, rate, policy)
    reasons = _in_order(by_amount, otherwise) if by_amount or otherwise else ()
    # Where a loan of any amount would be declined, there is none to offer.
    may_offer = makes_offer and by_amount and not otherwise
    # By their places, which takes half the time.
    return Decision(
        request,
        borrower,
        score.score,
        score.components,
        rate,
        emi,
        policy.installment_method,
        reasons,
        _counter_offer(request, borrower, rate, policy) if may_offer else None,
        policy.version,
        policy.sha256,
        business_date,
    )


def _in_order(*reasons: list[DecisionReason]) -> tuple[DecisionReason, ...]:
    """The reasons in the order in which they are told."""
    found = {reason for part in reasons for reason in part}
    return tuple(reason for reason in DecisionReason if reason in found)


def _reasons_whatever_the_amount(
    request: LoanRequest, borrower: Borrower, band: Band | None, rate: Decimal, policy: Policy
) -> list[DecisionReason]:
    reasons = []
    if policy.gates.debt_within_limit and borrower.position.current_debt > borrower.approved_limit:
        reasons.append(DecisionReason.DEBT_EXCEEDS_LIMIT)
    if band is None:
        reasons.append(DecisionReason.CREDIT_SCORE_TOO_LOW)
    if request.max_interest_rate is not None and rate > request.max_interest_rate:
        reasons.append(DecisionReason.RATE_ABOVE_MAXIMUM)
    return reasons


def _reasons_by_amount(loan_amount: int, emi: int, borrower: Borrower, policy: Policy) -> list[DecisionReason]:
    gates, position = policy.gates, borrower.position
    reasons = []
    if gates.new_loan_within_limit and position.current_debt + loan_amount > borrower.approved_limit:
        reasons.append(DecisionReason.LOAN_EXCEEDS_LIMIT)
    share = gates.max_emi_share_of_income
    if obligation_with(emi, borrower, policy) * share.denominator > share.numerator * borrower.monthly_income:
        reasons.append(DecisionReason.EMI_BURDEN_TOO_HIGH)
    return reasons


def obligation_with(emi: int, borrower: Borrower, policy: Policy) -> int:
    """What the policy counts as the instalments a month, in paise, once there is a loan with this one."""
    return borrower.position.monthly_obligation + (emi if policy.gates.new_emi_counts else 0)


def _counter_offer(request: LoanRequest, borrower: Borrower, rate: Decimal, policy: Policy) -> int | None:
    """The largest amount in whole rupees that passes where the one asked for did not, at its tenure and rate.

    Both gates that look at the amount get stricter as it grows, for the instalment grows with it, so the largest amount
    that passes them is found by halving. Whether terms amortize does not follow the amount so strictly; that search is
    a module of its own.
    """
    method, months, rounding = policy.installment_method, request.tenure_months, policy.rounding.installment

    def fails(rupees: int) -> bool:
        amount = rupees * PAISE_PER_RUPEE
        emi = installment_amount(method, amount, rate, months, rounding)
        return bool(_reasons_by_amount(amount, emi, borrower, policy))

    least = MIN_LOAN_AMOUNT // PAISE_PER_RUPEE
    candidates = range(least, request.loan_amount // PAISE_PER_RUPEE + 1)
    largest = least + bisect_left(candidates, True, key=fails) - 1
    rupees = largest_amortizing_rupees(method, rate, months, least, largest, rounding)
    return None if rupees is None else rupees * PAISE_PER_RUPEE
