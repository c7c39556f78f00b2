"""How the asynchronous client sends a file: `almeno_client.upload` for asyncio."""

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, BinaryIO

from almeno_client import upload as synchronous
from almeno_grpc.api import portfolio_service_pb2


async def read_content(source: Path | str | bytes) -> synchronous.Content:
    """Reads what is to be uploaded as the synchronous client does, in a thread.

    In a daemon thread, not by `asyncio.to_thread`, whose threads the end of the program waits for: a pipe whose writer
    has stalled may be waited for no longer once the task is cancelled.

    Raises:
        OSError: The file cannot be read, or the temporary file cannot be written.
        ValueError: It is larger than MAX_CONTENT_BYTES.
    """
    content: concurrent.futures.Future[synchronous.Content] = concurrent.futures.Future()

    def read() -> None:
        try:
            content.set_result(synchronous.read_content(source))
        except Exception as error:
            content.set_exception(error)

    content.set_running_or_notify_cancel()
    threading.Thread(target=read, name="content of an upload", daemon=True).start()
    return await asyncio.wrap_future(content)


async def upload(
    method: Any,
    open_content: Callable[[], BinaryIO],
    header: portfolio_service_pb2.ImportHeader,
    **call_options: Any,
) -> Any:
    """Sends a file after its header, opened and read in threads, and returns the answer.

    Raises:
        CancelledError: The call was cancelled on this side.
        Exception: Whatever the file raised that cannot be read to its end. Nothing is stored of it.
        grpc.RpcError: The call failed.
    """
    failures: list[Exception] = []

    async def messages() -> AsyncGenerator[portfolio_service_pb2.StartImportRequest]:
        yield portfolio_service_pb2.StartImportRequest(header=header)
        try:
            with await asyncio.to_thread(open_content) as file:
                while chunk := await asyncio.to_thread(file.read, synchronous.CHUNK_BYTES):
                    yield portfolio_service_pb2.StartImportRequest(chunk=chunk)
        except Exception as error:
            # gRPC cancels a call whose messages fail, and tells nobody why.
            failures.append(error)
            raise

    call = method(messages(), **call_options)
    try:
        return await call
    except asyncio.CancelledError:
        if failures:
            raise failures[0] from None
        raise
    finally:
        call.cancel()
