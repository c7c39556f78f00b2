"""What calls have in common, synchronous or not: metadata, deadlines, when to send one again, the stubs."""

import math
import time
import uuid
from collections.abc import Callable
from typing import Any

from almeno_client.channel import RETRYABLE_CODES, Retries, Tls
from almeno_client.errors import CreditServiceError
from almeno_client.metadata import CallMetadata, call_metadata
from almeno_grpc.api import (
    access_service_pb2_grpc,
    credit_service_pb2_grpc,
    loan_service_pb2_grpc,
    portfolio_service_pb2_grpc,
)

DEFAULT_TIMEOUT_SECONDS = 30.0
"""Default deadline of a call, its retries included."""

MAX_TIMEOUT_SECONDS = 31_536_000.0
"""Maximum deadline, a year: a longer one, infinity too, is taken as this. gRPC cannot count much further."""

MAX_RETRY_DELAY_SECONDS = 60.0
"""Maximum pause that the service may ask for before a call is sent again."""

# The generated stubs carry no types; the methods that use them name the type of each answer.
_Stub = Callable[[Any], Any]
_CREDIT_STUB: _Stub = credit_service_pb2_grpc.CreditServiceStub
_LOAN_STUB: _Stub = loan_service_pb2_grpc.LoanServiceStub
_PORTFOLIO_STUB: _Stub = portfolio_service_pb2_grpc.PortfolioServiceStub
_ACCESS_STUB: _Stub = access_service_pb2_grpc.AccessServiceStub


class CallSettings:
    """How a client makes its calls. The base of both `BaseClient`s, which describe the arguments."""

    def __init__(
        self,
        address: str,
        *,
        tls: Tls | None,
        api_key: str | None,
        metadata: CallMetadata,
        timeout_seconds: float,
        wait_for_ready: bool,
        retries: Retries | None,
    ) -> None:
        self.address = address
        self.timeout_seconds = timeout_seconds
        self._wait_for_ready = wait_for_ready
        self._retries = retries or Retries()
        self._metadata = call_metadata(metadata, api_key, address, tls)
        self._is_closed = False

    def _open_stubs(self, channel: Any) -> None:
        """Makes the stubs of all services on a channel, whose calls are synchronous or not as the channel is."""
        self._credit_stub = _CREDIT_STUB(channel)
        self._loan_stub = _LOAN_STUB(channel)
        self._portfolio_stub = _PORTFOLIO_STUB(channel)
        self._access_stub = _ACCESS_STUB(channel)

    def _call_options(self, timeout_seconds: float | None) -> dict[str, Any]:
        """What each call is sent with beside its request: the deadline and the metadata.

        Raises:
            ValueError: The deadline is not a number.
        """
        if timeout_seconds is not None and math.isnan(timeout_seconds):
            raise ValueError("timeout_seconds has to be a number")
        return {
            "timeout": None if timeout_seconds is None else min(timeout_seconds, MAX_TIMEOUT_SECONDS),
            "metadata": self._metadata(),
            "wait_for_ready": self._wait_for_ready,
        }

    def _pause_seconds(
        self, error: CreditServiceError, attempts_made: int, deadline: float | None, *, without_end: bool = False
    ) -> float:
        """How long to wait before the next attempt: the backoff, or as long as the service has asked for.

        Args:
            error: That of the last attempt.
            attempts_made: How many have failed one after the other.
            deadline: Of `time.monotonic()`; None for none.
            without_end: Whether the deadline alone bounds the attempts.

        Raises:
            CreditServiceError: The error itself: it is not retryable, no attempts are left, or the deadline is earlier.
        """
        if self._is_closed or (attempts_made >= self._retries.attempts and not without_end):
            raise error
        if not error.retryable or error.code not in RETRYABLE_CODES:
            raise error
        asked_for = min(error.retry_delay_seconds, MAX_RETRY_DELAY_SECONDS)
        pause_seconds = max(self._retries.pause_seconds(attempts_made), asked_for)
        if deadline is not None and time.monotonic() + pause_seconds >= deadline:
            raise error
        return pause_seconds


def request_id_of(request: Any) -> str | None:
    """The idempotency key of a request; None where it has none."""
    return getattr(request, "request_id", None) or None


def end_stream(stream: Any) -> None:
    """Cancels a streaming call that is not read to its end.

    Instrumentation may have put a generator in the place of gRPC's call, as OpenTelemetry's does: it has no `cancel`,
    but once it is closed gRPC's call is released, which cancels it.
    """
    end = getattr(stream, "cancel", None) or getattr(stream, "close", None)
    if end is not None:
        end()


def new_request_id() -> str:
    """Generates an idempotency key: a random UUID."""
    return str(uuid.uuid4())
