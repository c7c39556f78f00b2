"""The decision on a loan request: one pure function that checks, bookings, batches and simulations all run."""

from bisect import bisect_left
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.counter_offer import largest_amortizing_rupees
from almeno_grpc.domain.installments import InstallmentMethod, installment, installment_amount
from almeno_grpc.domain.limits import MIN_LOAN_AMOUNT
from almeno_grpc.domain.money import PAISE_PER_RUPEE, format_rupees
from almeno_grpc.domain.outside_credit import NO_OUTSIDE_CREDIT, OutsideCredit
from almeno_grpc.domain.policy import Band, Gates, Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.domain.scoring import ScoreComponent, credit_score


class DecisionReason(StrEnum):
    """Why a loan was declined."""

    DEBT_EXCEEDS_LIMIT = "DEBT_EXCEEDS_LIMIT"
    CREDIT_SCORE_TOO_LOW = "CREDIT_SCORE_TOO_LOW"
    LOAN_EXCEEDS_LIMIT = "LOAN_EXCEEDS_LIMIT"
    EMI_BURDEN_TOO_HIGH = "EMI_BURDEN_TOO_HIGH"
    RATE_ABOVE_MAXIMUM = "RATE_ABOVE_MAXIMUM"
    CUSTOMER_PAST_DUE = "CUSTOMER_PAST_DUE"
    CUSTOMER_NON_PERFORMING = "CUSTOMER_NON_PERFORMING"
    BUREAU_SCORE_TOO_LOW = "BUREAU_SCORE_TOO_LOW"
    BUREAU_REPORT_MISSING = "BUREAU_REPORT_MISSING"
    BUREAU_REPORT_TOO_OLD = "BUREAU_REPORT_TOO_OLD"


class LoanRequest(NamedTuple):
    """A loan request. The amount in paise, rates in per cent a year."""

    customer_id: int
    loan_amount: int
    interest_rate: Decimal
    tenure_months: int
    max_interest_rate: Decimal | None = None
    """The maximum rate that the caller accepts; None accepts any."""
    outside: OutsideCredit | None = None
    """The applicant's credit with other lenders, as far as the caller states it."""


class Borrower(NamedTuple):
    """The customer as a decision sees one: monthly income and approved limit in paise, and the credit position."""

    monthly_income: int
    approved_limit: int
    position: CreditPosition


class Decision(NamedTuple):
    """The result of a loan request, with everything it was based on."""

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
    DecisionReason.CUSTOMER_PAST_DUE: "an instalment is too long past due",
    DecisionReason.CUSTOMER_NON_PERFORMING: "the customer is non-performing",
    DecisionReason.BUREAU_SCORE_TOO_LOW: "the bureau score is too low",
    DecisionReason.BUREAU_REPORT_MISSING: "there is no bureau report",
    DecisionReason.BUREAU_REPORT_TOO_OLD: "the bureau report is too old",
}


def decide(
    request: LoanRequest, borrower: Borrower, policy: Policy, business_date: date, *, makes_offer: bool = True
) -> Decision:
    """Decides a loan request under a policy, on a business date.

    Args:
        request: The terms asked for.
        borrower: The customer's income, limit and credit position.
        policy: The policy in effect, or one to be tried.
        business_date: The date of the decision.
        makes_offer: Whether a decline has its counter-offer, whose search takes longer than all the rest.

    Raises:
        TermsDoNotAmortize: At the corrected rate the terms give no schedule that repays the loan.
    """
    score = credit_score(borrower.position, borrower.approved_limit, policy)
    band = policy.band(score.score)
    rate = request.interest_rate if band is None else max(request.interest_rate, band.min_rate)
    emi = installment(
        policy.installment_method, request.loan_amount, rate, request.tenure_months, policy.rounding.installment
    )
    amount_reasons = _amount_reasons(request.loan_amount, emi, request, borrower, policy)
    other_reasons = _other_reasons(request, borrower, band, rate, policy)
    if policy.gates.has_conduct_gates:
        other_reasons += _conduct_reasons(request.outside or NO_OUTSIDE_CREDIT, borrower, policy.gates, business_date)
    reasons = _in_order(amount_reasons, other_reasons) if amount_reasons or other_reasons else ()
    # Where a loan of any amount would be declined, there is none to offer.
    may_offer = makes_offer and amount_reasons and not other_reasons
    # Positional, which takes half the time of keyword arguments.
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
    """The reasons in the order of `DecisionReason`."""
    found = {reason for part in reasons for reason in part}
    return tuple(reason for reason in DecisionReason if reason in found)


