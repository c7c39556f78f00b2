"""`almeno-server retention`: shows what history is kept for how long, lets go what is older, and brings it back."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TextIO

from almeno_grpc.arguments import ArgumentParser
from almeno_grpc.bootstrap import clock_of
from almeno_grpc.clock import DAY_MICROSECONDS, Clock
from almeno_grpc.config import ConfigurationError, Settings, variable_of
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.service.audit_upkeep import AuditUpkeep, Retention
from almeno_grpc.service.housekeeping import HistoryDays, Housekeeping
from almeno_grpc.storage.engine import DatabaseUnusable
from almeno_grpc.storage.partition import Partition
from almeno_grpc.storage.store import SqlStore

DONE, FAILED, MISCONFIGURED = 0, 1, 2
_SETTINGS = ("database_url", "decision_days", "request_days", "event_days", "audit_write_days", "audit_read_days")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs the command.

    Returns:
        0 where it is done, 1 where something could not be done now, 2 where a setting or an argument is at fault.
    """
    parsed = _parser().parse_args(arguments)
    names = {variable_of(name): environment.get(variable_of(name), "") for name in _SETTINGS}
    given = {name: getattr(parsed, name) for name in _SETTINGS if getattr(parsed, name, None) is not None}
    try:
        settings = Settings.from_environment(names, given)
        store = SqlStore(settings.database_url, threads=1, must_exist=True)
    except (ConfigurationError, DatabaseUnusable) as error:
        sys.stderr.write(f"almeno-server: {error}\n")
        return MISCONFIGURED
    try:
        outcome: int = parsed.run(store, settings, parsed, sys.stdout)
    except (LookupError, ValueError) as error:
        sys.stderr.write(f"almeno-server: {error.args[0]}\n")
        return MISCONFIGURED
    except CreditError as error:
        sys.stderr.write(f"almeno-server: {error}\n")
        return FAILED
    finally:
        store.close()
    return outcome


def _parser() -> ArgumentParser:
    program = "almeno-server retention"
    parser = ArgumentParser(
        prog=program,
        description="History that may be let go, on the database itself. The server does so by itself, for the days "
        "that are set.",
        examples=(f"{program} show", f"{program} apply --decision-days 2922 --detach"),
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show_parser = commands.add_parser(
        "show",
        help="show what is kept",
        description="Shows the tables of history: for how many days they are kept, and their partitions.",
        examples=(f"{program} show", f"{program} show --json"),
    )
    show_parser.add_argument("--json", action="store_true", help="print a JSON object a line")
    show_parser.set_defaults(run=_show)
    apply_parser = commands.add_parser(
        "apply",
        help="let go what is older",
        description="Lets go now of what is older than the days that are set: on PostgreSQL whole months or weeks.",
        examples=(f"{program} apply --decision-days 2922", f"{program} apply --decision-days 2922 --detach"),
    )
    apply_parser.add_argument(
        "--detach",
        action="store_true",
        help="make tables of their own of months of decisions that are let go",
    )
    apply_parser.set_defaults(run=_apply)
    attach_parser = commands.add_parser(
        "attach",
        help="bring a detached partition back",
        description="Makes a partition again of a table that was detached, or restored from a dump of it.",
        examples=(f"{program} attach decision_2027_01",),
    )
    attach_parser.set_defaults(run=_attach)
    drop_parser = commands.add_parser(
        "drop",
        help="drop a detached partition",
        description="Drops a table that was detached, without making calls wait for it.",
        examples=(f"{program} drop decision_2027_01",),
    )
    drop_parser.set_defaults(run=_drop)
    for each in (attach_parser, drop_parser):
        each.add_argument("name", metavar="NAME", help="name of the table")
    for each in (show_parser, apply_parser, attach_parser, drop_parser):
        for name in _SETTINGS if each in (show_parser, apply_parser) else _SETTINGS[:1]:
            flag = f"--{name.replace('_', '-')}"
            each.add_argument(flag, dest=name, metavar="VALUE", help=f"as the setting [{variable_of(name)}]")
    return parser


def _days_of(settings: Settings) -> dict[str, int]:
    """For how many days each table of history is kept."""
    return {
        "decision": settings.decision_days,
        "idempotency_answer": settings.request_days,
        "change_event": settings.event_days,
        "audit_event": max(settings.audit_write_days, settings.audit_read_days),
    }


def _show(store: SqlStore, settings: Settings, parsed: Any, output: TextIO) -> int:
    days, partitions = _days_of(settings), store.partitions()
    if parsed.json:
        rows = [{"table": table, "days": kept} for table, kept in days.items()]
        rows += map(asdict, partitions)
        output.writelines(f"{json.dumps(row)}\n" for row in rows)
        return DONE
    for table, kept in days.items():
        output.write(f"{table}: kept for {kept} days\n")
        output.writelines(f"  {_line(each)}\n" for each in partitions if each.table == table)
    return DONE


def _line(partition: Partition) -> str:
    start = "the beginning" if partition.start is None else _day(partition.start)
    state = "" if partition.is_attached else ", detached"
    size = f"{partition.rows:,} rows, {partition.size_bytes / 2**20:,.1f} MiB"
    return f"{partition.name}: from {start} to before {_day(partition.end)}, {size}{state}"


def _day(instant: int) -> str:
    return datetime.fromtimestamp(instant // 1_000_000, UTC).date().isoformat()


def _apply(store: SqlStore, settings: Settings, parsed: Any, output: TextIO) -> int:
    if parsed.detach and not store.divides_history:
        raise ValueError("SQLite has no partitions to detach; copy the file before decisions are deleted")
    before = {each.name for each in store.partitions() if each.is_attached}
    clock = clock_of(settings)
    days = HistoryDays(settings.request_days, settings.event_days, settings.decision_days)
    upkeep = AuditUpkeep(store, clock, Retention(settings.audit_write_days, settings.audit_read_days))
    steps = Housekeeping(store, clock, days).steps_of_round(is_asked=True, keeps_decisions=parsed.detach)
    for step in (*steps, upkeep.remove_expired):
        while step():
            pass
    there = {each.name: each for each in store.partitions()}
    for name in sorted(before):
        if name not in there:
            output.write(f"dropped {name}\n")
        elif not there[name].is_attached:
            output.write(f"detached {name}\n")
    left = [each.name for each in there.values() if each.is_attached and _is_due(each, settings, clock)]
    for name in left:
        output.write(f"left {name}: in use, or not added up yet\n")
    return FAILED if left else DONE


def _is_due(partition: Partition, settings: Settings, clock: Clock) -> bool:
    """Whether all of a partition is older than it is kept; of audit events that is told by their chains."""
    before = clock.now_microseconds() - _days_of(settings)[partition.table] * DAY_MICROSECONDS
    return partition.table != "audit_event" and partition.end <= before


def _drop(store: SqlStore, _settings: Settings, parsed: Any, output: TextIO) -> int:
    store.drop_detached(parsed.name)
    output.write(f"dropped {parsed.name}\n")
    return DONE


def _attach(store: SqlStore, _settings: Settings, parsed: Any, output: TextIO) -> int:
    store.attach_partition(parsed.name)
    output.write(f"attached {parsed.name}\n")
    return DONE
