"""How the synchronous client sends a file. `aio.upload` is its twin."""

import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any, BinaryIO, Self

import grpc

from almeno_client.errors import CreditServiceError
from almeno_grpc.api import portfolio_service_pb2

CHUNK_BYTES = 128 * 1024
"""Size of the pieces a file is sent in. The service takes up to 4 MiB; other calls wait while it is at work on one."""

MAX_CONTENT_BYTES = 4 * 1024**3
"""Maximum size of an upload: the service cannot be set to take more. It bounds what is read of a pipe."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is uploaded, as `read_content` has read it. Its context ends the copy that was made of it.

    Attributes:
        open: Opens it at its beginning, for each attempt anew.
        size_bytes: Its size.
        sha256: Its SHA-256, as hexadecimal digits.
        copy: Holds the temporary file with a copy; empty where there is none.
    """

    open: Callable[[], BinaryIO]
    size_bytes: int
    sha256: str
    copy: ExitStack

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.copy.close()


def read_content(source: Path | str | bytes) -> Content:
    """Reads what is to be uploaded to its end. What can be read once only, such as a pipe, is copied to a file.

    Waits for the writer of a pipe as long as that takes.

    Args:
        source: Path of the file, or its content.

    Raises:
        OSError: The file cannot be read, or the temporary file cannot be written.
        ValueError: It is larger than MAX_CONTENT_BYTES.
    """
    if isinstance(source, bytes):
        return Content(lambda: io.BytesIO(source), len(source), hashlib.sha256(source).hexdigest(), ExitStack())
    path, size_bytes, digest = Path(source), 0, hashlib.sha256()
    with path.open("rb") as file, ExitStack() as stack:
        copy = None if file.seekable() else stack.enter_context(NamedTemporaryFile())
        while chunk := file.read(CHUNK_BYTES):
            size_bytes += len(chunk)
            if size_bytes > MAX_CONTENT_BYTES:
                raise ValueError(f"{path} is larger than {MAX_CONTENT_BYTES} bytes, the maximum of an upload")
            digest.update(chunk)
            if copy:
                copy.write(chunk)
        if copy:
            copy.flush()
        whole = Path(copy.name) if copy else path
        return Content(lambda: whole.open("rb"), size_bytes, digest.hexdigest(), stack.pop_all())


def upload(
    method: Any,
    open_content: Callable[[], BinaryIO],
    header: portfolio_service_pb2.ImportHeader,
    **call_options: Any,
) -> Any:
    """Sends a file after its header, and returns the answer.

    Raises:
        CreditServiceError: The call was cancelled on this side.
        Exception: Whatever the file raised that cannot be read to its end. Nothing is stored of it.
        grpc.RpcError: The call failed.
    """
    under_way = threading.Event()
    failures: list[Exception] = []

    def messages() -> Iterator[portfolio_service_pb2.StartImportRequest]:
        # gRPC runs this on a thread of its own, and takes the end of the messages for the end of the file: a file that
        # cannot be read to its end has to cancel the call, or its first part would be imported. The file is closed
        # here, for a close elsewhere waits for the read that is going on.
        yield portfolio_service_pb2.StartImportRequest(header=header)
        try:
            with open_content() as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield portfolio_service_pb2.StartImportRequest(chunk=chunk)
        except Exception as error:
            failures.append(error)
            under_way.wait()
            call.cancel()

    call = method.future(messages(), **call_options)
    under_way.set()
    try:
        return call.result()
    except grpc.FutureCancelledError:
        if failures:
            raise failures[0] from None
        raise CreditServiceError(
            grpc.StatusCode.CANCELLED, "the call was cancelled", request_id=header.request_id
        ) from None
    finally:
        call.cancel()
