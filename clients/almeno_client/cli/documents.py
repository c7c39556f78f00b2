"""Answers for programs: one document of a command as JSON, as CSV, or as lines of cells between tabs.

CSV and tab-separated lines hold what the JSON holds, by the same names. A document that is a list is a row an item; any
other is one record: a row in CSV, a line a field between tabs. The fields of a record within a record have both names,
`position.current_debt`; what holds several values stands as JSON in its cell.

Columns follow from the fields that a record declares, not from the values of one: a record within a record that there
is none of leaves as many cells empty as it has fields, so that every row of a list, and every list of a command, has
the same columns.
"""

import csv
import functools
import io
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from almeno_client.cli.output import json_value, write_json, write_utf8

_MORE = {"more": "--limit 0", "more_issues": "--issues 0", "more_flips": "--flips 0"}
"""What tells that a list goes on, and the option that shows all of it."""

RecordKind = type | UnionType
"""The class of a list's items, or several: `Decision | DamagedDecision`."""


class Output(StrEnum):
    """What `--output` takes."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"


def write_document(document: Mapping[str, object], output: Output, *, rows_of: RecordKind | None = None) -> None:
    """Writes the document of a command to standard output.

    Args:
        document: Records and lists of records by name, and values.
        output: JSON, CSV or TSV.
        rows_of: Of a document that is a list, what its items are; the list is the one value that is a list.
    """
    if output is Output.JSON:
        write_json(sys.stdout, document, indent=2)
        return
    if rows_of is None:
        record = _record(document)
        write_utf8(_csv(record, [record]) if output is Output.CSV else _lines(record.items()))
        return
    (items,) = (value for value in document.values() if isinstance(value, list | tuple))
    rows = [_cells(item, rows_of) for item in items]
    write_utf8(_csv(_columns(rows_of), rows) if output is Output.CSV else _lines(row.values() for row in rows))


def options_for_more(document: Mapping[str, object]) -> list[str]:
    """The options that show what a document leaves out."""
    return [option for name, option in _MORE.items() if document.get(name)]


def _record(document: Mapping[str, object]) -> dict[str, str]:
    """The cells of a document that is no list, by column; a record that is all of it needs no name before its own."""
    (only, *others) = document.values()
    if is_dataclass(only) and not others:
        return _cells(only, type(only))
    return {
        _joined(name, path): cell
        for name, value in document.items()
        for path, cell in _cells(value, type(value)).items()
    }


def _cells(value: object, declared: Any) -> dict[str, str]:
    return {path: _cell(_value_at(value, path)) for path in _columns(declared)}


@functools.cache
def _columns(declared: Any) -> tuple[str, ...]:
    """The columns of a type, by the fields that it declares; one without a name where it is no record."""
    is_union = get_origin(declared) in (Union, UnionType)
    records = [kind for kind in (get_args(declared) if is_union else (declared,)) if is_dataclass(kind)]
    if not records:
        return ("",)
    # Once each: records of one list may be of two kinds, such as a decision and a damaged one.
    found: dict[str, None] = {}
    for record in records:
        hints = get_type_hints(record)
        for field in fields(record):
            found |= {_joined(field.name, path): None for path in _columns(hints[field.name])}
    return tuple(found)


def _joined(name: str, path: str) -> str:
    return f"{name}.{path}" if path else name


def _value_at(value: Any, path: str) -> Any:
    """What a record has in a column; None too where it, or a record within it, has no such field."""
    for name in filter(None, path.split(".")):
        value = getattr(value, name, None)
    return value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    text = json.dumps(value, default=json_value, ensure_ascii=False)
    return str(json.loads(text)) if text.startswith('"') else text


def _csv(columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def _lines(rows: Iterable[Iterable[str]]) -> str:
    return "".join("\t".join(map(_one_line, row)) + "\n" for row in rows)


def _one_line(cell: str) -> str:
    """A cell without characters that end it, or that steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in cell)
