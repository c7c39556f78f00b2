"""What calls have in common, synchronous or not: metadata, deadlines, when to send one again, the stubs."""

import math
import threading
import time
import uuid
from functools import cached_property
from typing import Any

import grpc

from almeno_client.channel import RETRYABLE_CODES, Retries, Tls
from almeno_client.errors import CreditServiceError, FailedPrecondition
from almeno_client.metadata import CallMetadata, call_metadata

DEFAULT_TIMEOUT_SECONDS = 30.0
"""Default deadline of a call, its retries included."""

MAX_TIMEOUT_SECONDS = 31_536_000.0
"""Maximum deadline, a year: a longer one, infinity too, is taken as this. gRPC cannot count much further."""

MAX_RETRY_DELAY_SECONDS = 60.0
"""Maximum pause that the service may ask for before a call is sent again."""


class CallSettings:
    """How a client makes its calls. The base of both `BaseClient`s, which describe the arguments."""

    _channel: Any
    """The channel of the client, which it opens."""

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
        self._closing = threading.Lock()
        """Held where a thread closes the client, and while a stub is made: no stub is made of a closed channel."""

    # A stub for each service, on the channel: its calls are synchronous or not as the channel is. The first call of a
    # service imports the module of its stub. Stubs carry no types; the methods name the type of each answer.

    @cached_property
    def _credit_stub(self) -> Any:
        from almeno_grpc.api import credit_service_pb2_grpc  # noqa: PLC0415

        return self._make_stub(credit_service_pb2_grpc.CreditServiceStub)

    @cached_property
    def _loan_stub(self) -> Any:
        from almeno_grpc.api import loan_service_pb2_grpc  # noqa: PLC0415

        return self._make_stub(loan_service_pb2_grpc.LoanServiceStub)

    @cached_property
    def _portfolio_stub(self) -> Any:
        from almeno_grpc.api import portfolio_service_pb2_grpc  # noqa: PLC0415

        return self._make_stub(portfolio_service_pb2_grpc.PortfolioServiceStub)

    @cached_property
    def _access_stub(self) -> Any:
        from almeno_grpc.api import access_service_pb2_grpc  # noqa: PLC0415

        return self._make_stub(access_service_pb2_grpc.AccessServiceStub)

    def _make_stub(self, stub: Any) -> Any:
        with self._closing:
            # gRPC crashes where the channel is closed.
            self._check_open()
            return stub(self._channel)

    def _check_open(self) -> None:
        """Refuses calls of a client that is closed.

        Raises:
            FailedPrecondition: The client is closed.
        """
        if self._is_closed:
            raise FailedPrecondition(grpc.StatusCode.FAILED_PRECONDITION, "the client is closed; make another one")

    def _call_options(self, timeout_seconds: float | None) -> dict[str, Any]:
        """What each call is sent with beside its request: the deadline and the metadata.

        Raises:
            FailedPrecondition: The client is closed.
            ValueError: The deadline is not a number.
        """
        # gRPC raises a ValueError of the one kind of channel, and a UsageError of the other.
        self._check_open()
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
