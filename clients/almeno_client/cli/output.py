"""Standard output of a command: JSON in any encoding, and failures to write that are told apart from all others."""

import codecs
import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TextIO


class OutputError(Exception):
    """Standard output cannot be written: the disk is full, or who was to read it has gone.

    No OSError, so that it is not taken for a file of the command's that cannot be read.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.is_broken_pipe = isinstance(error, BrokenPipeError)


class _Output:
    """A stream for text that raises OutputError, once: what has failed is not tried again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._has_failed = False

    def write(self, text: str) -> int:
        # Typer writes nothing at all to find out whether a stream takes text, and swallows the error if there is one.
        if text != "":
            with self._errors_told():
                self._stream.write(text)
        return len(text)

    def write_utf8(self, text: str) -> None:
        with self._errors_told():
            self._stream.flush()
            self._stream.buffer.write(text.encode())

    def flush(self) -> None:
        with self._errors_told():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                _discard(self._stream)
                raise OutputError(error) from error


def _discard(stream: TextIO) -> None:
    """Lets what a stream still holds go nowhere: Python writes it at its end, and would fail then."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def checked_output() -> Iterator[None]:
    """Has standard output raise OutputError as long as it lasts."""
    stream = sys.stdout
    # A process whose standard output is closed has none; nobody waits for what it says.
    output: Any = _Output(stream or io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    sys.stdout = output
    try:
        yield
    finally:
        sys.stdout = stream


def write_json(stream: TextIO, document: object, *, indent: int | None = None) -> None:
    """Writes a JSON document that any program reads back to the same text.

    Characters that the stream's encoding may not have are escaped; so are those that cannot be seen, among them the
    marks that turn the direction of a terminal's text.
    """
    text = json.dumps(document, default=json_value, ensure_ascii=not _is_utf8(stream), indent=indent)
    # Outside strings there is nothing but ASCII.
    seen = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    stream.write(f"{seen}\n")


def write_utf8(text: str) -> None:
    """Writes text of a format that is UTF-8 by its rules, whatever the encoding of standard output."""
    output: Any = sys.stdout
    output.write_utf8(text)


def _is_utf8(stream: TextIO) -> bool:
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"


def json_value(value: object) -> object:
    """Writes what JSON has no form for: amounts and rates as strings, dates and instants in ISO form, bytes in hex."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"no JSON for {type(value).__name__}")
