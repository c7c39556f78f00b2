"""What PostgreSQL's planner knows of the tables that an import fills."""

from psycopg.pq.abc import PGconn

from almeno_grpc.storage.postgres_links import run
from almeno_grpc.storage.tables import customer, loan, loan_number, phone_number

_MIN_PAGES = 8
"""Of a table: in a smaller one it is all the same how a row is found."""
_NAMES = ", ".join(f"'{table.name}'" for table in (customer, phone_number, loan, loan_number))
_OUTGROWN = f"""
SELECT oid::regclass FROM pg_class
WHERE relname IN ({_NAMES}) AND relkind = 'r' AND pg_table_is_visible(oid)
AND pg_relation_size(oid) > 2 * current_setting('block_size')::bigint * greatest(relpages, {_MIN_PAGES})
""".encode()  # noqa: S608


def renew_statistics(pgconn: PGconn) -> None:
    """Looks at the tables that have more than doubled since they were last looked at.

    The server does so by itself, but once a minute. Until then every connection keeps to the plans it made when the
    tables were small, and reads a million loans from end to end to find three.

    Rough ones, enough for the plans there are: a statement of 0.1 s would keep calls waiting for the processor. The
    server makes its own once a tenth more has changed.

    Raises:
        psycopg.Error: The database has refused, or was lost.
    """
    outgrown = run(pgconn, _OUTGROWN)
    if outgrown.ntuples:
        run(pgconn, b"SET LOCAL default_statistics_target = 30")
    for row in range(outgrown.ntuples):
        # Who holds the table may be about the same, and an import is not to wait for a vacuum of hours.
        run(pgconn, b"ANALYZE (SKIP_LOCKED) " + (outgrown.get_value(row, 0) or b""))
