"""Uploads: a stream of pieces becomes a checked header and a file on disk that goes with the call."""

import hashlib
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import grpc

from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.domain.errors import DeadlineExceeded, InvalidField, StoreUnavailable, UploadTooLarge
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.rpc.conversion.imports import IMPORT_KINDS
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.service.imports import Upload

CHUNK_BYTES = 1 << 18
"""Size of the pieces a file is stored in: a server of a database is 3 ms at work on a MiB, and calls wait for it."""

_IN_MEMORY_BYTES = 4 << 20
_SETTLING_SECONDS = 0.1
"""How long after its last piece an upload may turn out to have been broken off; it takes a millisecond, as a rule."""
_MAX_FILE_NAME_CHARACTERS = 255
_KINDS = {message: kind for kind, message in IMPORT_KINDS.items()}


@dataclass(frozen=True)
class Received:
    """A whole upload."""

    header: pb.ImportHeader
    sha256: str
    file: IO[bytes]

    def __iter__(self) -> Iterator[bytes]:
        """Yields the file in pieces."""
        self.file.seek(0)
        while piece := self.file.read(CHUNK_BYTES):
            yield piece


def receive(messages: Iterator[pb.StartImportRequest], max_bytes: int, context: grpc.ServicerContext) -> Received:
    """Takes in an upload.

    Raises:
        InvalidField: The first message is no header, or a later one no piece.
        UploadTooLarge: The file has more than `max_bytes` bytes.
        DeadlineExceeded: The caller went away.
        StoreUnavailable: There is no room for the file.
    """
    first = next(messages, None)
    if first is None or first.WhichOneof("payload") != "header":
        raise InvalidField.of("header", "must come in the first message")
    # The file lives as long as the call: it has no name, and is gone when the process is.
    file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115
    try:
        sha256 = _write_pieces(messages, max_bytes, file)
        _check_finished(context)
    except BaseException:
        file.close()
        raise
    return Received(first.header, sha256, file)


def _check_finished(context: grpc.ServicerContext) -> None:
    # A stream that breaks off ends like one that is complete; gRPC tells of the break a moment later.
    time.sleep(_SETTLING_SECONDS)
    if not context.is_active():
        raise DeadlineExceeded("the upload was not finished")


def _write_pieces(messages: Iterator[pb.StartImportRequest], max_bytes: int, file: IO[bytes]) -> str:
    """Writes the pieces into the file; gives the SHA-256 of the whole."""
    digest, size = hashlib.sha256(), 0
    for message in messages:
        if message.WhichOneof("payload") != "chunk":
            raise InvalidField.of("chunk", "must come in every message after the first")
        size += len(message.chunk)
        if size > max_bytes:
            raise UploadTooLarge(
                f"the file has more than {max_bytes} bytes, the most the server takes",
                metadata={"max_bytes": str(max_bytes)},
            )
        digest.update(message.chunk)
        try:
            file.write(message.chunk)
        except OSError as error:
            raise StoreUnavailable("the server has no room for the file at the moment; send it again") from error
    return digest.hexdigest()


def upload_of(fields: FieldReader, received: Received) -> Upload:
    """What was uploaded, its header checked."""
    header = received.header
    kind = _KINDS.get(header.kind)
    if kind is None:
        fields.add_violation("header.kind", "must be IMPORT_KIND_CUSTOMERS or IMPORT_KIND_LOANS")
    file_name = header.file_name.strip()
    if not 1 <= len(file_name) <= _MAX_FILE_NAME_CHARACTERS or not file_name.isprintable():
        fields.add_violation("header.file_name", f"must be 1 to {_MAX_FILE_NAME_CHARACTERS} printable characters")
    elif not re.search(r"\.(xlsx|csv)$", file_name, re.IGNORECASE):
        fields.add_violation("header.file_name", "must end in .xlsx or .csv")
    book_date = fields.optional_date("header.book_date", header)
    return Upload(kind or ImportKind.CUSTOMERS, file_name, book_date, received.sha256, received)
