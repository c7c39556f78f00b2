"""The power of the database's disk is cut under load: what was acknowledged is there once it is back.

The disk is an ext4 of its own whose shutdown loses all that no `fsync` has written. It shows neither torn sectors nor
disks that lie. An `fsync` that runs beside the shutdown may succeed and yet be lost, where a machine without power
would answer nobody: what is answered from then on counts as never answered. The same trials on databases whose commits
do not wait for the disk have to find a loss: trials that cannot find one show nothing. `ALMENO_POWER_LOSS_TRIALS` says
how many cuts.
"""

import contextlib
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.audit_trail import findings
from support.crash_trials import UNANSWERED, CrashTrials
from support.file_systems import CutDisk, cut_disk
from support.persistent_callers import Load
from support.persistent_callers import faults as postgres_faults
from support.postgres import PostgresServer, postgres_folder
from support.servers import SEVERAL_PROCESSES, RunningServer, WiredServer, eventually
from support.trials import POWER_LOSS_TRIALS

from almeno_grpc.storage.store import SqlStore

BUSINESS_DATE = "2026-04-10"
CONTROL_TRIALS = 8
RELAXED = "support.relaxed_commits"


@contextlib.contextmanager
def running(server: RunningServer) -> Iterator[RunningServer]:
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill_all()


@dataclass
class Found:
    """What a number of trials have found."""

    cuts: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Errors that tell the caller of a fault of the service."""
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    tampered: list[str] = field(default_factory=list)
    """What the verification of the audit trail finds at the end."""


def verified(database_url: str) -> list[str]:
    store = SqlStore(database_url, threads=1)
    try:
        return findings(store)
    finally:
        store.close()


def cut_sqlite(disk: CutDisk, server: RunningServer) -> Iterator[Found]:
    """Cuts the power of a SQLite database's disk again and again; gives what was found so far after each cut."""
    trials, found = CrashTrials(server, random.randrange(2**32), disk.path / "almeno.db"), Found()

    def disturb() -> None:
        time.sleep(random.uniform(0, 0.4))
        trials.is_cut_off.set()
        disk.cut_power()
        time.sleep(0.2)

    def mend() -> None:
        server.kill_all()
        disk.restore_power()
        server.start()
        trials.is_cut_off.clear()

    while True:
        faults = trials.run(disturb, mend)
        found.cuts += 1
        found.refused += [fault for fault in faults if fault.startswith("refused: ")]
        found.lost += [fault for fault in faults if not fault.startswith("refused: ")]
        found.errors, found.acknowledged = trials.errors, Counter(sent.name for sent in trials.answers)
        yield found


@pytest.fixture(scope="module")
def sqlite_cuts(tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder = tmp_path_factory.mktemp("power")
    settings = {"ALMENO_DATABASE_URL": f"sqlite:///{folder}/disk/almeno.db", "ALMENO_BUSINESS_DATE": BUSINESS_DATE}
    with cut_disk(folder) as disk, running(RunningServer(folder, **settings, **SEVERAL_PROCESSES)) as server:
        *_, found = itertools.islice(cut_sqlite(disk, server), POWER_LOSS_TRIALS)
        found.tampered = verified(settings["ALMENO_DATABASE_URL"])
        return found


def test_cut_of_the_power_loses_nothing_that_sqlite_has_acknowledged(
    sqlite_cuts: Found, request: pytest.FixtureRequest
) -> None:
    tried = f"{sqlite_cuts.cuts} on SQLite: {dict(sqlite_cuts.acknowledged)}, {len(sqlite_cuts.lost)} lost"
    request.node.user_properties.append(("cuts of the power", tried))
    assert sqlite_cuts.lost == []
    assert sqlite_cuts.tampered == []
    assert sqlite_cuts.acknowledged["CreateLoan"] > 5 * sqlite_cuts.cuts


def test_disk_that_is_gone_is_answered_as_unavailable(sqlite_cuts: Found, request: pytest.FixtureRequest) -> None:
    request.node.user_properties.append(("errors of a disk that is gone", str(dict(sqlite_cuts.errors))))
    assert sum(count for (_, reason), count in sqlite_cuts.errors.items() if reason != UNANSWERED) > 0
    assert sqlite_cuts.refused == []


def test_cut_of_the_power_is_caught_losing_commits_of_sqlite_that_do_not_wait(tmp_path: Path) -> None:
    settings = {"ALMENO_DATABASE_URL": f"sqlite:///{tmp_path}/disk/almeno.db", "ALMENO_BUSINESS_DATE": BUSINESS_DATE}
    with (
        cut_disk(tmp_path) as disk,
        running(WiredServer(tmp_path, wiring=RELAXED, **settings, **SEVERAL_PROCESSES)) as server,
    ):
        cuts = itertools.islice(cut_sqlite(disk, server), CONTROL_TRIALS)
        assert any(fault.startswith("lost: the answer") for found in cuts for fault in found.lost)


DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
LATE = {**DURABLE, "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
"""Commits that do not wait are flushed late, so that a cut finds some that were not."""


def cut_postgres(folder: Path, cuts: int, *, wiring: str | None = None, settings: dict[str, str]) -> Found:
    """Cuts the power of a PostgreSQL server's disk again and again while callers go on asking."""
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(cut_disk(stack.enter_context(postgres_folder())))
        disk.path.chmod(0o755)
        database = PostgresServer(disk.path / "server")
        database.initialize()
        database.start(settings)
        stack.callback(database.stop)
        stack.callback(database.kill)
        environment = {"ALMENO_DATABASE_URL": database.url(), "ALMENO_BUSINESS_DATE": BUSINESS_DATE}
        started = WiredServer(folder, wiring=wiring, **environment) if wiring else RunningServer(folder, **environment)
        server = stack.enter_context(running(started))
        disk.flush()
        load = Load([server])
        with load.running():
            for _ in range(cuts):
                answered = load.answered()
                eventually(lambda answered=answered: load.answered() > answered + 100)
                time.sleep(random.uniform(0, 0.3))
                load.is_cut_off.set()
                disk.cut_power()
                time.sleep(0.05)
                database.kill()
                disk.restore_power()
                database.forget_processes()
                database.start(settings)
                load.is_cut_off.clear()
            answered = load.answered()
            eventually(lambda: load.answered() > answered + 20)
        told = load.acknowledged
        acknowledged = Counter(answers=len(told.answers), sent_again=told.retries)
        lost = postgres_faults(database, told)
        return Found(cuts, acknowledged, lost, tampered=verified(environment["ALMENO_DATABASE_URL"]))


def test_cut_of_the_power_loses_nothing_that_postgresql_has_acknowledged(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    found = cut_postgres(tmp_path, POWER_LOSS_TRIALS, settings=DURABLE)
    tried = f"{found.cuts} on PostgreSQL: {dict(found.acknowledged)}, {len(found.lost)} lost"
    request.node.user_properties.append(("cuts of the power", tried))
    assert found.lost == []
    assert found.tampered == []
    assert found.acknowledged["sent_again"] > 0, "no call noticed the cut"


def test_cut_of_the_power_is_caught_losing_commits_of_postgresql_that_do_not_wait(tmp_path: Path) -> None:
    found = cut_postgres(tmp_path, 1, wiring=RELAXED, settings=LATE)
    assert any(fault.startswith("lost customer") for fault in found.lost)
