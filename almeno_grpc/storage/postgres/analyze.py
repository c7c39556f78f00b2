"""The planner's statistics of the tables that an import fills."""

from sqlalchemy import Connection

from almeno_grpc.storage.postgres.dialect import execute_command
from almeno_grpc.storage.tables import change_event, customer, customer_name, loan, loan_number, phone_number

_MIN_PAGES = 8
"""Of a table: in a smaller one it is all the same how a row is found."""
_NAMES = ", ".join(f"'{table.name}'" for table in (customer, phone_number, customer_name, loan, loan_number))
_OUTGROWN = f"""
SELECT oid::regclass::text FROM pg_class
WHERE (relname IN ({_NAMES}) OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '{change_event}'::regclass))
AND relkind = 'r' AND pg_table_is_visible(oid)
AND pg_relation_size(oid) > 2 * current_setting('block_size')::bigint * greatest(relpages, {_MIN_PAGES})
"""  # noqa: S608


def analyze(connection: Connection) -> None:
    """Analyzes the tables that have more than doubled since they were last analyzed.

    Autovacuum does so by itself, but once a minute. Until then every connection keeps to the plans it made when the
    tables were small, and reads a million loans from end to end to find three.

    A small sample is enough for the plans there are: a statement of 0.1 s would keep calls waiting for the processor.
    Autovacuum takes its own once a tenth more has changed.

    Args:
        connection: In a transaction that writes.

    Raises:
        DBAPIError: The database has refused, or was lost.
    """
    outgrown = connection.exec_driver_sql(_OUTGROWN).scalars().all()
    if outgrown:
        execute_command(connection.connection, "SET LOCAL default_statistics_target = 30")
    for table in outgrown:
        # Another may be analyzing the table, and an import is not to wait for a vacuum of hours.
        execute_command(connection.connection, f"ANALYZE (SKIP_LOCKED) {table}")
