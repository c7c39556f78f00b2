"""Finding the columns of a file by its headings."""

from collections.abc import Mapping, Sequence

from almeno_grpc.domain.headings import EXPORT_HEADINGS, HEADINGS, SYNONYMS, plain_heading
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.cells import quoted

_MAX_HEADINGS = 1_000
_MAX_SHOWN = 20
"""Of the headings that were found, in a message."""


def find_columns(kind: ImportKind, cells: Sequence[object], named: Mapping[str, str], sheet: str) -> list[int]:
    """Finds where the columns of the kind stand in the row of headings, `cells`; others do not matter.

    `named` are the file's headings by the book's, where the sender has named them; `sheet` is the title for messages.

    Raises:
        FileRefusedError: Headings are missing, or stand twice; the message names them all. Or there are too many.
    """
    if len(cells) > _MAX_HEADINGS and sum(1 for cell in cells if str(cell).strip()) > _MAX_HEADINGS:
        raise FileRefusedError(f"{sheet} has more than {_MAX_HEADINGS:,} headings")
    found: dict[str, list[int]] = {}
    for position, cell in enumerate(cells):
        found.setdefault(plain_heading(str(cell)), []).append(position)
    by_heading = {plain_heading(heading): plain_heading(column) for heading, column in named.items()}
    headings = HEADINGS[kind]
    places = {heading: _places(heading, found, by_heading) for heading in headings}
    missing = [heading for heading in headings if not places[heading]]
    if missing:
        raise FileRefusedError(_missing(kind, missing, cells, by_heading, sheet))
    twice = [heading for heading in headings if len(places[heading]) > 1]
    if twice:
        raise FileRefusedError(f"more than one column is headed {_listed(twice)}; each heading may stand only once")
    return [places[heading][0] for heading in headings]


def find_export_columns(kind: ImportKind, cells: Sequence[object]) -> list[int]:
    """Where the columns stand that only a sheet of loans has that was exported; none where it has not all of them."""
    if kind is not ImportKind.LOANS:
        return []
    plain = [plain_heading(str(cell)) for cell in cells[:_MAX_HEADINGS]]
    wanted = [plain_heading(heading) for heading in EXPORT_HEADINGS]
    return [plain.index(heading) for heading in wanted] if all(plain.count(heading) == 1 for heading in wanted) else []


def _places(heading: str, found: Mapping[str, list[int]], by_heading: Mapping[str, str]) -> list[int]:
    if (column := by_heading.get(plain_heading(heading))) is not None:
        return found.get(column, [])
    if own := found.get(plain_heading(heading)):
        return own
    return [place for synonym in SYNONYMS.get(heading, ()) for place in found.get(plain_heading(synonym), ())]


def _missing(
    kind: ImportKind, missing: Sequence[str], cells: Sequence[object], by_heading: Mapping[str, str], sheet: str
) -> str:
    start = f"{sheet} has no column headed {_listed(missing)}; a file of {kind.lower()} needs the headings"
    if missing == [*HEADINGS[kind]] and not by_heading:
        return f"{start} in its first row, which holds none of them"
    shown = ", ".join([quoted(cell) for cell in cells if str(cell).strip()][:_MAX_SHOWN])
    return f"{start} {_listed(HEADINGS[kind])} in its first row; it has {shown}"


def _listed(headings: Sequence[str]) -> str:
    return ", ".join(f"'{heading}'" for heading in headings)
