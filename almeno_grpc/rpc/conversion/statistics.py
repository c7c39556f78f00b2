"""Counts that simulations and the statistics of the book have in common, as messages."""

from collections.abc import Mapping
from importlib.metadata import version

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from almeno_grpc.api import simulation_pb2
from almeno_grpc.domain.decision import DecisionReason
from almeno_grpc.rpc.conversion.decisions import DECISION_REASONS
from almeno_grpc.service.borrower_scan import ScanProgress

SERVER_VERSION = version("almeno-grpc")
"""So that figures say what added them up."""

ReasonCounts = RepeatedCompositeFieldContainer[simulation_pb2.ReasonCount]
ScoreCounts = RepeatedCompositeFieldContainer[simulation_pb2.ScoreCount]


def fill_progress(message: simulation_pb2.BookProgress, progress: ScanProgress) -> None:
    """Fills how far a scan of the book has come."""
    message.customers_done = progress.customers_done
    message.customers_total = progress.customers_total


def fill_reason_counts(counts: ReasonCounts, reasons: Mapping[DecisionReason, int]) -> None:
    """Fills the reasons that were counted, in the order in which a decision names them."""
    for reason in DecisionReason:
        if reason in reasons:
            counts.add(reason=DECISION_REASONS[reason], declines=reasons[reason])


def fill_score_counts(counts: ScoreCounts, scores: Mapping[int, int]) -> None:
    """Fills the customers of each credit score, by ascending score."""
    for score, customers in sorted(scores.items()):
        counts.add(credit_score=score, customers=customers)
