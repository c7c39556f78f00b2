"""The statistics of the whole book as messages."""

from collections.abc import Mapping

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from almeno_grpc.api import portfolio_pb2
from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.late_loans import LateLoan
from almeno_grpc.domain.portfolio import (
    BURDENS,
    CashStatistics,
    ClassStatistics,
    DecisionStatistics,
    LoanBucket,
    LoanStatistics,
    Month,
    Portfolio,
)
from almeno_grpc.rpc.conversion.customers import ASSET_CLASSES
from almeno_grpc.rpc.conversion.loans import LOAN_STATES
from almeno_grpc.rpc.conversion.statistics import SERVER_VERSION, fill_reason_counts, fill_score_counts
from almeno_grpc.rpc.conversion.values import fill_date, fill_decimal, fill_money


def fill_portfolio(message: portfolio_pb2.PortfolioSummary, portfolio: Portfolio) -> None:
    """Fills the statistics of the book on its business date."""
    fill_date(message.business_date, portfolio.business_date)
    message.customers = portfolio.customers
    message.loans = portfolio.loans.loans
    fill_money(message.outstanding_principal, portfolio.loans.outstanding_principal)
    for bucket, loans in portfolio.loan_buckets.items():
        _fill_bucket(message.loan_buckets.add(), bucket, loans)
    for month, loans in sorted(portfolio.vintages.items()):
        vintage = message.vintages.add()
        _fill_vintage(vintage, month, loans)
        _fill_classes(vintage.loans_by_class, portfolio.vintage_classes[month])
    fill_score_counts(message.scores, portfolio.scores)
    for (above, to), customers in zip(BURDENS, portfolio.emi_burden, strict=True):
        message.emi_burden.add(percent_above=above, percent_to=to, customers=customers)
    for month, decisions in sorted(portfolio.decisions.items()):
        _fill_decisions(message.decisions.add(), month, decisions)
    _fill_classes(message.loans_by_class, portfolio.loans_by_class)
    fill_money(message.provision, portfolio.provision)
    if (ratio := portfolio.gross_non_performing_ratio) is not None:
        fill_decimal(message.gross_non_performing_ratio, ratio)
    for state, loans in portfolio.loans_by_state.items():
        fill_money(
            message.loans_by_state.add(state=LOAN_STATES[state], loans=loans.loans).outstanding_principal,
            loans.outstanding_principal,
        )
    fill_money(message.overdue_amount, portfolio.late_loans.overdue_amount)
    message.late_loan_count = portfolio.late_loans.count
    for late in portfolio.late_loans.listed():
        _fill_late_loan(message.late_loans.add(), late)
    for month, cash in sorted(portfolio.cash.items()):
        _fill_cash(message.cash.add(), month, cash)
    _fill_provenance(message, portfolio)


def _fill_provenance(message: portfolio_pb2.PortfolioSummary, portfolio: Portfolio) -> None:
    message.policy_version, message.policy_sha256 = portfolio.policy.version, portfolio.policy.sha256
    message.norms_version, message.norms_sha256 = portfolio.norms.version, portfolio.norms.sha256
    message.server_version = SERVER_VERSION


def _fill_classes(
    entries: RepeatedCompositeFieldContainer[portfolio_pb2.LoansOfClass], classes: Mapping[AssetClass, ClassStatistics]
) -> None:
    for asset_class in AssetClass:
        loans = classes.get(asset_class, ClassStatistics())
        entry = entries.add(asset_class=ASSET_CLASSES[asset_class], loans=loans.loans)
        fill_money(entry.outstanding_principal, loans.outstanding_principal)
        fill_money(entry.provision, loans.provision)


def _fill_cash(message: portfolio_pb2.MonthOfCash, month: Month, cash: CashStatistics) -> None:
    message.year, message.month = month.year, month.month
    message.disbursements, message.repayments = cash.disbursements, cash.repayments
    fill_money(message.disbursed_amount, cash.disbursed_amount)
    fill_money(message.collected_amount, cash.collected_amount)


def _fill_late_loan(message: portfolio_pb2.LateLoan, late: LateLoan) -> None:
    message.loan_id = late.loan_id
    message.customer_id = late.customer_id
    message.days_past_due = late.days_past_due
    message.asset_class = ASSET_CLASSES[late.asset_class]
    fill_money(message.outstanding_principal, late.outstanding_principal)
    fill_money(message.overdue_amount, late.overdue_amount)


def _fill_bucket(message: portfolio_pb2.LoanBucket, bucket: LoanBucket, loans: LoanStatistics) -> None:
    message.state = LOAN_STATES[bucket.state]
    message.days_past_due_from = bucket.days_past_due_from
    if bucket.days_past_due_to is not None:
        message.days_past_due_to = bucket.days_past_due_to
    message.loans = loans.loans
    fill_money(message.outstanding_principal, loans.outstanding_principal)


def _fill_vintage(message: portfolio_pb2.Vintage, month: Month, loans: LoanStatistics) -> None:
    message.year, message.month = month.year, month.month
    message.loans = loans.loans
    fill_money(message.loan_amount, loans.loan_amount)
    fill_money(message.outstanding_principal, loans.outstanding_principal)


def _fill_decisions(message: portfolio_pb2.MonthOfDecisions, month: Month, decisions: DecisionStatistics) -> None:
    message.year, message.month = month.year, month.month
    message.approvals = decisions.approvals
    message.declines = decisions.declines
    fill_reason_counts(message.declines_by_reason, decisions.declines_by_reason)
