"""`almeno-server access init`: the first administrator, made on the database itself.

Whoever may write the database's file, or log in to its server, may make one; over the network nobody may.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from almeno_grpc import bootstrap
from almeno_grpc.api_keys import new_key
from almeno_grpc.arguments import ArgumentParser
from almeno_grpc.config import ConfigurationError, Settings, variable_of
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.logs import redact_password

DONE, FAILED, MISUSED = 0, 1, 2


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Makes the principal `admin` with a key that is written to a file.

    Args:
        arguments: What stands behind `almeno-server access`.
        environment: Variables, as of `os.environ`.

    Returns:
        The exit code: 0 where it is made, 1 where the database or the file refuses, 2 where the arguments are wrong.
    """
    options = _parser().parse_args(arguments)
    flags = {"database_url": options.database_url}
    try:
        database_url = {name: environment.get(name, "") for name in (variable_of("database_url"),)}
        settings = Settings.from_environment(database_url, flags)
        _init(settings, options.key_file, recover=options.recover)
    except ConfigurationError as error:
        return _refuse(str(error), MISUSED)
    except CreditError as error:
        return _refuse(error.message, FAILED)
    except OSError as error:
        return _refuse(f"{options.key_file}: {error.strerror}", FAILED)
    database = redact_password(settings.database_url)
    sys.stdout.write(f"The key of the principal admin of {database} is in {options.key_file}.\n")
    return DONE


def _parser() -> ArgumentParser:
    examples = (
        "almeno-server access init --key-file admin.key",
        "almeno-server access init --key-file new.key --recover",
    )
    parser = ArgumentParser(
        prog="almeno-server access", description="Callers, on the database itself.", examples=examples
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init = commands.add_parser(
        "init",
        help="create the principal admin with a key",
        description="Creates the principal admin, who may change callers and nothing else, and a key for it.",
        examples=examples,
    )
    init.add_argument("--key-file", required=True, type=Path, help="new file for the key, readable by its owner alone")
    init.add_argument("--recover", action="store_true", help="do so where principals exist: for lost keys")
    init.add_argument("--database-url", help=f"database, as a SQLAlchemy URL [{variable_of('database_url')}]")
    return parser


def _init(settings: Settings, key_file: Path, *, recover: bool) -> None:
    key = new_key()
    # O_EXCL follows no link either. The file comes first: a key in the database whose secret is lost is of no use.
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
        bootstrap.create_administrator(settings, key, recover=recover)
    except BaseException:
        key_file.unlink()
        raise


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"almeno-server access: {message}\n")
    return code
