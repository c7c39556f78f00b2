"""Whether a file is a workbook, by its content, and whether that can be unpacked safely."""

import zipfile
import zlib
from pathlib import Path

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import ReadingLimits
from almeno_grpc.imports.throttle import yield_cpu

WORKBOOK_ENDINGS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_ZIP_SIGNATURE = b"PK\x03\x04"
_OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Of an .xls workbook, and of any workbook of Excel with a password."""
_CHUNK_BYTES = 2**17
_MAX_MEMBERS = 10_000
_ENCRYPTED = 0x1
_DAMAGED = "the file is damaged: its parts cannot be unpacked"


def is_workbook(path: Path, file_name: str, limits: ReadingLimits) -> bool:
    """Whether the file is a workbook, one that can be unpacked; else it can only be text.

    Raises:
        FileRefusedError: It is empty, no workbook although its name says so, or one that cannot be unpacked safely.
    """
    with path.open("rb") as file:
        start = file.read(len(_OLE_SIGNATURE))
    if not start:
        raise FileRefusedError("the file is empty")
    if start.startswith(_ZIP_SIGNATURE):
        _check_unpacks(path, limits)
        return True
    if start != _OLE_SIGNATURE and file_name.lower().endswith(WORKBOOK_ENDINGS):
        ending = file_name[file_name.rindex(".") :].lower()
        raise FileRefusedError(f"the file is not an {ending} workbook although its name says so")
    return start == _OLE_SIGNATURE


def _check_unpacks(path: Path, limits: ReadingLimits) -> None:
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
