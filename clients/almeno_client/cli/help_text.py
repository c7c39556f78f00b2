"""Help as plain text: sections of rows, in which no date is broken at its hyphens, and paragraphs."""

import textwrap
from collections.abc import Sequence
from typing import Any

_MAX_NAME_COLUMNS = 30
"""A longer name of an option has a line of its own."""
_GAP = 2


def write_text(text: str, formatter: Any) -> None:
    """Writes paragraphs, each to the width of the terminal, but for those with indented lines, such as examples."""
    for paragraph in text.strip().split("\n\n"):
        lines = paragraph.splitlines()
        formatter.write_paragraph()
        with formatter.indentation():
            if not any(line.startswith(" ") for line in lines):
                lines = _wrapped(" ".join(lines), formatter.width - formatter.current_indent)
            for line in lines:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def write_parameters(parameters: Sequence[Any], context: Any, formatter: Any) -> None:
    """Writes the arguments of a command, and its options."""
    for title, kind in (("Arguments", "argument"), ("Options", "option")):
        records = [each.get_help_record(context) for each in parameters if each.param_type_name == kind]
        write_rows(title, [record for record in records if record is not None], formatter)


def write_rows(title: str, rows: Sequence[tuple[str, str]], formatter: Any) -> None:
    """Writes names, each with what is said about it, under a title; nothing where there are none."""
    if not rows:
        return
    with formatter.section(title):
        indent = formatter.current_indent
        column = min(max(len(name) for name, _ in rows), _MAX_NAME_COLUMNS) + _GAP
        for name, about in rows:
            lines = _wrapped(about, formatter.width - indent - column) or [""]
            if len(name) > column - _GAP:
                formatter.write(f"{'':{indent}}{name}\n")
                name = ""  # noqa: PLW2901 - it stands in the line above
            for line in lines:
                formatter.write(f"{'':{indent}}{name:{column}}{line}".rstrip() + "\n")
                name = ""  # noqa: PLW2901 - once is enough


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
