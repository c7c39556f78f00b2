"""The asynchronous client behind the synchronous one's face: each test of the client runs against both."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import contextmanager
from inspect import isasyncgen, iscoroutine
from typing import Any

from almeno_client import AsyncCreditClient

_END = object()


class BlockingClient:
    """An AsyncCreditClient whose coroutines run to their end and whose streams are plain generators."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str, **options: Any) -> None:
        self._loop = loop
        self._client = self._run(self._make(address, options))

    def __enter__(self) -> "BlockingClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            answer = method(*arguments, **options)
            if isasyncgen(answer):
                return self._iterate(answer)
            return self._run(answer) if iscoroutine(answer) else answer

        return call

    def _iterate(self, stream: AsyncGenerator[Any]) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(stream, _END)

        async def end() -> None:
            await stream.aclose()

        try:
            while (item := self._run(following())) is not _END:
                yield item
        finally:
            self._run(end())

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    @staticmethod
    async def _make(address: str, options: dict[str, Any]) -> AsyncCreditClient:
        return AsyncCreditClient(address, **options)


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Runs an event loop on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="event loop")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
