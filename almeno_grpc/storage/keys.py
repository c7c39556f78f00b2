"""Many keys as one parameter: the text of a statement is the same for any number of them, so that it is prepared once.

SQLite takes them as a JSON array, which `json_each` makes rows of; PostgreSQL as an array of its own.
"""

import json
from array import array
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, String, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
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
        return column.in_(select(func.json_each(bindparam(name, type_=_Json())).table_valued("value").c.value))
    item = String() if isinstance(column.type, String) else BigInteger()
    return column == func.any(cast(bindparam(name, type_=_Array()), ARRAY(item)))


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
    arrays = (cast(bindparam(f"{name}{_PART}{part}", type_=_Array(part)), ARRAY(BigInteger)) for part in range(width))
    table = func.unnest(*arrays).table_valued(*columns).render_derived(name=name)
    return table, [table.c[column] for column in columns]


def array_literal(values: Collection[Any]) -> Any:
    """Values for a parameter that is cast to an array.

    Whole numbers are written out: psycopg asks for the type of each, which takes three times as long.
    """
    first = next(iter(values), None)
    if isinstance(values, array) or (type(first) is int and None not in values):
        return "{" + ",".join(map(str, values)) + "}"
    return list(values)


class _Json(UserDefinedType[Any]):
    """Keys as a JSON array."""

    cache_ok = True

    def bind_processor(self, dialect: Any) -> Callable[[Any], str]:
        del dialect
        return lambda keys: json.dumps(list(keys))


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
