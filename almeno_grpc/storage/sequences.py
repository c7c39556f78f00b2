"""The numbers the service gives to its own rows: above those of every imported row, so that they never meet."""

from sqlalchemy import Column, Connection, text

from almeno_grpc.storage.tables import FIRST_GENERATED_ID

_LAST = text("SELECT seq FROM sqlite_sequence WHERE name = :table_name")
_CLOSE = 10_000
"""Up to so many numbers are taken one by one."""


def number_above(connection: Connection, column: Column[int], number: int) -> None:
    """Makes sure that the next row which the database numbers gets a number above this one.

    Args:
        connection: Of the transaction that is about to add the row with the number. Doing this first keeps it from
            meeting rows that are numbered meanwhile.
        column: The table's key.
        number: The largest number to be added.
    """
    # SQLite keeps the largest number that ever stood in the table, and goes on from there by itself.
    if number < FIRST_GENERATED_ID or connection.dialect.name == "sqlite":
        return
    sequence = _sequence(column)
    last = connection.execute(text(f"SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {sequence}"))  # noqa: S608
    missing = number - last.scalar_one()
    if missing > _CLOSE:
        connection.execute(text(f"SELECT setval('{sequence}', :number)"), {"number": number})
    elif missing > 0:
        # Others take numbers at the same time, whom setting the sequence could send back to numbers already given.
        # From further below they cannot have come so far meanwhile.
        connection.execute(text(f"SELECT count(nextval('{sequence}')) FROM generate_series(1, {missing})"))  # noqa: S608


def next_numbers(connection: Connection, column: Column[int], count: int) -> list[int]:
    """Takes the next numbers of the service's own, in order, for rows that this transaction is about to add."""
    if connection.dialect.name == "sqlite":
        # Nobody else writes meanwhile.
        last = connection.execute(_LAST, {"table_name": column.table.name}).scalar_one()
        return list(range(last + 1, last + 1 + count))
    taken = f"SELECT nextval('{_sequence(column)}') FROM generate_series(1, :count)"  # noqa: S608
    return sorted(connection.execute(text(taken), {"count": count}).scalars())


def _sequence(column: Column[int]) -> str:
    return f"{column.table.name}_{column.name}_seq"
