"""What all RPCs have in common: channel, credentials, deadlines, idempotency keys, retries, errors, pages."""

import math
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from almeno_client.channel import DEFAULT_ADDRESS, RETRYABLE_CODES, Retries, Tls, open_channel
from almeno_client.errors import CreditServiceError, error_of
from almeno_client.target import is_loopback
from almeno_grpc.api import (
    access_service_pb2_grpc,
    credit_service_pb2_grpc,
    loan_service_pb2_grpc,
    portfolio_service_pb2_grpc,
)
from almeno_grpc.api_keys import key_id_of

DEFAULT_TIMEOUT_SECONDS = 30.0
"""Default deadline of a call, its retries included."""

MAX_TIMEOUT_SECONDS = 31_536_000.0
"""Maximum deadline, a year: a longer one, infinity too, is taken as this. gRPC cannot count much further."""

MAX_RETRY_DELAY_SECONDS = 60.0
"""Maximum pause that the service may ask for before a call is sent again."""

_Row = TypeVar("_Row")
_Answer = TypeVar("_Answer")
# The generated stubs carry no types; the methods that use them name the type of each answer.
_Stub = Callable[[grpc.Channel], Any]
_CREDIT_STUB: _Stub = credit_service_pb2_grpc.CreditServiceStub
_LOAN_STUB: _Stub = loan_service_pb2_grpc.LoanServiceStub
_PORTFOLIO_STUB: _Stub = portfolio_service_pb2_grpc.PortfolioServiceStub
_ACCESS_STUB: _Stub = access_service_pb2_grpc.AccessServiceStub


class BaseClient:
    """A channel to the service and the way RPCs are made on it. Thread-safe.

    Args:
        address: Host and port of the service; or a target of gRPC's that names several servers of it, such as
            `dns:///credit.example.com:50051`, which then take the calls in turn.
        tls: Transport security; plaintext when None.
        api_key: API key that every call is sent with; none when None.
        timeout_seconds: Default deadline of a call, its retries included.
        wait_for_ready: Whether a call waits, up to its deadline, for a service that cannot be reached, rather than
            fail after a few attempts.
        retries: Retry policy.

    Raises:
        OSError: A file of `tls` cannot be read.
        ValueError: The address is none; a file of `tls` is not in PEM form; the key is not an API key, or it would
            cross a network in plaintext.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        tls: Tls | None = None,
        api_key: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        wait_for_ready: bool = False,
        retries: Retries | None = None,
    ) -> None:
        self.address = address
        self.timeout_seconds = timeout_seconds
        self._wait_for_ready = wait_for_ready
        self._retries = retries or Retries()
        self._metadata = () if api_key is None else _credentials(api_key, address, tls)
        self._channel = open_channel(address, tls, self._retries)
        self._is_closed = False
        self._credit_stub = _CREDIT_STUB(self._channel)
        self._loan_stub = _LOAN_STUB(self._channel)
        self._portfolio_stub = _PORTFOLIO_STUB(self._channel)
        self._access_stub = _ACCESS_STUB(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel, which cancels every call in flight."""
        self._is_closed = True
        self._channel.close()

    def _unary(self, method: Any, request: Message, timeout_seconds: float | None) -> Any:
        """Makes a unary call; gRPC itself retries it, by the service config.

        Raises:
            CreditServiceError: The call failed. It carries the request_id of the request.
        """
        timeout = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        try:
            return method(request, **self._call_options(timeout))
        except grpc.RpcError as error:
            raise error_of(error, getattr(request, "request_id", None) or None) from error

    def _stream(self, method: Any, request: Message, timeout_seconds: float | None) -> Iterator[Any]:
        """Yields the responses of a server-streaming call, without retries: those are the caller's."""
        call = method(request, **self._call_options(timeout_seconds))
        try:
            yield from call
        except grpc.RpcError as error:
            raise error_of(error) from error
        finally:
            _end(call)

    def _call_options(self, timeout_seconds: float | None) -> dict[str, Any]:
        """What each call is sent with beside its request: the deadline and the credentials.

        Raises:
            ValueError: The deadline is not a number.
        """
        if timeout_seconds is not None and math.isnan(timeout_seconds):
            raise ValueError("timeout_seconds has to be a number")
        return {
            "timeout": None if timeout_seconds is None else min(timeout_seconds, MAX_TIMEOUT_SECONDS),
            "metadata": self._metadata,
            "wait_for_ready": self._wait_for_ready,
        }

    def _retry(self, attempt: Callable[[float], _Answer], timeout_seconds: float) -> _Answer:
        """Runs an attempt, given the seconds left of the deadline, and again after a retryable error."""
        deadline = time.monotonic() + timeout_seconds
        number = 1
        while True:
            try:
                return attempt(max(deadline - time.monotonic(), 0.0))
            except CreditServiceError as error:
                pause_seconds = self._pause_seconds(error, number, deadline)
            time.sleep(pause_seconds)
            number += 1

    def _pause_seconds(self, error: CreditServiceError, attempts_made: int, deadline: float | None) -> float:
        """How long to wait before the next attempt: the backoff, or as long as the service has asked for.

        Raises:
            CreditServiceError: The error itself: it is not retryable, no attempts are left, or the deadline is earlier.
        """
        if self._is_closed or attempts_made >= self._retries.attempts:
            raise error
        if not error.retryable or error.code not in RETRYABLE_CODES:
            raise error
        asked_for = min(error.retry_delay_seconds, MAX_RETRY_DELAY_SECONDS)
        pause_seconds = max(self._retries.pause_seconds(attempts_made), asked_for)
        if deadline is not None and time.monotonic() + pause_seconds >= deadline:
            raise error
        return pause_seconds


def _credentials(api_key: str, address: str, tls: Tls | None) -> tuple[tuple[str, str], ...]:
    """The metadata that carries an API key.

    gRPC's call credentials do this over TLS alone, but servers on this machine need none.
    """
    key_id_of(api_key)
    if tls is None and not is_loopback(address):
        raise ValueError(f"an API key is sent to another machine over TLS only, and {address} was to be called without")
    return (("authorization", f"Bearer {api_key}"),)


def _end(stream: Any) -> None:
    """Cancels a streaming call that is not read to its end.

    Instrumentation may have put a generator in the place of gRPC's call, as OpenTelemetry's does: it has no `cancel`,
    but once it is closed gRPC's call is released, which cancels it.
    """
    end = getattr(stream, "cancel", None) or getattr(stream, "close", None)
    if end is not None:
        end()


def iterate_pages(fetch: Callable[[str], tuple[Iterable[_Row], str]]) -> Iterator[_Row]:
    """Yields the rows of a list RPC, page after page.

    Args:
        fetch: Given a page token, returns the rows of that page and the token of the next, empty at the end.

    Raises:
        CreditServiceError: A page could not be fetched.
    """
    token = ""
    while True:
        rows, next_token = fetch(token)
        yield from rows
        if not next_token:
            return
        if next_token == token:
            raise CreditServiceError(grpc.StatusCode.INTERNAL, "the service answered a page that leads to itself")
        token = next_token


def new_request_id() -> str:
    """Generates an idempotency key: a random UUID."""
    return str(uuid.uuid4())
