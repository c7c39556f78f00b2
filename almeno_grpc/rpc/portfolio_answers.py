"""What is told of the whole book as messages, each given by its fields."""

from collections.abc import Mapping

from almeno_grpc.domain.decision import DecisionReason
from almeno_grpc.domain.portfolio import BURDENS, DecisionStatistics, LoanBucket, LoanStatistics, Month, Portfolio
from almeno_grpc.domain.simulation import BandCount, Flip, Outcome, PolicyStatistics, SimulationSummary
from almeno_grpc.rpc.answers import DECISION_REASONS, LOAN_STATES, Fields, day, decimal, money
from almeno_grpc.service.borrower_scan import ScanProgress


def progress_fields(progress: ScanProgress) -> Fields:
    """How far a walk over the book has come."""
    return {"customers_done": progress.customers_done, "customers_total": progress.customers_total}


def simulation_fields(summary: SimulationSummary) -> Fields:
    """What a simulation has come to."""
    return {
        "business_date": day(summary.business_date),
        "customers": summary.customers,
        "before": _policy_fields(summary.before),
        "after": _policy_fields(summary.after),
        "newly_approved": summary.newly_approved,
        "newly_declined": summary.newly_declined,
    }


def flip_fields(flip: Flip) -> Fields:
    """A customer whose answer flips."""
    return {
        "customer_id": flip.customer_id,
        "before": _outcome_fields(flip.before),
        "after": _outcome_fields(flip.after),
    }


def portfolio_fields(portfolio: Portfolio) -> Fields:
    """The book in figures."""
    return {
        "business_date": day(portfolio.business_date),
        "customers": portfolio.customers,
        "loans": portfolio.loans.loans,
        "outstanding_principal": money(portfolio.loans.outstanding_principal),
        "loan_buckets": [_bucket_fields(*entry) for entry in portfolio.loan_buckets.items()],
        "vintages": [_vintage_fields(*entry) for entry in sorted(portfolio.vintages.items())],
        "scores": _score_counts(portfolio.scores),
        "emi_burden": [
            {"percent_above": above, "percent_to": to, "customers": customers}
            for (above, to), customers in zip(BURDENS, portfolio.emi_burden, strict=True)
        ],
        "decisions": [_decisions_fields(*entry) for entry in sorted(portfolio.decisions.items())],
        "policy_version": portfolio.policy.version,
    }


def _policy_fields(figures: PolicyStatistics) -> Fields:
    return {
        "policy_version": figures.policy_version,
        "approvals": figures.approvals,
        "declines": figures.declines,
        "not_amortizing": figures.not_amortizing,
        "declines_by_reason": _reason_counts(figures.declines_by_reason),
        "scores": _score_counts(figures.scores),
        "rates": [
            {"interest_rate": decimal(rate), "approvals": count} for rate, count in sorted(figures.rates.items())
        ],
        "bands": [_band_fields(count) for count in figures.bands],
    }


def _band_fields(count: BandCount) -> Fields:
    band = count.band
    return {
        "above": None if band is None else band.above,
        "least_rate": None if band is None else decimal(band.min_rate),
        "customers": count.customers,
        "approvals": count.approvals,
    }


def _outcome_fields(outcome: Outcome) -> Fields | None:
    if outcome.corrected_interest_rate is None:
        return None
    return {
        "approved": outcome.approved,
        "credit_score": outcome.credit_score,
        "corrected_interest_rate": decimal(outcome.corrected_interest_rate),
        "reasons": [DECISION_REASONS[reason] for reason in outcome.reasons],
    }


def _bucket_fields(bucket: LoanBucket, figures: LoanStatistics) -> Fields:
    return {
        "state": LOAN_STATES[bucket.state],
        "days_past_due_from": bucket.days_past_due_from,
        "days_past_due_to": bucket.days_past_due_to,
        "loans": figures.loans,
        "outstanding_principal": money(figures.outstanding_principal),
    }


def _vintage_fields(month: Month, figures: LoanStatistics) -> Fields:
    return {
        "year": month.year,
        "month": month.month,
        "loans": figures.loans,
        "loan_amount": money(figures.loan_amount),
        "outstanding_principal": money(figures.outstanding_principal),
    }


def _decisions_fields(month: Month, figures: DecisionStatistics) -> Fields:
    return {
        "year": month.year,
        "month": month.month,
        "approvals": figures.approvals,
        "declines": figures.declines,
        "declines_by_reason": _reason_counts(figures.declines_by_reason),
    }


def _score_counts(scores: Mapping[int, int]) -> list[Fields]:
    return [{"credit_score": score, "customers": count} for score, count in sorted(scores.items())]


def _reason_counts(reasons: Mapping[DecisionReason, int]) -> list[Fields]:
    """The reasons that were counted, in the order in which they are told."""
    return [
        {"reason": DECISION_REASONS[reason], "declines": reasons[reason]}
        for reason in DecisionReason
        if reason in reasons
    ]
