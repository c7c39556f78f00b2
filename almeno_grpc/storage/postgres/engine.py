"""Connections to PostgreSQL: to the server that takes writes, and given up soon when that is gone."""

from sqlalchemy import URL, Engine, NullPool, create_engine

from almeno_grpc.storage.backend import DatabaseUnusable

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


def postgres_url(url: URL) -> URL:
    """Checks a PostgreSQL URL, and completes it with the driver and libpq's options.

    The URL's query takes libpq's options, and `prepare_threshold=none`, which prepares no statements: for a pooler that
    hands out connections by the transaction and knows nothing of prepared statements.

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


def open_postgres_engine(url: URL) -> Engine:
    """An engine for one process, whose connections commit each statement unless a transaction is begun.

    Args:
        url: As `postgres_url` gives it.
    """
    options = {} if prepares(url) else {"prepare_threshold": None}
    return create_engine(
        url.difference_update_query(["prepare_threshold"]),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        use_native_hstore=False,
        connect_args=options,
    )


def prepares(url: URL) -> bool:
    """Whether statements may be prepared on the connections."""
    return "prepare_threshold" not in url.query
