"""Inserts and updates by key of any number of rows of a table at once, as `Transaction.write` makes them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Table, and_, bindparam, insert, update

from almeno_grpc.storage.compiled import CompiledStatement


class TableWrite:
    """An insert into a table, or an update of it."""

    def __init__(self, table: Table, columns: Sequence[Column[Any]], keys: Sequence[Column[Any]] = ()) -> None:
        """Takes the table.

        Args:
            table: The table.
            columns: Those that the rows have values for, behind those of `keys`.
            keys: Those by which the rows are found that are updated; none for an insert.
        """
        self.table = table
        self.keys = tuple(keys)
        self.columns = (*keys, *columns)
        """In the order of the rows' values."""
        self.by_row = self._update(columns) if keys else self._insert()
        """The statement that writes a single row."""

    def _insert(self) -> CompiledStatement:
        names = [column.name for column in self.columns]
        values = {column.name: bindparam(column.name, type_=column.type) for column in self.columns}
        return CompiledStatement(insert(self.table).values(values), *names)

    def _update(self, columns: Sequence[Column[Any]]) -> CompiledStatement:
        # A bind parameter may not have the name of a column that is set.
        keys = [bindparam(f"old_{key.name}", type_=key.type) for key in self.keys]
        found = and_(*(key == value for key, value in zip(self.keys, keys, strict=True)))
        values = {column.name: bindparam(column.name, type_=column.type) for column in columns}
        names = [*(key.key for key in keys), *(column.name for column in columns)]
        return CompiledStatement(update(self.table).where(found).values(values), *names)