def _other_reasons(
    request: LoanRequest, borrower: Borrower, band: Band | None, rate: Decimal, policy: Policy
) -> list[DecisionReason]:
    """The reasons that do not depend on the loan amount."""
    reasons = []
    if policy.gates.debt_within_limit and borrower.position.current_debt > borrower.approved_limit:
        reasons.append(DecisionReason.DEBT_EXCEEDS_LIMIT)
    if band is None:
        reasons.append(DecisionReason.CREDIT_SCORE_TOO_LOW)
    if request.max_interest_rate is not None and rate > request.max_interest_rate:
        reasons.append(DecisionReason.RATE_ABOVE_MAXIMUM)
    return reasons


def _conduct_reasons(
    outside: OutsideCredit, borrower: Borrower, gates: Gates, business_date: date
) -> list[DecisionReason]:
    """The reasons in the customer's arrears and in a credit bureau's report, whatever the loan."""
    reasons, position = [], borrower.position
    if gates.max_days_past_due is not None and position.days_past_due > gates.max_days_past_due:
        reasons.append(DecisionReason.CUSTOMER_PAST_DUE)
    if gates.non_performing_declines and position.asset_class == AssetClass.NON_PERFORMING:
        reasons.append(DecisionReason.CUSTOMER_NON_PERFORMING)
    score, min_score = outside.bureau_score, gates.min_bureau_score
    if min_score is not None and score is not None and score < min_score:
        reasons.append(DecisionReason.BUREAU_SCORE_TOO_LOW)
    if gates.bureau_report_required and not outside.has_report:
        reasons.append(DecisionReason.BUREAU_REPORT_MISSING)
    max_age_days = gates.max_bureau_report_age_days
    if max_age_days is not None and outside.has_report and _is_older(outside.report_date, max_age_days, business_date):
        reasons.append(DecisionReason.BUREAU_REPORT_TOO_OLD)
    return reasons


def _is_older(report_date: date | None, age_days: int, business_date: date) -> bool:
    """Whether a report is more than so many days old. One without a date may be of any age, and is taken to be."""
    return report_date is None or (business_date - report_date).days > age_days


def _amount_reasons(
    loan_amount: int, emi: int, request: LoanRequest, borrower: Borrower, policy: Policy
) -> list[DecisionReason]:
    """The reasons that depend on the loan amount: that of the request, or one to offer in its place."""
    gates, position = policy.gates, borrower.position
    reasons = []
    if gates.new_loan_within_limit and position.current_debt + loan_amount > borrower.approved_limit:
        reasons.append(DecisionReason.LOAN_EXCEEDS_LIMIT)
    share = gates.max_emi_share_of_income
    if obligation_with(emi, request, borrower, gates) * share.denominator > share.numerator * borrower.monthly_income:
        reasons.append(DecisionReason.EMI_BURDEN_TOO_HIGH)
    return reasons


def obligation_with(emi: int, request: LoanRequest, borrower: Borrower, gates: Gates) -> int:
    """The monthly obligation in paise that the policy holds against the income, for a new loan with this instalment."""
    obligation = borrower.position.monthly_obligation
    if gates.new_emi_counts:
        obligation += emi
    if gates.outside_obligations_count and request.outside is not None:
        obligation += request.outside.monthly_obligations
    return obligation


def _counter_offer(request: LoanRequest, borrower: Borrower, rate: Decimal, policy: Policy) -> int | None:
    """The largest amount in whole rupees that passes where the one asked for did not, at its tenure and rate.

    Both gates on the amount are monotonic, for the instalment grows with it: the largest amount that passes them is
    found by binary search. Whether terms amortize is not monotonic in the amount; `counter_offer` searches for that.
    """
    method, months, rounding = policy.installment_method, request.tenure_months, policy.rounding.installment

    def fails(rupees: int) -> bool:
        amount = rupees * PAISE_PER_RUPEE
        emi = installment_amount(method, amount, rate, months, rounding)
        return bool(_amount_reasons(amount, emi, request, borrower, policy))

    minimum = MIN_LOAN_AMOUNT // PAISE_PER_RUPEE
    candidates = range(minimum, request.loan_amount // PAISE_PER_RUPEE + 1)
    largest = minimum + bisect_left(candidates, True, key=fails) - 1
    rupees = largest_amortizing_rupees(method, rate, months, minimum, largest, rounding)
    return None if rupees is None else rupees * PAISE_PER_RUPEE
