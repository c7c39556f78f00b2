"""Metrics: every call is counted when it begins and when it has ended, under its method and its status code."""

import logging

from almeno_grpc.logs import SparseLog
from almeno_grpc.metrics import MethodLabels, Metrics

MAX_LINES_PER_SECOND = 1
_log = SparseLog(MAX_LINES_PER_SECOND)


class CallMetrics:
    """Counts the calls of one method."""

    def __init__(self, labels: MethodLabels, metrics: Metrics) -> None:
        self._labels = labels
        self._metrics = metrics

    def began(self) -> None:
        """Counts a call that begins; `ended` has to follow."""
        self._metrics.call_began(self._labels)

    def ended(self, code: str, seconds: float) -> None:
        """Counts a call; where that fails, for want of disk space say, the call is answered all the same."""
        try:
            self._metrics.call(self._labels, code, seconds)
        except Exception as error:
            _log.log_event("metrics_failed", logging.ERROR, error=error)
