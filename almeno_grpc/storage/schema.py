"""The schema's revision: found, and upgraded, when the server starts."""

from collections.abc import Sequence
from importlib import resources
from itertools import takewhile

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect

from almeno_grpc.storage.backend import DatabaseUnusable
from almeno_grpc.storage.migrations.steps import PROGRESS, Steps

_UNRELEASED = {"0001", "0002", "0003", *(f"01{number:02}" for number in range(1, 9))}
"""Revisions of the commits before version 0.1.0, whose first revision is 0201."""
MIGRATIONS = resources.files("almeno_grpc.storage") / "migrations"


def migrate(connection: Connection, revision: str = "head", *, beside_servers: bool = False) -> None:
    """Upgrades the database's schema to the revision; an empty database gets it whole.

    It is done in many transactions, and goes on where another one was interrupted.

    Args:
        connection: Outside of transactions, under the lock of the one that migrates.
        revision: The revision; the newest by default.
        beside_servers: Whether servers of the version before run meanwhile: to the last revision that they can bear.

    Raises:
        DatabaseUnusable: The database holds something else, or was written by a version of the service that this one
            does not know: a newer one, or one from before the first release; or it is empty, and there are to be
            servers.
        StoreUnavailable: Another session keeps a table locked.
    """
    script = _script()
    current = _known_revision(script, connection)
    connection.commit()
    if beside_servers and current is None:
        raise DatabaseUnusable("the database is empty, and there is nothing to prepare; start the server")
    pending = list(script.iterate_revisions(revision, current or "base"))[::-1]
    for each in takewhile(lambda each: not (beside_servers and _stops_servers(each)), pending):
        _upgrade(connection, script, each)
    if beside_servers:
        _prepare(connection, pending)
    with connection.begin():
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {PROGRESS}")


def _upgrade(connection: Connection, script: ScriptDirectory, revision: Script) -> None:
    steps, context = Steps(connection, revision.revision), MigrationContext.configure(connection)
    with Operations.context(context):
        revision.module.upgrade(steps)
    with connection.begin():
        # First: whoever has lost the lock stamps nothing over what another has.
        steps.finish()
        context.stamp(script, revision.revision)


def _stops_servers(revision: Script) -> bool:
    """Whether servers of versions before the revision cannot go on with it."""
    return bool(getattr(revision.module, "STOPS_SERVERS", False))


def _prepare(connection: Connection, pending: Sequence[Script]) -> None:
    """Does what can be done beforehand of the revisions that stop servers."""
    for prepare in [each.module.prepare for each in pending if _stops_servers(each)]:
        may_go_on = True
        while may_go_on:
            with connection.begin():
                may_go_on = prepare(connection)


def revisions(connection: Connection) -> tuple[str | None, str]:
    """The revision of the database's schema, None where it is empty, and the newest that there is.

    Raises:
        DatabaseUnusable: As `migrate`.
    """
    script = _script()
    newest = script.get_current_head()
    if newest is None:
        raise RuntimeError("the package has no migrations")
    return _known_revision(script, connection), newest


def _known_revision(script: ScriptDirectory, connection: Connection) -> str | None:
    current = MigrationContext.configure(connection).get_current_revision()
    tables = inspect(connection).get_table_names()
    # With that table the first revision was begun and not finished.
    if current is None and tables and PROGRESS not in tables:
        raise DatabaseUnusable("the database holds tables of something else; name another in ALMENO_DATABASE_URL")
    if current is not None:
        _refuse_unknown(script, current)
    return current


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _refuse_unknown(script: ScriptDirectory, revision: str) -> None:
    try:
        script.get_revision(revision)
    except CommandError:
        if revision in _UNRELEASED:
            raise DatabaseUnusable(
                f"the database was written by a version from before the first release (schema {revision}), from which "
                "there is no upgrade; name a new database in ALMENO_DATABASE_URL and import the book again"
            ) from None
        raise DatabaseUnusable(
            f"the database was written by another version of the service (schema {revision}); start that "
            "version, or name another database in ALMENO_DATABASE_URL and import the book again"
        ) from None
