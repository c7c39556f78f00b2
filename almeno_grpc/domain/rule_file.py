"""Rule files: dated TOML files of policies, terms and norms, each named by its version and validated as a whole.

A published file never changes; the newest in effect holds on a day. A key that is missing, unknown or out of bounds is
an error that names it.
"""

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")

_MAX_LINE_BYTES = 1000
"""A key lies in one line, and the TOML reader's time grows with the square of a key's parts, of which a line of 64 KiB
has room for 16 seconds."""


class RuleFileError(ValueError):
    """An invalid rule file; the message names the key and what it has to be."""


class DatedRule(Protocol):
    """What a rule file is parsed to."""

    @property
    def version(self) -> str:
        """Unique among the files of a kind."""

    @property
    def effective_date(self) -> date:
        """The first day on which it may hold."""

    @property
    def sha256(self) -> str:
        """Of the file's bytes, in hexadecimal."""


R = TypeVar("R", bound=DatedRule)


def newest_in_effect(rules: Iterable[R], on: date) -> R | None:
    """The newest rule in effect on the day, and of one day that of the larger version; None where each comes later."""
    in_effect = [rule for rule in rules if rule.effective_date <= on]
    return max(in_effect, key=lambda rule: (rule.effective_date, rule.version), default=None)


class RuleFile(NamedTuple):
    """A rule file whose keys are still to be read."""

    root: "RuleTable"
    toml: str
    """The file itself."""
    sha256: str
    """Of its bytes, in hexadecimal."""


def read_rule_file(content: bytes) -> RuleFile:
    """Reads a file as TOML.

    Raises:
        RuleFileError: It is none, or one that takes long to read.
    """
    if any(len(line) > _MAX_LINE_BYTES for line in content.split(b"\n")):
        raise RuleFileError(f"a line must have at most {_MAX_LINE_BYTES} bytes")
    try:
        toml = content.decode("utf-8")
        root = RuleTable("", tomllib.loads(toml))
    except (ValueError, RecursionError) as error:
        raise RuleFileError(f"not a TOML file in UTF-8: {error}") from error
    return RuleFile(root, toml, hashlib.sha256(content).hexdigest())


class RuleTable:
    """A table of the file that records which of its keys have been read."""

    def __init__(self, path: str, content: Mapping[str, Any]) -> None:
        self._path = path
        self._content = content
        self._read_keys: set[str] = set()

    def path(self, key: str) -> str:
        """The key's dotted path."""
        return f"{self._path}.{key}" if self._path else key

    def value(self, key: str, read: Callable[[Any], T]) -> T:
        """The key's value, converted by `read`; a ValueError of `read` becomes a RuleFileError with the key's path."""
        self._read_keys.add(key)
        if key not in self._content:
            raise RuleFileError(f"{self.path(key)} is missing")
        try:
            return read(self._content[key])
        except ValueError as error:
            raise RuleFileError(f"{self.path(key)} {error}") from None

    def optional(self, key: str, read: Callable[[Any], T]) -> T | None:
        """The key's value, or None where the key is absent."""
        self._read_keys.add(key)
        return self.value(key, read) if key in self._content else None

    def table(self, key: str) -> "RuleTable":
        """The table under the key."""
        return RuleTable(self.path(key), self.value(key, _mapping))

    def tables(self, key: str) -> list["RuleTable"]:
        """The list of tables under the key."""
        rows = self.value(key, _mappings)
        return [RuleTable(f"{self.path(key)}[{number}]", row) for number, row in enumerate(rows, start=1)]

    def raise_if_unknown(self) -> None:
        """Raises RuleFileError if the table has a key that has not been read."""
        unknown = sorted(set(self._content) - self._read_keys)
        if unknown:
            raise RuleFileError(f"{self.path(unknown[0])} is not a key of this file")


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    return value


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
        raise ValueError("must be a list of one or more tables")
    return value
