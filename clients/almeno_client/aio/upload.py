"""How the asynchronous client sends a file: `almeno_client.upload` for asyncio."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, BinaryIO

import grpc

from almeno_client import upload as synchronous
from almeno_client.aio.base_client import cancellation_error
from almeno_client.errors import error_of
from almeno_grpc.api import portfolio_service_pb2


async def describe_content(header: portfolio_service_pb2.ImportHeader, open_source: synchronous.OpenSource) -> None:
    """Sets the size and the SHA-256 of a file in its header, read in a thread.

    Raises:
        OSError: The file cannot be read.
    """
    await asyncio.to_thread(synchronous.describe_content, header, open_source)


async def upload(
    method: Any, header: portfolio_service_pb2.ImportHeader, file: BinaryIO, call_options: dict[str, Any]
) -> Any:
    """Sends a file after its header, each piece read in a thread, and returns the answer.

    Raises:
        CreditServiceError: The call failed. It carries the request_id of the header.
        OSError: The file cannot be read to its end. Nothing is stored of it.
    """
    failures: list[OSError] = []

    async def messages() -> AsyncGenerator[portfolio_service_pb2.StartImportRequest]:
        yield portfolio_service_pb2.StartImportRequest(header=header)
        try:
            while chunk := await asyncio.to_thread(file.read, synchronous.CHUNK_BYTES):
                yield portfolio_service_pb2.StartImportRequest(chunk=chunk)
        except OSError as error:
            # gRPC cancels a call whose messages fail, and tells nobody why.
            failures.append(error)
            raise

    call = method(messages(), **call_options)
    try:
        return await call
    except asyncio.CancelledError as cancellation:
        if failures:
            raise failures[0] from None
        raise cancellation_error(cancellation, header.request_id) from None
    except grpc.RpcError as error:
        raise error_of(error, header.request_id) from error
    finally:
        call.cancel()
