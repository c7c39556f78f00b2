"""Conversion of messages of PortfolioService to records."""

from almeno_client.conversion import loan_state_of
from almeno_client.decision_conversion import asset_class_of, reason_of, reasons_of
from almeno_client.enums import enum_names
from almeno_client.portfolio_records import (
    BandCount,
    BookProgress,
    BurdenBucket,
    Import,
    ImportIssue,
    ImportIssueOutcome,
    ImportKind,
    ImportState,
    LateLoan,
    LoansOfClass,
    LoansOfState,
    MonthOfCash,
    MonthOfDecisions,
    Policy,
    PortfolioSummary,
    RateCount,
    ReasonCount,
    ScoreCount,
    SimulatedDecision,
    SimulatedPolicy,
    SimulationFlip,
    SimulationSummary,
    Vintage,
)
from almeno_client.values import date_of, instant_of, rate_of, rupees_of
from almeno_grpc.api import import_pb2, policy_pb2, portfolio_pb2, simulation_pb2

_KINDS = enum_names(dict(import_pb2.ImportKind.items()), ImportKind, "IMPORT_KIND_")
_IMPORT_STATES = enum_names(dict(import_pb2.ImportState.items()), ImportState, "IMPORT_STATE_")
_OUTCOMES = enum_names(dict(import_pb2.ImportIssueOutcome.items()), ImportIssueOutcome, "IMPORT_ISSUE_OUTCOME_")


def kind_name(kind: ImportKind) -> str:
    """The name of an import's kind in the protos."""
    return f"IMPORT_KIND_{kind}"


def import_of(message: import_pb2.Import) -> Import:
    """Converts an import."""
    return Import(
        import_id=message.import_id,
        kind=_KINDS.get(message.kind, ImportKind.UNSPECIFIED),
        file_name=message.file_name,
        sha256=message.sha256,
        book_date=date_of(message.book_date) if message.HasField("book_date") else None,
        state=_IMPORT_STATES.get(message.state, ImportState.UNSPECIFIED),
        rows_total=message.rows_total,
        rows_inserted=message.rows_inserted,
        rows_updated=message.rows_updated,
        rows_unchanged=message.rows_unchanged,
        rows_rejected=message.rows_rejected,
        rows_adjusted=message.rows_adjusted,
        error=message.error,
        create_time=instant_of(message.create_time),
        start_time=instant_of(message.start_time) if message.HasField("start_time") else None,
        end_time=instant_of(message.end_time) if message.HasField("end_time") else None,
        issues_total=message.issues_total,
    )


def issue_of(message: import_pb2.ImportIssue) -> ImportIssue:
    """Converts an issue of an import."""
    return ImportIssue(
        row_number=message.row_number,
        outcome=_OUTCOMES.get(message.outcome, ImportIssueOutcome.UNSPECIFIED),
        column=message.column,
        message=message.message,
    )


def policy_of(message: policy_pb2.Policy) -> Policy:
    """Converts a policy."""
    return Policy(
        version=message.version,
        effective_date=date_of(message.effective_date),
        sha256=message.sha256,
        in_effect=message.in_effect,
        toml=message.toml,
    )


def progress_of(message: simulation_pb2.BookProgress) -> BookProgress:
    """Converts the progress of a scan."""
    return BookProgress(message.customers_done, message.customers_total)


def simulation_of(message: simulation_pb2.SimulationSummary) -> SimulationSummary:
    """Converts the result of a simulation."""
    return SimulationSummary(
        business_date=date_of(message.business_date),
        customers=message.customers,
        before=_simulated_policy_of(message.before),
        after=_simulated_policy_of(message.after),
        newly_approved=message.newly_approved,
        newly_declined=message.newly_declined,
        server_version=message.server_version,
    )


def flip_of(message: simulation_pb2.SimulationFlip) -> SimulationFlip:
    """Converts a customer whose outcome changes."""
    return SimulationFlip(
        customer_id=message.customer_id,
        before=_simulated_decision_of(message.before) if message.HasField("before") else None,
        after=_simulated_decision_of(message.after) if message.HasField("after") else None,
    )


