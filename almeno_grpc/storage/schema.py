"""The schema's revision: found, and upgraded, when the server starts."""

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect

from almeno_grpc.storage.audit_baseline import write_baseline, write_reforms
from almeno_grpc.storage.backend import DatabaseUnusable
from almeno_grpc.storage.tables import audit_event

_UNRELEASED = {"0001", "0002", "0003", *(f"01{number:02}" for number in range(1, 9))}
"""Revisions of the commits before version 0.1.0, whose first revision is 0201."""
MIGRATIONS = resources.files("almeno_grpc.storage") / "migrations"


def migrate(connection: Connection, revision: str = "head") -> None:
    """Upgrades the database's schema to the revision; an empty database gets it whole.

    Args:
        connection: In a transaction that changes the schema.
        revision: The revision; the newest by default.

    Raises:
        DatabaseUnusable: The database holds something else, or was written by a version of the service that this one
            does not know: a newer one, or one from before the first release.
    """
    script = _script()
    current = _known_revision(script, connection)
    had_trail = inspect(connection).has_table(audit_event.name)
    _upgrade(connection, revision)
    # With the columns of the newest revision: digests are taken of all of them.
    if revision != "head":
        return
    if had_trail:
        upgraded = {each.revision for each in script.iterate_revisions("head", current)}
        write_reforms(connection, upgraded)
    else:
        write_baseline(connection)


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
    if current is None and inspect(connection).get_table_names():
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


def _upgrade(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
