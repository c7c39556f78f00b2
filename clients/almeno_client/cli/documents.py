"""Answers for programs: one document of a command as JSON, as CSV, or as lines of cells between tabs.

CSV and tab-separated lines hold what the JSON holds, by the same names. A document that is a list is a row an item; any
other is one record: a row in CSV, a line a field between tabs. The fields of a record within a record have both names,
`position.current_debt`; what holds several values stands as JSON in its cell.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, TextIO, TypeGuard

from almeno_client.cli.output import json_value, write_json

_MORE = {"more": "--limit 0", "more_issues": "--issues 0", "more_flips": "--flips 0"}
"""What tells that a list goes on, and the option that shows all of it."""


class Output(StrEnum):
    """What `--output` takes."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"


def write_document(stream: TextIO, document: Mapping[str, object], output: Output) -> None:
    """Writes the document of a command.

    Args:
        stream: Where to.
        document: Records and lists of records by name, and values.
        output: JSON, CSV or TSV.
    """
    if output is Output.JSON:
        write_json(stream, document, indent=2)
        return
    rows, is_list = _rows(document)
    if output is Output.CSV:
        stream.write(_csv(rows))
    elif is_list:
        stream.writelines("\t".join(map(_one_line, row.values())) + "\n" for row in rows)
    else:
        stream.writelines(f"{name}\t{_one_line(cell)}\n" for row in rows for name, cell in row.items())


def options_for_more(document: Mapping[str, object]) -> list[str]:
    """The options that show what a document leaves out."""
    return [option for name, option in _MORE.items() if document.get(name)]


def _rows(document: Mapping[str, object]) -> tuple[list[dict[str, str]], bool]:
    """The rows of a document, each with its cells by name, and whether they are the items of a list."""
    lists = [value for value in document.values() if _is_list(value)]
    records = [value for value in document.values() if _is_record(value)]
    if len(lists) == 1 and not records:
        return [dict(_cells(item)) for item in lists[0]], True
    (only, *others) = document.values()
    return [dict(_cells(only if _is_record(only) and not others else document))], False


def _cells(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if _is_record(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _cells(part, f"{path}.{name}" if path else str(name))
    else:
        yield path, _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    text = json.dumps(value, default=json_value, ensure_ascii=False)
    return str(json.loads(text)) if text.startswith('"') else text


def _csv(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows under one heading: records of one list may be of two kinds, such as a decision and a damaged one."""
    headings = list(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO()
    writer = csv.DictWriter(written, headings, restval="", lineterminator="\n")
    if rows:
        writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def _one_line(cell: str) -> str:
    """A cell without characters that end it, or that steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in cell)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_record(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type)
