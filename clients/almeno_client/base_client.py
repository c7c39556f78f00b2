"""How the synchronous client makes its calls: channel, errors, retries, pages. `aio.base_client` is its twin."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from almeno_client.call_settings import (
    DEFAULT_TIMEOUT_SECONDS,
    CallSettings,
    end_stream,
    new_request_id,
    request_id_of,
)
from almeno_client.channel import DEFAULT_ADDRESS, Interceptor, Retries, Tls, open_channel
from almeno_client.errors import CreditServiceError, error_of
from almeno_client.metadata import CallMetadata

__all__ = ["DEFAULT_TIMEOUT_SECONDS", "BaseClient", "iterate_pages", "new_request_id"]

_Row = TypeVar("_Row")
_Answer = TypeVar("_Answer")


class BaseClient(CallSettings):
    """A channel to the service and the way RPCs are made on it. Thread-safe.

    Args:
        address: Host and port of the service; or a target of gRPC's that names several servers of it, such as
            `dns:///credit.example.com:50051`, which then take the calls in turn.
        tls: Transport security; plaintext when None.
        api_key: API key that every call is sent with; none when None.
        metadata: What every call is sent with besides: pairs of keys and values, or a function that is asked for them
            at each call, such as one that tells the trace context.
        interceptors: Interceptors of gRPC's for every call; the first one sees a call first.
        timeout_seconds: Default deadline of a call, its retries included.
        wait_for_ready: Whether a call waits, up to its deadline, for a service that cannot be reached, rather than
            fail after a few attempts.
        retries: Retry policy.

    Raises:
        OSError: A file of `tls` cannot be read.
        ValueError: The address is none; a file of `tls` is not in PEM form; the key is not an API key, or it would
            cross a network in plaintext; the metadata is none that gRPC would send.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        tls: Tls | None = None,
        api_key: str | None = None,
        metadata: CallMetadata = (),
        interceptors: Sequence[Interceptor] = (),
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        wait_for_ready: bool = False,
        retries: Retries | None = None,
    ) -> None:
        super().__init__(
            address,
            tls=tls,
            api_key=api_key,
            metadata=metadata,
            timeout_seconds=timeout_seconds,
            wait_for_ready=wait_for_ready,
            retries=retries,
        )
        self._channel = open_channel(address, tls, self._retries, interceptors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel, which cancels every call in flight."""
        with self._closing:
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
            raise error_of(error, request_id_of(request)) from error

    def _stream(self, method: Any, request: Message, timeout_seconds: float | None) -> Iterator[Any]:
        """Yields the responses of a server-streaming call, without retries: those are the caller's."""
        call = method(request, **self._call_options(timeout_seconds))
        try:
            yield from call
        except grpc.RpcError as error:
            raise error_of(error) from error
        finally:
            end_stream(call)

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
