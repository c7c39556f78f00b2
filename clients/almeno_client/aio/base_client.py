"""How the asynchronous client makes its calls: `almeno_client.base_client` for asyncio."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from almeno_client.call_settings import DEFAULT_TIMEOUT_SECONDS, CallSettings, end_stream, request_id_of
from almeno_client.channel import DEFAULT_ADDRESS, Retries, Tls, channel_options
from almeno_client.errors import CreditServiceError, error_of
from almeno_client.metadata import CallMetadata

_Row = TypeVar("_Row")
_Answer = TypeVar("_Answer")


class BaseClient(CallSettings):
    """A channel to the service and the way RPCs are made on it. Of the event loop in which it is made.

    Args:
        address: Host and port of the service; or a target of gRPC's that names several servers of it, such as
            `dns:///credit.example.com:50051`, which then take the calls in turn.
        tls: Transport security; plaintext when None.
        api_key: API key that every call is sent with; none when None.
        metadata: What every call is sent with besides: pairs of keys and values, or a function that is asked for them
            at each call, such as one that tells the trace context.
        interceptors: Interceptors of grpc.aio's; the first one sees a call first. Each of them sees calls of one kind,
            unary, streamed or upload, even where its class is an interceptor of several: give one a kind.
        timeout_seconds: Default deadline of a call, its retries included.
        wait_for_ready: Whether a call waits, up to its deadline, for a service that cannot be reached, rather than
            fail after a few attempts.
        retries: Retry policy.

    Raises:
        OSError: A file of `tls` cannot be read.
        RuntimeError: It is made outside of a coroutine, where no event loop runs.
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
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
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
        # gRPC would take another loop, in which the calls then fail.
        asyncio.get_running_loop()
        options = channel_options(address, self._retries)
        # A list, to which instrumentation such as OpenTelemetry's adds its own.
        around = list(interceptors)
        if tls is None:
            self._channel = grpc.aio.insecure_channel(address, options, interceptors=around)
        else:
            self._channel = grpc.aio.secure_channel(address, tls.credentials(), options, interceptors=around)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel, which cancels every call in flight."""
        self._is_closed = True
        await self._channel.close()

    async def _unary(self, method: Any, request: Message, timeout_seconds: float | None) -> Any:
        """Makes a unary call; gRPC itself retries it, by the service config. To cancel the task cancels the call.

        Raises:
            CreditServiceError: The call failed. It carries the request_id of the request.
        """
        timeout = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        try:
            return await method(request, **self._call_options(timeout))
        except grpc.RpcError as error:
            raise error_of(error, request_id_of(request)) from error
        except asyncio.CancelledError as cancellation:
            raise self._cancellation_error(cancellation, request_id_of(request)) from None

    async def _stream(self, method: Any, request: Message, timeout_seconds: float | None) -> AsyncGenerator[Any]:
        """Yields the responses of a server-streaming call, without retries: those are the caller's."""
        call = method(request, **self._call_options(timeout_seconds))
        try:
            async for response in call:
                yield response
        except grpc.RpcError as error:
            raise error_of(error) from error
        except asyncio.CancelledError as cancellation:
            raise self._cancellation_error(cancellation) from None
        finally:
            end_stream(call)

    def _cancellation_error(self, cancellation: asyncio.CancelledError, request_id: str | None = None) -> BaseException:
        """What a call that was cancelled on this side raises.

        gRPC raises the same CancelledError for a call whose task is cancelled, which goes on as it is, and for one
        whose channel is closed, of which the task has to learn as of any other error.
        """
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return cancellation
        message = "the client was closed, which cancels its calls" if self._is_closed else "the call was cancelled"
        return CreditServiceError(grpc.StatusCode.CANCELLED, message, request_id=request_id)

    async def _retry(self, attempt: Callable[[float], Awaitable[_Answer]], timeout_seconds: float) -> _Answer:
        """Runs an attempt, given the seconds left of the deadline, and again after a retryable error."""
        deadline = time.monotonic() + timeout_seconds
        number = 1
        while True:
            try:
                return await attempt(max(deadline - time.monotonic(), 0.0))
            except CreditServiceError as error:
                pause_seconds = self._pause_seconds(error, number, deadline)
            await asyncio.sleep(pause_seconds)
            number += 1


async def iterate_pages(fetch: Callable[[str], Awaitable[tuple[Iterable[_Row], str]]]) -> AsyncGenerator[_Row]:
    """Yields the rows of a list RPC, page after page.

    Args:
        fetch: Given a page token, returns the rows of that page and the token of the next, empty at the end.

    Raises:
        CreditServiceError: A page could not be fetched.
    """
    token = ""
    while True:
        rows, next_token = await fetch(token)
        for row in rows:
            yield row
        if not next_token:
            return
        if next_token == token:
            raise CreditServiceError(grpc.StatusCode.INTERNAL, "the service answered a page that leads to itself")
        token = next_token


async def map_stream(function: Callable[[Any], _Row], stream: AsyncGenerator[Any]) -> AsyncGenerator[_Row]:
    """Yields what a function makes of each item of a stream; `map` of the synchronous client."""
    async with aclosing(stream):
        async for item in stream:
            yield function(item)
