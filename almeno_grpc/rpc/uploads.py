"""Uploads: a stream of chunks becomes a checked header and a file on disk that goes with the call."""

import hashlib
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

import grpc

from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.domain.errors import DeadlineExceeded, InvalidField, StoreUnavailable, UploadMismatch, UploadTooLarge
from almeno_grpc.domain.headings import HEADINGS, plain_heading
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.domain.names import holds_controls
from almeno_grpc.rpc.conversion.imports import IMPORT_KINDS
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.runtime.current_call import current_caller
from almeno_grpc.service.imports import CHUNK_BYTES, Upload

_MAX_IN_MEMORY_BYTES = 4 << 20
_RESET_SECONDS = 0.1
"""How long after the end of its stream a call may turn out to be cancelled; a millisecond, on a machine at rest."""
_MIN_BYTES_PER_SECOND = 4096
"""What an upload has to come to on average, once it has lasted for a minute: each message has time of its own, and a
caller who sends a byte in each would hold a thread for ever."""
_UNHURRIED_SECONDS = 60
_MAX_FILE_NAME_CHARACTERS = 255
_MAX_HEADING_CHARACTERS = 255
_ENDING = re.compile(r"\.(xlsx|xls|xlsb|ods|csv)", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KINDS = {message: kind for kind, message in IMPORT_KINDS.items()}


@dataclass(frozen=True)
class Received:
    """A whole upload."""

    header: pb.ImportHeader
    size_bytes: int
    sha256: str
    file: IO[bytes]

    def __iter__(self) -> Iterator[bytes]:
        """Yields the file in chunks."""
        self.file.seek(0)
        while chunk := self.file.read(CHUNK_BYTES):
            yield chunk


def receive(messages: Iterator[pb.StartImportRequest], max_bytes: int, context: grpc.ServicerContext) -> Received:
    """Receives an upload.

    Raises:
        InvalidField: The first message is no header, or a later one no chunk.
        UploadMismatch: The file is not what the header says.
        UploadTooLarge: The file has more than `max_bytes` bytes.
        DeadlineExceeded: The caller went away, or sends next to nothing.
        StoreUnavailable: There is no room for the file.
    """
    first = next(messages, None)
    if first is None or first.WhichOneof("payload") != "header":
        raise InvalidField.of("header", "must come in the first message")
    # The file lives as long as the call: it has no name, and is gone when the process is.
    file: IO[bytes] = tempfile.SpooledTemporaryFile(_MAX_IN_MEMORY_BYTES)  # noqa: SIM115
    try:
        size, sha256 = _write_chunks(messages, max_bytes, file)
        _raise_if_different(first.header, size, sha256)
        _raise_if_cancelled(first.header, context)
    except BaseException:
        # To close it is to write what no room was found for, once more.
        with suppress(OSError):
            file.close()
        raise
    return Received(first.header, size, sha256, file)


def _raise_if_cancelled(header: pb.ImportHeader, context: grpc.ServicerContext) -> None:
    # A stream that is reset ends like one that its caller has ended, and gRPC cancels the call a moment later. Before
    # each commit, of the content and of the place in the queue, it is asked again.
    if not (header.HasField("size_bytes") or header.HasField("sha256")):
        # Nothing else tells whether the file is whole.
        time.sleep(_RESET_SECONDS)
    if not context.is_active():
        raise DeadlineExceeded("the upload was not finished")


def _write_chunks(messages: Iterator[pb.StartImportRequest], max_bytes: int, file: IO[bytes]) -> tuple[int, str]:
    """Writes the chunks into the file; gives the size and the SHA-256 of the whole."""
    digest, size = hashlib.sha256(), 0
    began_seconds = time.monotonic()
    for message in messages:
        if message.WhichOneof("payload") != "chunk":
            raise InvalidField.of("chunk", "must come in every message after the first")
        size += len(message.chunk)
        if size > max_bytes:
            raise UploadTooLarge(
                f"the file has more than {max_bytes} bytes, the most the server takes",
                metadata={"max_bytes": str(max_bytes)},
            )
        seconds = time.monotonic() - began_seconds
        if seconds > _UNHURRIED_SECONDS and size < seconds * _MIN_BYTES_PER_SECOND:
            raise DeadlineExceeded(f"the upload comes to less than {_MIN_BYTES_PER_SECOND} bytes a second")
        digest.update(message.chunk)
        with _room_for_file():
            file.write(message.chunk)
    with _room_for_file():
        # What waits in the buffer would else find no room when it is read.
        file.flush()
    return size, digest.hexdigest()


@contextmanager
def _room_for_file() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable("the server has no room for the file at the moment; send it again") from error


def _raise_if_different(header: pb.ImportHeader, size: int, sha256: str) -> None:
    """Raises where the file that came is not the one of the header."""
    if header.HasField("size_bytes"):
        if header.size_bytes < 0:
            raise InvalidField.of("header.size_bytes", "must be 0 or more")
        if header.size_bytes != size:
            raise UploadMismatch("header.size_bytes", f"is {header.size_bytes}, but {size} bytes came")
    if header.HasField("sha256"):
        if not _SHA256.fullmatch(header.sha256):
            raise InvalidField.of("header.sha256", "must be 64 hexadecimal digits in lower case")
        if header.sha256 != sha256:
            raise UploadMismatch("header.sha256", f"is {header.sha256}, but that of what came is {sha256}")


def upload_of(fields: FieldReader, received: Received) -> Upload:
    """What was uploaded, its header checked."""
    header = received.header
    kind = _KINDS.get(header.kind)
    if kind is None:
        fields.add_violation("header.kind", "must be IMPORT_KIND_CUSTOMERS or IMPORT_KIND_LOANS")
    return Upload(
        kind=kind or ImportKind.CUSTOMERS,
        file_name=_file_name(fields, header.file_name),
        book_date=fields.optional_date("header.book_date", header),
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        columns=_columns(fields, kind, header.columns),
        chunks=received,
        principal=current_caller().principal,
    )


def _file_name(fields: FieldReader, name: str) -> str:
    """A file's name, which is a label: what cannot be seen in it, such as a no-break space or a joiner, stays."""
    name = name.strip()
    if not 1 <= len(name) <= _MAX_FILE_NAME_CHARACTERS:
        fields.add_violation("header.file_name", f"must be 1 to {_MAX_FILE_NAME_CHARACTERS} printable characters")
    elif holds_controls(name):
        fields.add_violation("header.file_name", "must not hold control characters, line breaks or bidi overrides")
    elif not _ENDING.fullmatch(name[name.rfind(".") :] if "." in name else ""):
        fields.add_violation("header.file_name", "must end in .xlsx, .xls, .xlsb, .ods or .csv")
    return name


def _columns(fields: FieldReader, kind: ImportKind | None, columns: Mapping[str, str]) -> dict[str, str]:
    """The file's headings by the book's."""
    if kind is None:
        return {}
    known = {plain_heading(heading): heading for heading in HEADINGS[kind]}
    named: dict[str, str] = {}
    for heading, column in columns.items():
        own = known.get(plain_heading(heading))
        if own is None:
            listed = ", ".join(HEADINGS[kind])
            fields.add_violation("header.columns", f"each key must be a heading of a file of {kind.lower()}: {listed}")
        elif own in named:
            fields.add_violation("header.columns", f"must name {own} once")
        elif not plain_heading(column) or len(column) > _MAX_HEADING_CHARACTERS:
            fields.add_violation("header.columns", f"{own} must be 1 to {_MAX_HEADING_CHARACTERS} characters")
        else:
            named[own] = column
    return named
