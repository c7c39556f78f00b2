"""Statements read as text: none joins tables whose rows divide by different columns, for these may be on two machines.

What a customer has is divided by `customer_id`; whose a number is, by the number. Only tables of a group here may be in
one statement; every other table is divided by a key of its own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, event

from almeno_grpc.storage.compiled import CURSOR
from almeno_grpc.storage.tables import metadata

_TOGETHER = {
    "customer_id": (
        "customer",
        "customer_change",
        "decision",
        "loan",
        "loan_charge",
        "loan_segment",
        "repayment",
        "repayment_reversal",
        "sanction_end",
    ),
    "stream_id": ("audit_event", "audit_cut", "audit_head"),
    "import": ("import_file", "import_content", "import_issue"),
    "access": ("access_state", "api_key", "certificate_name", "principal"),
}
_EXCEPTIONS = (
    # Migration 0204, which a database of 0.1.0 goes through once; no such database is divided.
    "INSERT INTO business_day SELECT business_date, decision_id FROM decision ",
    "INSERT INTO business_day SELECT payment_date, repayment_id FROM repayment ",
    # The test of hopeless deadlines, which counts the rows of a whole database as one state of it has them.
    "SELECT (SELECT count(*) FROM loan JOIN decision USING (decision_id)",
)
_GROUP_OF = {table: group for group, tables in _TOGETHER.items() for table in tables}
_TOKEN = re.compile(r"""'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|"?(?P<word>[A-Za-z_]\w*)"?|(?P<mark>[(),.;])""", re.DOTALL)
_NAME_A_TABLE = {"from", "join", "into", "update"}
_END_OF_TABLES = {"where", "group", "order", "limit", "having", "set", "values", "returning", "union", "select", "for"}
_OF_ITS_OWN = {"insert", "update", "delete"}


@dataclass
class _Part:
    """What stands between two parentheses."""

    tables: set[str]
    """Those of its statement, to which a subselect belongs."""
    names_table: bool = False
    """Whether the next word may be the name of a table."""
    lists_tables: bool = False
    is_empty: bool = True
    before: str = ""


def tables_of(sql: str) -> list[set[str]]:
    """The tables that a statement reads or writes; of one with others in its WITH that write, those of each."""
    statements: list[set[str]] = [set()]
    parts = [_Part(statements[0])]
    for token in _TOKEN.finditer(sql):
        word, mark = (token["word"] or "").lower(), token["mark"]
        part = parts[-1]
        if word:
            if part.is_empty and word in _OF_ITS_OWN and len(parts) > 1:
                part.tables = set()
                statements.append(part.tables)
            _read(part, word)
        elif mark == "(":
            parts.append(_Part(part.tables, names_table=part.names_table, lists_tables=part.names_table))
            part.names_table = False
        elif mark == ")" and len(parts) > 1:
            parts.pop()
        elif mark == ",":
            part.names_table = part.lists_tables
        elif mark == ".":
            # Behind a schema.
            part.names_table = part.before == "schema"
        elif mark == ";":
            statements.append(set())
            parts = [_Part(statements[-1])]
    return statements


def _read(part: _Part, word: str) -> None:
    is_lock = word == "update" and part.before in ("for", "key", "do")
    if word in _NAME_A_TABLE and not is_lock:
        part.names_table = part.lists_tables = True
    elif word in _END_OF_TABLES:
        part.names_table = part.lists_tables = False
    elif part.names_table and word not in ("only", "lateral"):
        if word in metadata.tables:
            part.tables.add(word)
        part.names_table = False
        word = "schema"
    part.is_empty, part.before = False, word


def joins_of(sql: str) -> list[set[str]]:
    """The tables that a statement joins and that divide by different columns."""
    return [tables for tables in tables_of(sql) if len({_GROUP_OF.get(table, table) for table in tables}) > 1]


@dataclass
class ReadStatements:
    """The texts of all statements that this process has executed, each once."""

    _known: set[str] = field(default_factory=set)
    _new: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Reads the statements of every engine from now on."""
        event.listen(Engine, "before_cursor_execute", self._executed)
        event.listen(Engine, "checkout", self._checked_out)

    def read(self, sql: str) -> None:
        """Reads a statement."""
        if sql not in self._known:
            self._known.add(sql)
            self._new.append(sql)

    def refuse_joins(self) -> None:
        """Fails the test if a statement read since the last call joins what divides by different columns."""
        while self._new:
            sql = self._new.pop()
            if not sql.startswith(_EXCEPTIONS):
                for tables in joins_of(sql):
                    pytest.fail(f"{' and '.join(sorted(tables))} divide by different columns, and are joined: {sql}")

    def _executed(self, _connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        self.read(sql)

    def _checked_out(self, dbapi_connection: Any, record: Any, _proxy: Any) -> None:
        """Puts a cursor before the one that compiled statements go through."""
        cursor = record.info.get(CURSOR)
        if not isinstance(cursor, _ReadCursor):
            record.info[CURSOR] = _ReadCursor(self, cursor or dbapi_connection.cursor())


class _ReadCursor:
    def __init__(self, statements: ReadStatements, cursor: Any) -> None:
        self._statements = statements
        self._cursor = cursor

    def execute(self, sql: str, values: Sequence[Any]) -> Any:
        self._statements.read(sql)
        return self._cursor.execute(sql, values)

    def executemany(self, sql: str, rows: Any) -> Any:
        self._statements.read(sql)
        return self._cursor.executemany(sql, rows)

    def execute_together(self, statements: Sequence[tuple[str, Sequence[bytes]]]) -> Any:
        for sql, _ in statements:
            self._statements.read(sql)
        return self._cursor.execute_together(statements)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)
