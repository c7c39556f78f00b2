"""`almeno-server audit verify`: checks the audit trail and the book it vouches for."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TextIO

from almeno_grpc.arguments import ArgumentParser
from almeno_grpc.clock import Clock
from almeno_grpc.config import ConfigurationError, Settings, variable_of
from almeno_grpc.service.audit_anchor import AnchorFile
from almeno_grpc.service.audit_signing import KeyUnusable, read_key
from almeno_grpc.service.audit_verify import AuditVerifier, Finding
from almeno_grpc.storage.engine import DatabaseUnusable
from almeno_grpc.storage.store import SqlStore

CLEAN, MISCONFIGURED, TAMPERED, INCOMPLETE = 0, 2, 9, 10
_SETTINGS = ("database_url", "audit_key_file", "audit_anchor_file")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs the command.

    Returns:
        0 where all is as the trail says, 9 where something was changed behind it, 10 where something could not be
        checked, 2 where a setting is at fault.
    """
    parsed = _parser().parse_args(arguments)
    names = {variable_of(name): environment.get(variable_of(name), "") for name in _SETTINGS}
    try:
        settings = Settings.from_environment(names, {name: getattr(parsed, name) for name in _SETTINGS})
        return verify(settings, sys.stdout, as_json=parsed.json)
    except (ConfigurationError, DatabaseUnusable, KeyUnusable) as error:
        sys.stderr.write(f"almeno-server: {error}\n")
        return MISCONFIGURED


def _parser() -> ArgumentParser:
    verify_all = "almeno-server audit verify"
    parser = ArgumentParser(
        prog="almeno-server audit",
        description="The audit trail, on the database itself.",
        examples=(verify_all, f"{verify_all} --key audit.pub --anchor anchor.jsonl"),
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify_parser = commands.add_parser(
        "verify",
        help="check the audit trail",
        description="Checks the chains of the audit trail, its checkpoints, and the book that its events vouch for. "
        "Prints a line for each finding. Exit code 0: clean; 9: tampered; 10: something could not be checked.",
        examples=(
            f"{verify_all} --database-url sqlite:///credit.db",
            f"{verify_all} --key audit.pub --anchor anchor.jsonl --json",
        ),
    )
    for flags, name, text in (
        (["--database-url"], "database_url", "database, as a SQLAlchemy URL"),
        (["--anchor"], "audit_anchor_file", "anchor file to compare the checkpoints with"),
        (["--key"], "audit_key_file", "key that the checkpoints were signed by, or its public one"),
    ):
        verify_parser.add_argument(*flags, dest=name, metavar="VALUE", help=f"{text} [{variable_of(name)}]")
    verify_parser.add_argument("--json", action="store_true", help="print a JSON object a line")
    return parser


def verify(settings: Settings, output: TextIO, *, as_json: bool = False) -> int:
    """Verifies the trail of a database, and writes what it finds.

    Raises:
        DatabaseUnusable: The URL cannot be used, or names a file that does not exist.
        KeyUnusable: The key file cannot be used.
    """
    key = read_key(settings.audit_key_file) if settings.audit_key_file else None
    anchor = settings.audit_anchor_file
    store = SqlStore(settings.database_url, threads=1, must_exist=True)
    found = {True: 0, False: 0}
    counts: dict[str, int] = {}

    def write(finding: Finding) -> None:
        found[finding.is_tampering] += 1
        output.write(f"{json.dumps(asdict(finding)) if as_json else finding}\n")

    try:
        if anchor is not None and not anchor.is_file():
            write(Finding(is_tampering=False, place="anchor file", message=f"there is no file {anchor}"))
            anchor = None
        with store.read() as tx:
            verifier = AuditVerifier(tx.audit, Clock.now_microseconds(), key)
            counts = verifier.counts
            for finding in verifier.findings(AnchorFile(anchor).lines() if anchor else None):
                write(finding)
    # Whatever it is: the database may hold anything.
    except Exception as error:
        message = f"could not be read to its end: {type(error).__name__}"
        write(Finding(is_tampering=False, place="database", message=message))
    finally:
        store.close()
    outcome = "tampered" if found[True] else "incomplete" if found[False] else "clean"
    if as_json:
        output.write(f"{json.dumps({'outcome': outcome, **counts})}\n")
    else:
        output.write(f"{outcome}: {', '.join(f'{count} {name}' for name, count in counts.items())}\n")
    return TAMPERED if found[True] else INCOMPLETE if found[False] else CLEAN
