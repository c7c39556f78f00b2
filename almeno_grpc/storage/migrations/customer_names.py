"""The keys that customers are found by, made for those that are there, and for those that servers of before change.

Python alone can make the keys. So on PostgreSQL a trigger notes whom servers of the version before insert or rename,
and under which name their keys may have been made, until revision 0212 has made them anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from sqlalchemy import Connection, text

from almeno_grpc.domain.names import name_keys

NOTED = "customer_name_before"
"""The table of the names that customers have had; a customer may be there more than once."""
TRIGGER, RENAMED = "customer_name_is_noted", "customer_name_is_noted_again"
"""The triggers, for inserts and for updates; their function is named as the first."""
_GIVEN = "unnest(CAST(:keys AS TEXT[]), CAST(:ids AS BIGINT[])) AS given (key, customer_id)"
_Name = tuple[int, str, str]
"""A customer_id, the first and the last name."""


def note_names(connection: Connection) -> None:
    """Creates the table and the triggers."""
    connection.exec_driver_sql(
        f"CREATE TABLE {NOTED} (customer_id BIGINT NOT NULL, first_name TEXT NOT NULL, last_name TEXT NOT NULL)"
    )
    known = ", ".join(f"COALESCE(OLD.{name}, NEW.{name})" for name in ("customer_id", "first_name", "last_name"))
    connection.exec_driver_sql(
        f"CREATE FUNCTION {TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS '"  # noqa: S608 - names of our own
        f"BEGIN INSERT INTO {NOTED} VALUES ({known}); RETURN NULL; END'"
    )
    is_renamed = "OLD.first_name <> NEW.first_name OR OLD.last_name <> NEW.last_name"
    for name, change in ((TRIGGER, "INSERT ON customer"), (RENAMED, "UPDATE ON customer")):
        when = f"WHEN ({is_renamed})" if name == RENAMED else ""
        connection.exec_driver_sql(
            f"CREATE TRIGGER {name} AFTER {change} FOR EACH ROW {when} EXECUTE FUNCTION {TRIGGER}()"
        )


def forget_names(connection: Connection) -> None:
    """Drops them, where they are."""
    connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {TRIGGER}() CASCADE")
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {NOTED}")


def insert_keys(connection: Connection, condition: str, parameters: Mapping[str, object]) -> None:
    """Makes the keys of the customers that a condition names; those that are there stay."""
    statement = f"SELECT customer_id, first_name, last_name FROM customer WHERE {condition}"  # noqa: S608 - of our own
    rows = connection.execute(text(statement), parameters).all()
    keys = _keys_of((row[0], row[1], row[2]) for row in rows)
    if keys and connection.dialect.name == "sqlite":
        values = [{"key": key, "customer_id": customer_id} for key, customer_id in keys]
        connection.execute(text("INSERT INTO customer_name VALUES (:key, :customer_id) ON CONFLICT DO NOTHING"), values)
    elif keys:
        given = f"INSERT INTO customer_name SELECT key, customer_id FROM {_GIVEN} ON CONFLICT DO NOTHING"  # noqa: S608 - of our own
        connection.execute(text(given), _columns(keys))


def catch_up(connection: Connection, count: int) -> bool:
    """Makes the keys of some customers anew whose names were noted, in a transaction; whether there may be more."""
    some = f"SELECT ctid FROM {NOTED} LIMIT :count"  # noqa: S608 - a name of our own
    forgotten = f"DELETE FROM {NOTED} WHERE ctid = ANY (ARRAY({some})) RETURNING customer_id, first_name, last_name"  # noqa: S608 - as above
    noted = connection.execute(text(forgotten), {"count": count}).all()
    if noted:
        keys = _keys_of((row[0], row[1], row[2]) for row in noted)
        is_given = "customer_name.key = given.key AND customer_name.customer_id = given.customer_id"
        connection.execute(text(f"DELETE FROM customer_name USING {_GIVEN} WHERE {is_given}"), _columns(keys))  # noqa: S608 - as above
        # As they are named now: who renames one from here on has it noted once more.
        insert_keys(connection, "customer_id = ANY (:ids)", {"ids": sorted({row[0] for row in noted})})
    return bool(noted)


def _keys_of(names: Iterable[_Name]) -> list[tuple[str, int]]:
    """In the order of their primary key."""
    return sorted(set(chain.from_iterable(((key, each[0]) for key in name_keys(each[1], each[2])) for each in names)))


def _columns(keys: Sequence[tuple[str, int]]) -> dict[str, object]:
    return {"keys": [key for key, _ in keys], "ids": [customer_id for _, customer_id in keys]}
