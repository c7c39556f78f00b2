"""The primary database is lost under load and its standby takes over: what was acknowledged is kept, and kept once."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from support.audit_trail import findings
from support.persistent_callers import Acknowledged, Load, faults
from support.postgres import FAST, PostgresServer, postgres_folder
from support.servers import RunningServer, WiredServer, eventually
from support.trials import FAILOVER_TRIALS

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.storage.store import SqlStore

pytestmark = pytest.mark.tools
DEPOSED_SECONDS = 20
"""How long writes may wait for the new primary."""
GIVE_UP_SECONDS = 30


@dataclass
class Pair:
    """A primary and its standby."""

    primary: PostgresServer
    standby: PostgresServer
    url: str


@pytest.fixture
def start_pair() -> Iterator[Callable[..., Pair]]:
    """Starts a primary and a standby that is synchronous or not."""
    with contextlib.ExitStack() as stack:

        def start(*, synchronous: bool) -> Pair:
            folder = stack.enter_context(postgres_folder())
            primary = PostgresServer(folder / "primary")
            primary.initialize()
            standby = PostgresServer(folder / "standby")
            settings = {**FAST, "synchronous_standby_names": "*" if synchronous else "", "hot_standby": "on"}
            primary.start({**settings, "synchronous_standby_names": ""})
            stack.callback(primary.stop)
            standby.copy_from(primary, "standby")
            standby.start({**FAST, "hot_standby": "on"})
            stack.callback(standby.stop)
            primary.restart(settings)
            with primary.connect() as connection:
                wanted = ("sync",) if synchronous else ("async",)
                state = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
                eventually(lambda: connection.execute(state).fetchone() == wanted)
            hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in (primary, standby))
            return Pair(primary, standby, f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write")

        yield start


@pytest.fixture
def fail_over(start_pair: Callable[..., Pair], tmp_path: Path) -> Callable[..., tuple[list[str], Acknowledged]]:
    """Runs a trial: load on two servers, the primary killed, the standby promoted; gives the faults of the book."""
    trials = iter(range(1000))

    def run(*, synchronous: bool) -> tuple[list[str], Acknowledged]:
        pair = start_pair(synchronous=synchronous)
        with contextlib.ExitStack() as stack:
            servers = []
            for name in ("one", "two"):
                folder = tmp_path / f"{name}-{next(trials)}"
                folder.mkdir()
                server = RunningServer(folder, ALMENO_DATABASE_URL=pair.url)
                stack.callback(server.stop)
                servers.append(server)
            load = Load(servers)
            with load.running():
                eventually(lambda: load.answered() > 50)
                time.sleep(random.uniform(0, 0.3))
                if not synchronous:
                    lag(pair)
                pair.primary.kill()
                pair.standby.promote()
                before = load.answered()
                eventually(lambda: load.answered() > before + 50)
            store = SqlStore(pair.url)
            stack.callback(store.close)
            return faults(pair.standby, load.acknowledged) + findings(store), load.acknowledged

    return run


def lag(pair: Pair) -> None:
    """Lets the primary run ahead of its standby, as a slow network does."""
    with pair.standby.connect() as connection:
        connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)


@pytest.mark.parametrize("trial", range(FAILOVER_TRIALS))
def test_failover_to_a_synchronous_standby_loses_nothing_and_books_nothing_twice(fail_over, trial, record_property):
    found, acknowledged = fail_over(synchronous=True)
    noted = f"{len(acknowledged.answers)} answers kept, {acknowledged.retries} requests sent again"
    record_property(f"failover {trial + 1} of {FAILOVER_TRIALS}", noted)
    assert found == [], f"in trial {trial}"
    assert acknowledged.retries, "no call noticed the failover"


def test_failover_to_an_asynchronous_standby_is_caught_losing_writes(fail_over):
    """The control."""
    found, _ = fail_over(synchronous=False)
    assert any(fault.startswith("lost customer") for fault in found)
    assert any(fault.startswith("lost loan") for fault in found)


@dataclass
class Deposed:
    """What became of callers whose primary was deposed and lives on."""

    seconds_until_written: float | None
    stale_reads: int
    """Reads that lack what was acknowledged, after that."""
    found: list[str]


@pytest.fixture
def depose(start_pair: Callable[..., Pair], tmp_path: Path) -> Iterator[Callable[..., Deposed]]:
    """Runs a trial: load on two servers, the standby promoted while the primary is left alive."""
    with contextlib.ExitStack() as stack:

        def run(wiring: str = "") -> Deposed:
            pair = start_pair(synchronous=True)
            servers: list[RunningServer] = []
            for name in ("one", "two"):
                folder = tmp_path / name
                folder.mkdir()
                settings = {"ALMENO_DATABASE_URL": pair.url}
                server = WiredServer(folder, wiring=wiring, **settings) if wiring else RunningServer(folder, **settings)
                stack.callback(server.stop)
                servers.append(server)
            load = Load(servers, give_up_seconds=GIVE_UP_SECONDS)
            with load.running():
                eventually(lambda: load.answered() > 50)
                pair.standby.promote()
                began, seconds = time.monotonic(), None
                before = load.answered()
                with contextlib.suppress(AssertionError):
                    eventually(lambda: load.answered() > before + 50, DEPOSED_SECONDS)
                    seconds = time.monotonic() - began
            with pair.standby.connect() as connection:
                customers = [row[0] for row in connection.execute("SELECT customer_id FROM customer")]
            stale = sum(not is_known(server, number) for server in servers for number in customers)
            store = SqlStore(f"postgresql://postgres@127.0.0.1:{pair.standby.port}/postgres")
            stack.callback(store.close)
            return Deposed(seconds, stale, faults(pair.standby, load.acknowledged) + findings(store))

        yield run


def is_known(server: RunningServer, customer_id: int) -> bool:
    try:
        server.credit.GetCustomer(pb.GetCustomerRequest(customer_id=customer_id), timeout=15)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return False
    return True


def test_primary_that_was_deposed_and_lives_on_is_read_no_more(depose, record_property) -> None:
    deposed = depose()
    record_property("deposed primary", f"written again after {deposed.seconds_until_written:.1f} s")
    assert deposed.seconds_until_written is not None
    assert (deposed.stale_reads, deposed.found) == (0, [])


def test_server_that_knows_nothing_of_timelines_hangs_on_the_primary_that_was_deposed(depose) -> None:
    """The control."""
    assert depose("support.ignored_timelines").seconds_until_written is None