def summary_of(message: portfolio_pb2.PortfolioSummary) -> PortfolioSummary:
    """Converts a portfolio summary."""
    return PortfolioSummary(
        business_date=date_of(message.business_date),
        customers=message.customers,
        loans=message.loans,
        outstanding_principal=rupees_of(message.outstanding_principal),
        loans_by_class=tuple(map(_loans_of_class, message.loans_by_class)),
        loans_by_state=tuple(map(_loans_of_state, message.loans_by_state)),
        provision=rupees_of(message.provision),
        gross_non_performing_ratio=(
            rate_of(message.gross_non_performing_ratio) if message.HasField("gross_non_performing_ratio") else None
        ),
        overdue_amount=rupees_of(message.overdue_amount),
        late_loan_count=message.late_loan_count,
        late_loans=tuple(map(_late_loan_of, message.late_loans)),
        vintages=tuple(map(_vintage_of, message.vintages)),
        scores=tuple(map(_score_count_of, message.scores)),
        emi_burden=tuple(map(_burden_bucket_of, message.emi_burden)),
        decisions=tuple(map(_month_of_decisions_of, message.decisions)),
        policy_version=message.policy_version,
        norms_version=message.norms_version,
        cash=tuple(map(_month_of_cash_of, message.cash)),
        policy_sha256=message.policy_sha256,
        norms_sha256=message.norms_sha256,
        server_version=message.server_version,
    )


def _simulated_policy_of(message: simulation_pb2.SimulatedPolicy) -> SimulatedPolicy:
    return SimulatedPolicy(
        policy_version=message.policy_version,
        approvals=message.approvals,
        declines=message.declines,
        not_amortizing=message.not_amortizing,
        declines_by_reason=tuple(map(_reason_count_of, message.declines_by_reason)),
        scores=tuple(map(_score_count_of, message.scores)),
        rates=tuple(RateCount(rate_of(rate.interest_rate), rate.approvals) for rate in message.rates),
        bands=tuple(map(_band_count_of, message.bands)),
        approved_amount=rupees_of(message.approved_amount),
        expected_interest=rupees_of(message.expected_interest),
        policy_sha256=message.policy_sha256,
    )


def _simulated_decision_of(message: simulation_pb2.SimulatedDecision) -> SimulatedDecision:
    return SimulatedDecision(
        approved=message.approved,
        credit_score=message.credit_score,
        corrected_interest_rate=rate_of(message.corrected_interest_rate),
        reasons=reasons_of(message.reasons),
    )


def _reason_count_of(message: simulation_pb2.ReasonCount) -> ReasonCount:
    return ReasonCount(reason_of(message.reason), message.declines)


def _score_count_of(message: simulation_pb2.ScoreCount) -> ScoreCount:
    return ScoreCount(message.credit_score, message.customers)


def _band_count_of(message: simulation_pb2.BandCount) -> BandCount:
    return BandCount(
        above=message.above if message.HasField("above") else None,
        least_rate=rate_of(message.least_rate) if message.HasField("least_rate") else None,
        customers=message.customers,
        approvals=message.approvals,
    )


def _loans_of_class(message: portfolio_pb2.LoansOfClass) -> LoansOfClass:
    return LoansOfClass(
        asset_class=asset_class_of(message.asset_class),
        loans=message.loans,
        outstanding_principal=rupees_of(message.outstanding_principal),
        provision=rupees_of(message.provision),
    )


def _loans_of_state(message: portfolio_pb2.LoansOfState) -> LoansOfState:
    return LoansOfState(loan_state_of(message.state), message.loans, rupees_of(message.outstanding_principal))


def _late_loan_of(message: portfolio_pb2.LateLoan) -> LateLoan:
    return LateLoan(
        loan_id=message.loan_id,
        customer_id=message.customer_id,
        days_past_due=message.days_past_due,
        asset_class=asset_class_of(message.asset_class),
        outstanding_principal=rupees_of(message.outstanding_principal),
        overdue_amount=rupees_of(message.overdue_amount),
    )


def _vintage_of(message: portfolio_pb2.Vintage) -> Vintage:
    return Vintage(
        year=message.year,
        month=message.month,
        loans=message.loans,
        loan_amount=rupees_of(message.loan_amount),
        outstanding_principal=rupees_of(message.outstanding_principal),
        loans_by_class=tuple(map(_loans_of_class, message.loans_by_class)),
    )


def _month_of_cash_of(message: portfolio_pb2.MonthOfCash) -> MonthOfCash:
    return MonthOfCash(
        year=message.year,
        month=message.month,
        disbursements=message.disbursements,
        disbursed_amount=rupees_of(message.disbursed_amount),
        repayments=message.repayments,
        collected_amount=rupees_of(message.collected_amount),
    )


def _burden_bucket_of(message: portfolio_pb2.BurdenBucket) -> BurdenBucket:
    return BurdenBucket(
        percent_above=message.percent_above,
        percent_to=message.percent_to if message.HasField("percent_to") else None,
        customers=message.customers,
    )


def _month_of_decisions_of(message: portfolio_pb2.MonthOfDecisions) -> MonthOfDecisions:
    return MonthOfDecisions(
        year=message.year,
        month=message.month,
        approvals=message.approvals,
        declines=message.declines,
        declines_by_reason=tuple(map(_reason_count_of, message.declines_by_reason)),
    )
