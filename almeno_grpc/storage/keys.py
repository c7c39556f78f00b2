"""Many keys as one parameter: the text of a statement is the same for any number of them, so that it is prepared once.

SQLite takes them as a JSON array, which `json_each` makes rows of; PostgreSQL as an array of its own. There the array
comes by a subquery, which hides its length from the planner: else a plan for the one key at hand always seems cheaper
than the prepared one for ten, and every execution is planned anew, for 0.2 ms instead of 0.02.
"""

import json
from array import array
from collections.abc import Callable, Collection
from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    String,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.types import UserDefinedType

_PART = "__"
"""Between the name of a parameter and the number of the part of it that a bind parameter takes."""


def parameter_of(bind_name: str) -> str:
    """The name of the parameter of which a bind parameter takes a part, or all."""
    return bind_name.partition(_PART)[0]


def any_of(dialect_name: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The condition that the column is any of the keys, a collection of ints or strings.

    Args:
        dialect_name: The database.
        column: The column.
        name: The parameter that takes the keys.
    """
    if dialect_name == "sqlite":
        keys = bindparam(name, type_=_Json(of_ints=not isinstance(column.type, String)))
        return column.in_(select(func.json_each(keys).table_valued("value").c.value))
    item = String() if isinstance(column.type, String) else BigInteger()
    return column == func.any(_hidden(bindparam(name, type_=_Array()), ARRAY(item)))


def key_rows(dialect_name: str, name: str, width: int) -> tuple[FromClause, list[ColumnElement[int]]]:
    """Keys of several columns as a table: that table, and its columns.

    Args:
        dialect_name: The database.
        name: The parameter that takes the keys, a sequence of tuples of ints.
        width: How many columns a key has.
    """
    if dialect_name == "sqlite":
        rows = func.json_each(bindparam(name, type_=_Json())).table_valued("value")
        return rows, [
            func.json_extract(rows.c.value, literal_column(f"'$[{part}]'", String), type_=BigInteger)
            for part in range(width)
        ]
    columns = [f"key_{part}" for part in range(width)]
    arrays = (
        _hidden(bindparam(f"{name}{_PART}{part}", type_=_Array(part)), ARRAY(BigInteger)) for part in range(width)
    )
    table = func.unnest(*arrays).table_valued(*columns).render_derived(name=name)
    return table, [table.c[column] for column in columns]


def array_literal(values: Collection[Any]) -> str:
    """Values of one type, or None, as PostgreSQL writes an array; for a parameter that is cast to one.

    psycopg looks at each value of a list by itself, which takes it longer than the database takes for the statement.
    """
    if isinstance(values, array):
        return "{" + ",".join(map(str, values)) + "}"
    return "{" + ",".join([_ITEM[type(value)](value) for value in values]) + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_ITEM: dict[type, Callable[[Any], str]] = {
    int: str,
    bool: str,
    str: _quoted,
    bytes: lambda value: f'"\\\\x{value.hex()}"',
    date: str,
    type(None): lambda _: "NULL",
}


def _hidden(array: BindParameter[Any], array_type: ARRAY[Any]) -> ColumnElement[Any]:
    # Without the outer cast ANY would take the subquery for the rows to compare with.
    return cast(select(cast(array, array_type)).scalar_subquery(), array_type)


class _Json(UserDefinedType[Any]):
    """Keys as a JSON array."""

    cache_ok = True

    def __init__(self, *, of_ints: bool = False) -> None:
        self.of_ints = of_ints

    def bind_processor(self, dialect: Any) -> Callable[[Any], str]:
        del dialect
        if self.of_ints:
            # As JSON writes it, in an eighth of the time.
            return lambda keys: str([*keys])
        return lambda keys: json.dumps([*keys])


class _Array(UserDefinedType[Any]):
    """Keys, or a part of each, as PostgreSQL's driver takes an array."""

    cache_ok = True

    def __init__(self, part: int | None = None) -> None:
        self.part = part

    def bind_processor(self, dialect: Any) -> Callable[[Any], Any]:
        del dialect
        part = self.part
        if part is None:
            return array_literal
        return lambda keys: array_literal([key[part] for key in keys])
