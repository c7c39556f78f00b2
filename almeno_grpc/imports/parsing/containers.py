"""What a file is by its content, and whether it can be unpacked safely."""

import codecs
import zipfile
import zlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, NoReturn

from almeno_grpc.giving_way import give_way
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import ReadingLimits

_ZIP_SIGNATURE = b"PK\x03\x04"
_OLD_OFFICE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Of .xls files, and of .xlsx files with a password."""
_CHUNK_BYTES = 2**17
_MAX_MEMBERS = 10_000
_ENCRYPTED = 0x1
_UNSOUND = "the file is damaged: its parts cannot be unpacked"


class Container(Enum):
    """How a file is laid out."""

    WORKBOOK = "workbook"
    CSV = "csv"


def recognize(path: Path, file_name: str) -> Container:
    """Tells by its content what the file is.

    Raises:
        FileRefusedError: It is empty, an old or protected workbook, or no workbook although its name says so.
    """
    with path.open("rb") as file:
        start = file.read(len(_OLD_OFFICE_SIGNATURE))
    if not start:
        raise FileRefusedError("the file is empty")
    if start.startswith(_ZIP_SIGNATURE):
        return Container.WORKBOOK
    if start == _OLD_OFFICE_SIGNATURE:
        raise FileRefusedError(
            "the file is an old .xls workbook or has a password; save it as an .xlsx workbook without one"
        )
    if file_name.lower().endswith((".xlsx", ".xlsm")):
        raise FileRefusedError("the file is not an .xlsx workbook although its name says so")
    return Container.CSV


def check_workbook_unpacks(path: Path, limits: ReadingLimits) -> None:
    """Unpacks every part of the workbook once, piece by piece, and counts.

    The sizes that a zip file states are not to be trusted, so nothing else may unpack it before.

    Raises:
        FileRefusedError: It is damaged, protected, no workbook, or larger than the limit once unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS:
                raise FileRefusedError(f"the workbook has more than {_MAX_MEMBERS:,} parts")
            if all(member.filename != "[Content_Types].xml" for member in members):
                raise FileRefusedError("the file is a zip file but not an .xlsx workbook")
            room = limits.unpacked_bytes
            for member in members:
                room -= _unpacked_bytes(archive, member, room)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise FileRefusedError(_UNSOUND) from error


def _unpacked_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo, room: int) -> int:
    """How many bytes the member really unpacks to, at most `room`."""
    if member.flag_bits & _ENCRYPTED:
        raise FileRefusedError("the workbook has a password; save it without one")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FileRefusedError(_UNSOUND)
    stated = member.file_size
    # The module stops reading at the stated size. More than is ever asked for makes it go on to the true end.
    member.file_size = room + 2
    unpacked = 0
    with archive.open(member) as part:
        while chunk := part.read(min(_CHUNK_BYTES, room + 1 - unpacked)):
            give_way()
            unpacked += len(chunk)
            if unpacked > room:
                raise FileRefusedError("the workbook is too large once unpacked; split it into several files")
    if unpacked != stated:
        raise FileRefusedError(_UNSOUND)
    return unpacked


@dataclass(frozen=True, slots=True)
class Text:
    """What a look at a text has found."""

    is_plain: bool
    r"""Whether it is without quotes and its lines end in \n or \r\n, so that each is a row."""
    sound_lines: int | None
    """The number of lines, where it is plain and each begins with a letter or digit and is too short for a fault."""


def check_text(path: Path) -> Text:
    """Looks whether a file is text in UTF-8 and without NUL characters.

    Raises:
        FileRefusedError: It is not text.
    """
    # Not before: a workbook is to be read while it loads.
    from almeno_grpc.imports.parsing.short_lines import ShortLines  # noqa: PLC0415

    decoder = codecs.getincrementaldecoder("utf-8")()
    is_plain = True
    lines = ShortLines()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                # Between the two characters of an end of line nothing is cut.
                if chunk.endswith(b"\r"):
                    chunk += file.read(1)
                give_way()
                decoder.decode(chunk)
                if b"\0" in chunk:
                    _refuse_text(file)
                is_plain = is_plain and b'"' not in chunk and chunk.count(b"\r") == chunk.count(b"\r\n")
                if is_plain:
                    lines.extend(chunk.removeprefix(codecs.BOM_UTF8) if file.tell() == len(chunk) else chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            _refuse_text(file)
    return Text(is_plain, lines.count() if is_plain else None)


def _refuse_text(file: BinaryIO) -> NoReturn:
    """Finds the first line that is not UTF-8 text, or holds a NUL character."""
    file.seek(0)
    # Line by line, the decoder never stops inside a character; a line is bounded by the upload.
    for number, line in enumerate(file, start=1):
        if b"\0" in line:
            raise FileRefusedError(
                f"the file is not CSV text: line {number} holds a NUL character; save it as CSV UTF-8"
            )
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FileRefusedError(
                f"the file is neither an .xlsx workbook nor CSV in UTF-8 (line {number} is not); save it as CSV UTF-8"
            ) from error
    raise FileRefusedError("the file is no text")
