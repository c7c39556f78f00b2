"""Engines for PostgreSQL: to the server that takes writes, and with connections given up soon when that is gone.

Nothing outlives a transaction on its connection but prepared statements, so that a pooler such as PgBouncer may stand
between; `complete_url` says what it then needs.
"""

from functools import partial

from sqlalchemy import URL, Engine, create_engine, event

from almeno_grpc.storage.backend import DatabaseUnusable
from almeno_grpc.storage.postgres.begin import begin
from almeno_grpc.storage.postgres.cursor import add_cursor
from almeno_grpc.storage.postgres.dialect import DRIVER_NAME, watch_commits
from almeno_grpc.storage.postgres.timelines import Timelines

MAX_POOL_SIZE = 24
"""Connections of a process: more do not make a database of a few cores faster, and it is to serve many processes."""
_POOL_TIMEOUT_SECONDS = 10

_DRIVER_OPTIONS = {
    # A server that has failed over is a standby when it comes back: it takes no writes and tells of the past.
    "target_session_attrs": "read-write",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "almeno",
}
"""libpq's, unless the URL says otherwise: a machine that is gone is noticed within seconds."""


def complete_url(url: URL) -> URL:
    """Checks a PostgreSQL URL, and completes it with the driver and libpq's options.

    The URL's query takes libpq's options, and `prepare_threshold=none`, which prepares no statements: for a pooler in
    transaction mode that knows nothing of prepared statements.

    Raises:
        DatabaseUnusable: It names another driver, or no database.
    """
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise DatabaseUnusable(
            f"ALMENO_DATABASE_URL names the driver {url.drivername}; leave it out, as in postgresql://"
        )
    if not url.database:
        raise DatabaseUnusable("ALMENO_DATABASE_URL names no database, as in postgresql://user@host/almeno")
    if url.query.get("prepare_threshold", "none") != "none":
        raise DatabaseUnusable("ALMENO_DATABASE_URL: prepare_threshold is none, or left out")
    return url.set(drivername="postgresql+psycopg", query={**_DRIVER_OPTIONS, **url.query})


def open_engine(url: URL, timelines: Timelines | None = None, *, pool_size: int = 8) -> Engine:
    """An engine for one process. Without the execution option BEGIN each statement is committed by itself.

    Args:
        url: As `complete_url` gives it.
        timelines: Where those of its connections are remembered.
        pool_size: The most connections held.
    """
    timelines = timelines or Timelines()
    prepares = "prepare_threshold" not in url.query
    engine = create_engine(
        url.set(drivername=DRIVER_NAME).difference_update_query(["prepare_threshold"]),
        pool_size=min(pool_size, MAX_POOL_SIZE),
        max_overflow=0,
        pool_timeout=_POOL_TIMEOUT_SECONDS,
        pool_use_lifo=True,
        # Transactions are begun by the hook below, not by the driver.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={} if prepares else {"prepare_threshold": None},
    )
    event.listen(engine, "do_connect", timelines.connect)
    event.listen(engine, "connect", partial(watch_commits, timelines))
    event.listen(engine, "connect", add_cursor)
    event.listen(engine, "begin", begin)
    return engine
