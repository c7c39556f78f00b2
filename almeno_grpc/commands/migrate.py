"""`almeno-server migrate`: upgrades the schema of a database, of a large one beside the servers that run on it."""

import sys
from collections.abc import Mapping, Sequence

from almeno_grpc import bootstrap
from almeno_grpc.arguments import ArgumentParser
from almeno_grpc.config import ConfigurationError, Settings, variable_of
from almeno_grpc.domain.errors import CreditError

DONE, FAILED, MISCONFIGURED = 0, 1, 2


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Upgrades the schema.

    Args:
        arguments: What stands behind `almeno-server migrate`.
        environment: Variables, as of `os.environ`.

    Returns:
        The exit code: 0 where it is done, 1 where the database is not available, 2 where it cannot be upgraded.
    """
    options = _parser().parse_args(arguments)
    database_url = {name: environment.get(name, "") for name in (variable_of("database_url"),)}
    try:
        settings = Settings.from_environment(database_url, {"database_url": options.database_url})
        revision, newest = bootstrap.migrate_database(settings, beside_servers=options.prepare)
    except ConfigurationError as error:
        return _refuse(str(error), MISCONFIGURED)
    except CreditError as error:
        return _refuse(error.message, FAILED)
    rest = "" if revision == newest else f" Stop the servers and start the new ones, which upgrade it to {newest}."
    sys.stdout.write(f"The schema is at revision {revision}.{rest}\n")
    return DONE


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="almeno-server migrate",
        description="Upgrades the schema of a database, as a start does; goes on where it was interrupted.",
        examples=("almeno-server migrate --prepare", "almeno-server migrate --database-url sqlite:///credit.db"),
    )
    parser.add_argument(
        "--prepare", action="store_true", help="do what servers of the version before can run beside, on PostgreSQL"
    )
    parser.add_argument("--database-url", help=f"database, as a SQLAlchemy URL [{variable_of('database_url')}]")
    return parser


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"almeno-server migrate: {message}\n")
    return code
