"""How the synchronous client sends a file. `aio.upload` is its twin."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

import grpc

from almeno_client.errors import error_of
from almeno_grpc.api import portfolio_service_pb2

CHUNK_BYTES = 128 * 1024
"""Size of the pieces a file is sent in. The service takes up to 4 MiB; other calls wait while it is at work on one."""

OpenSource = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens the file to upload, at its beginning."""


def describe_content(header: portfolio_service_pb2.ImportHeader, open_source: OpenSource) -> None:
    """Sets the size and the SHA-256 of a file in its header; of a pipe, which can be read once only, neither.

    Raises:
        OSError: The file cannot be read.
    """
    with open_source() as file:
        if not file.seekable():
            return
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
        header.size_bytes, header.sha256 = file.tell(), digest.hexdigest()


def upload(
    method: Any, header: portfolio_service_pb2.ImportHeader, file: BinaryIO, call_options: dict[str, Any]
) -> Any:
    """Sends a file after its header, and returns the answer.

    Raises:
        CreditServiceError: The call failed. It carries the request_id of the header.
        OSError: The file cannot be read to its end. Nothing is stored of it.
    """
    under_way = threading.Event()
    failures: list[OSError] = []

    def messages() -> Iterator[portfolio_service_pb2.StartImportRequest]:
        # gRPC runs this on a thread of its own, and takes the end of the messages for the end of the file: a file that
        # cannot be read to its end has to cancel the call, or its first part would be imported.
        yield portfolio_service_pb2.StartImportRequest(header=header)
        try:
            while chunk := file.read(CHUNK_BYTES):
                yield portfolio_service_pb2.StartImportRequest(chunk=chunk)
        except OSError as error:
            failures.append(error)
            under_way.wait()
            call.cancel()
        except ValueError:
            # The file is closed: the service has ended the call before it had read everything.
            return

    call = method.future(messages(), **call_options)
    under_way.set()
    try:
        return call.result()
    except grpc.FutureCancelledError:
        raise failures[0] from None
    except grpc.RpcError as error:
        raise error_of(error, header.request_id) from error
    finally:
        call.cancel()
