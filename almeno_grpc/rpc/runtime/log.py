"""The log of calls: those that are slow, and those that fail for a reason nobody expected."""

import logging
from collections.abc import Mapping

from almeno_grpc.logs import SparseLog
from almeno_grpc.tracing import CallSpan

MAX_LINES_PER_SECOND = 20
_log = SparseLog(MAX_LINES_PER_SECOND)


class CallLog:
    """Logs the calls of one method."""

    def __init__(self, path: str, slow_seconds: float) -> None:
        """Makes the log.

        Args:
            path: Full name of the method.
            slow_seconds: Duration from which a call is logged; infinite for methods that take as long as they take.
        """
        self._path = path
        self._slow_seconds = slow_seconds

    def ended(self, code: str, seconds: float, span: CallSpan | None) -> None:
        """Logs a call that was slow."""
        if seconds >= self._slow_seconds:
            fields = {"method": self._path, "code": code, "milliseconds": round(seconds * 1000, 1)}
            _log.log_event("slow_call", logging.WARNING, error=None, **fields, **_ids_of(span))

    def failed(self, error: BaseException, span: CallSpan | None) -> None:
        """Logs an error that the caller is told nothing of."""
        _log.log_event("call_failed", logging.ERROR, method=self._path, error=error, **_ids_of(span))


def _ids_of(span: CallSpan | None) -> Mapping[str, str]:
    """By which a line is found from the trace of its call; it may be written on another thread than the call's."""
    return {} if span is None else span.ids
