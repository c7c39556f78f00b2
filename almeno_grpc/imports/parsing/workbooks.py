"""Workbooks, read by python-calamine: `.xlsx`, `.xls`, `.xlsb`, `.ods`."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import python_calamine

from almeno_grpc.imports.errors import FileRefusedError

_PIECE_CELLS = 200_000


def open_workbook(
    path: Path,
) -> tuple[str, Iterator[Sequence[object]], Callable[[int], Iterator[Sequence[Sequence[object]]]]]:
    """Opens the first visible worksheet.

    Returns:
        What the sheet is called in a sentence, its rows, and what gives the rows that are left by columns.

    Raises:
        FileRefusedError: It is no sound workbook, has a password or no visible worksheet.
    """
    try:
        with path.open("rb") as file:
            workbook = python_calamine.CalamineWorkbook.from_filelike(file)
            name = _first_visible(workbook.sheets_metadata)
            sheet = workbook.get_sheet_by_name(name)
    except python_calamine.PasswordError as error:
        raise FileRefusedError("the workbook has a password; save it without one") from error
    except (FileRefusedError, MemoryError, KeyboardInterrupt):
        raise
    # Whatever else the library says of a workbook it can make nothing of; its panics are no Exception.
    except BaseException as error:
        raise FileRefusedError("the file is not a sound workbook, or has a password") from error
    rows = iter(sheet.iter_rows())

    def pieces(width: int) -> Iterator[Sequence[Sequence[object]]]:
        while piece := list(islice(rows, 1 + _PIECE_CELLS // width)):
            yield list(zip(*piece, strict=True))

    return f"the sheet '{name}'", rows, pieces


def _first_visible(sheets: Sequence[python_calamine.SheetMetadata]) -> str:
    for sheet in sheets:
        is_worksheet = sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        if is_worksheet and sheet.visible == python_calamine.SheetVisibleEnum.Visible:
            return sheet.name
    raise FileRefusedError("the workbook has no visible worksheet")
