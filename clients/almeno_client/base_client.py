"""What all calls have in common: a deadline, a request_id where something changes, errors, pages, sending again."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from almeno_client.channel import DEFAULT_ADDRESS, RETRYABLE_CODES, Retries, Tls, open_channel
from almeno_client.errors import CreditServiceError, error_of
from almeno_grpc.api import credit_service_pb2_grpc, portfolio_service_pb2_grpc

DEFAULT_TIMEOUT_SECONDS = 30.0
"""How long a call may take, all its attempts together, unless told otherwise."""

_Row = TypeVar("_Row")
_Answer = TypeVar("_Answer")
# The generated stubs carry no types; the methods that use them name the type of each answer.
_Stub = Callable[[grpc.Channel], Any]
_CREDIT_STUB: _Stub = credit_service_pb2_grpc.CreditServiceStub
_PORTFOLIO_STUB: _Stub = portfolio_service_pb2_grpc.PortfolioServiceStub


class BaseClient:
    """A connection to the service and the way calls are made on it. May be used by many threads at once.

    Args:
        address: Host and port of the service; or a target of gRPC's that names several servers of it, such as
            `dns:///credit.example.com:50051`, which then take the calls in turn.
        tls: Transport security; plaintext when None.
        timeout_seconds: How long a call may take, all its attempts together, unless the call says otherwise.
        wait_for_ready: Whether a call waits, up to its deadline, for a service that cannot be reached, rather than
            fail after a few attempts.
        retries: How often and how fast a call is sent again.

    Raises:
        OSError: A file of `tls` cannot be read.
        ValueError: A file of `tls` is not in PEM form.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        tls: Tls | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        wait_for_ready: bool = False,
        retries: Retries | None = None,
    ) -> None:
        self.address = address
        self.timeout_seconds = timeout_seconds
        self._wait_for_ready = wait_for_ready
        self._retries = retries or Retries()
        self._channel = open_channel(address, tls, self._retries)
        self._credit_stub = _CREDIT_STUB(self._channel)
        self._portfolio_stub = _PORTFOLIO_STUB(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, and with it every call under way."""
        self._channel.close()

    def _unary(self, method: Any, request: Message, timeout_seconds: float | None) -> Any:
        """Makes a call with one request and one answer; gRPC itself sends it again where that helps.

        Raises:
            CreditServiceError: The call failed. It carries the request's own request_id.
        """
        timeout = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        try:
            return method(request, timeout=timeout, wait_for_ready=self._wait_for_ready)
        except grpc.RpcError as error:
            raise error_of(error, getattr(request, "request_id", None) or None) from error

    def _stream(self, method: Any, request: Message, timeout_seconds: float | None) -> Iterator[Any]:
        """Yields what a streaming call answers, once: whoever can go on from where it breaks off calls again."""
        call = method(request, timeout=timeout_seconds, wait_for_ready=self._wait_for_ready)
        try:
            yield from call
        except grpc.RpcError as error:
            raise error_of(error) from error
        finally:
            _end(call)

    def _retry(self, attempt: Callable[[float], _Answer], timeout_seconds: float) -> _Answer:
        """Makes an attempt, given the seconds that are left, and again after an error that allows it."""
        deadline = time.monotonic() + timeout_seconds
        number = 1
        while True:
            try:
                return attempt(max(deadline - time.monotonic(), 0.0))
            except CreditServiceError as error:
                if not self._may_retry(error, number, deadline):
                    raise
            time.sleep(self._retries.pause_seconds(number))
            number += 1

    def _may_retry(self, error: CreditServiceError, attempts_made: int, deadline: float | None) -> bool:
        """Whether the client itself begins again after an error, and still has the time for it."""
        if not error.retryable or error.code not in RETRYABLE_CODES or attempts_made >= self._retries.attempts:
            return False
        return deadline is None or time.monotonic() + self._retries.pause_seconds(attempts_made) < deadline


def _end(stream: Any) -> None:
    """Cancels a streaming call that is not read to its end.

    Instrumentation may have put a generator in the place of gRPC's call, as OpenTelemetry's does: it has no `cancel`,
    but once it is closed gRPC's call is released, which cancels it.
    """
    end = getattr(stream, "cancel", None) or getattr(stream, "close", None)
    if end is not None:
        end()


def iterate_pages(fetch: Callable[[str], tuple[Iterable[_Row], str]]) -> Iterator[_Row]:
    """Yields the rows of a list, page after page.

    Args:
        fetch: Given a page token, answers the rows of that page and the token of the next, empty at the end.

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
    """Makes an id that tells one request from every other, so that sending it twice has one effect."""
    return str(uuid.uuid4())
