"""The rows of a file, whichever library reads it: python-calamine a workbook, pandas all other text."""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import python_calamine

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.csv_text import csv_rows
from almeno_grpc.imports.sandbox.messages import ReadingLimits
from almeno_grpc.imports.throttle import yield_cpu

Row = Sequence[object]
_WORKBOOK_ENDINGS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_ZIP_SIGNATURE = b"PK\x03\x04"
_OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Of an .xls workbook, and of any workbook of Excel with a password."""
_CHUNK_BYTES = 2**17
_MAX_MEMBERS = 10_000
_ENCRYPTED = 0x1
_DAMAGED = "the file is damaged: its parts cannot be unpacked"


@dataclass(frozen=True)
class Sheet:
    """A sheet whose headings have been read."""

    title: str
    """What it is in a sentence: the file, or a sheet of it."""
    headings: Row
    heading_row: int
    """Its number as a spreadsheet shows it."""
    rows: Iterator[Row]
    """The rows below, as long as the headings; of a CSV file all may be longer. An empty cell is an empty text.
    Asking for them raises `FileRefusedError` where the file turns out to be damaged."""


def open_sheet(
    path: Path, file_name: str, limits: ReadingLimits, before_reading: Callable[[int], None] = lambda _: None
) -> Sheet:
    """Opens a file that its sender has named, and reads its headings, which stand in the first row that is not blank.

    `before_reading` is called with the file's size in bytes, of a workbook that of all its parts unpacked, before a
    library is given the file: of a workbook that makes all cells of the sheet's rectangle, however few are in the file.

    Raises:
        FileRefusedError: It is no file of rows, or asks for too much.
    """
    is_workbook, size_bytes = _examine(path, file_name, limits)
    before_reading(size_bytes)
    title, rows = _open_workbook(path) if is_workbook else ("the file", csv_rows(path))
    for number, row in enumerate(rows, start=1):
        if not is_blank(row):
            return Sheet(title, row, number, rows)
    raise FileRefusedError(f"{title} is empty: it has no headings")


def is_blank(row: Row) -> bool:
    """Whether the row holds nothing but empty cells and white space."""
    return all(isinstance(cell, str) and not cell.strip() for cell in row)


def _examine(path: Path, file_name: str, limits: ReadingLimits) -> tuple[bool, int]:
    """Whether the file is a workbook, one that can be unpacked, else it can only be text; and its size once unpacked.

    Raises:
        FileRefusedError: It is empty, no workbook although its name says so, or one that cannot be unpacked safely.
    """
    with path.open("rb") as file:
        file.seek(0)
        start = file.read(len(_OLE_SIGNATURE))
        size_bytes = file.seek(0, os.SEEK_END)
    if not start:
        raise FileRefusedError("the file is empty")
    if start.startswith(_ZIP_SIGNATURE):
        return True, _unpacked_size(path, limits)
    if start != _OLE_SIGNATURE and file_name.lower().endswith(_WORKBOOK_ENDINGS):
        ending = file_name[file_name.rindex(".") :].lower()
        raise FileRefusedError(f"the file is not an {ending} workbook although its name says so")
    return start == _OLE_SIGNATURE, size_bytes


def _unpacked_size(path: Path, limits: ReadingLimits) -> int:
    """Unpacks every part of the workbook once, chunk by chunk, and counts.

    The sizes that a zip file states are not to be trusted, so nothing else may unpack it before.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS:
                raise FileRefusedError(f"the workbook has more than {_MAX_MEMBERS:,} parts")
            if not {"[Content_Types].xml", "mimetype"} & {member.filename for member in members}:
                raise FileRefusedError("the file is a zip file but not an .xlsx workbook")
            room = limits.unpacked_bytes
            for member in members:
                room -= _unpacked_bytes(archive, member, room)
            return limits.unpacked_bytes - room
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise FileRefusedError(_DAMAGED) from error


def _unpacked_bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo, room: int) -> int:
    """How many bytes the member really unpacks to, at most `room`."""
    if member.flag_bits & _ENCRYPTED:
        raise FileRefusedError("the workbook has a password; save it without one")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FileRefusedError(_DAMAGED)
    stated = member.file_size
    # The module stops reading at the stated size. More than is ever asked for makes it go on to the true end.
    member.file_size = room + 2
    unpacked = 0
    with archive.open(member) as part:
        while chunk := part.read(min(_CHUNK_BYTES, room + 1 - unpacked)):
            yield_cpu()
            unpacked += len(chunk)
            if unpacked > room:
                raise FileRefusedError("the workbook is too large once unpacked; split it into several files")
    if unpacked != stated:
        raise FileRefusedError(_DAMAGED)
    return unpacked


def _open_workbook(path: Path) -> tuple[str, Iterator[Row]]:
    """What the first visible worksheet is called in a sentence, and its rows."""
    try:
        with path.open("rb") as file:
            file.seek(0)
            workbook = python_calamine.CalamineWorkbook.from_filelike(file)
            name = _first_visible(workbook.sheets_metadata)
            return f"the sheet '{name}'", iter(workbook.get_sheet_by_name(name).iter_rows())
    except python_calamine.PasswordError as error:
        raise FileRefusedError("the workbook has a password; save it without one") from error
    except (FileRefusedError, MemoryError, KeyboardInterrupt):
        raise
    # Whatever else the library says of a workbook it can make nothing of; its panics are no Exception.
    except BaseException as error:
        raise FileRefusedError("the file is not a sound workbook, or has a password") from error


def _first_visible(sheets: Sequence[python_calamine.SheetMetadata]) -> str:
    for sheet in sheets:
        is_worksheet = sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        if is_worksheet and sheet.visible == python_calamine.SheetVisibleEnum.Visible:
            return sheet.name
    raise FileRefusedError("the workbook has no visible worksheet")
