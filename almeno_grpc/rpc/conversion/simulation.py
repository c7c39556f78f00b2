"""What a simulation of a policy comes to, as messages."""

from almeno_grpc.api import simulation_pb2
from almeno_grpc.domain.simulation import BandCount, Flip, Outcome, PolicyStatistics, SimulationSummary
from almeno_grpc.rpc.conversion.decisions import DECISION_REASONS
from almeno_grpc.rpc.conversion.statistics import SERVER_VERSION, fill_reason_counts, fill_score_counts
from almeno_grpc.rpc.conversion.values import fill_date, fill_decimal, fill_money


def fill_simulation(message: simulation_pb2.SimulationSummary, summary: SimulationSummary) -> None:
    """Fills the outcome for all customers, under both policies."""
    fill_date(message.business_date, summary.business_date)
    message.customers = summary.customers
    _fill_policy_statistics(message.before, summary.before)
    _fill_policy_statistics(message.after, summary.after)
    message.newly_approved = summary.newly_approved
    message.newly_declined = summary.newly_declined
    message.server_version = SERVER_VERSION


def fill_flip(message: simulation_pb2.SimulationFlip, flip: Flip) -> None:
    """Fills a customer whose answer flips."""
    message.customer_id = flip.customer_id
    if flip.before.corrected_interest_rate is not None:
        _fill_outcome(message.before, flip.before)
    if flip.after.corrected_interest_rate is not None:
        _fill_outcome(message.after, flip.after)


def _fill_outcome(message: simulation_pb2.SimulatedDecision, outcome: Outcome) -> None:
    message.approved = outcome.approved
    message.credit_score = outcome.credit_score
    if outcome.corrected_interest_rate is not None:
        fill_decimal(message.corrected_interest_rate, outcome.corrected_interest_rate)
    message.reasons.extend([DECISION_REASONS[reason] for reason in outcome.reasons])


def _fill_policy_statistics(message: simulation_pb2.SimulatedPolicy, statistics: PolicyStatistics) -> None:
    message.policy_version = statistics.policy_version
    message.approvals = statistics.approvals
    message.declines = statistics.declines
    message.not_amortizing = statistics.not_amortizing
    fill_reason_counts(message.declines_by_reason, statistics.declines_by_reason)
    fill_score_counts(message.scores, statistics.scores)
    for rate, approvals in sorted(statistics.rates.items()):
        count = message.rates.add(approvals=approvals)
        fill_decimal(count.interest_rate, rate)
    for band_count in statistics.bands:
        _fill_band_count(message.bands.add(), band_count)
    fill_money(message.approved_amount, statistics.approved_amount)
    fill_money(message.expected_interest, statistics.expected_interest)
    message.policy_sha256 = statistics.policy_sha256


def _fill_band_count(message: simulation_pb2.BandCount, count: BandCount) -> None:
    if count.band is not None:
        message.above = count.band.above
        fill_decimal(message.least_rate, count.band.min_rate)
    message.customers = count.customers
    message.approvals = count.approvals
