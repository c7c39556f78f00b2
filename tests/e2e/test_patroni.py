"""The ways in which a primary is lost under Patroni: nothing acknowledged is lost, doubled or read no more."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.audit_trail import findings
from support.patroni import Cluster, Node, running_cluster
from support.persistent_callers import faults
from support.repaid_loans import RepaidLoans, repayment_faults
from support.servers import RunningServer, eventually

from almeno_grpc.storage.store import SqlStore

pytestmark = pytest.mark.tools
BACK_SECONDS = 60
"""How long writes may wait for the next primary."""
LEARN_SECONDS = 8
"""How long a process that writes nothing may read from the one before, once others write to the next."""
READ_SECONDS = 2
"""How long is read after that."""
ROUTES = ("haproxy", "all hosts in the URL", "the same, never written to")
"""How servers reach the primary."""


@dataclass
class Trial:
    """A cluster, a server by each route, and their callers."""

    cluster: Cluster
    servers: list[RunningServer]
    load: RepaidLoans
    note: Callable[[str, object], None]

    def lose_primary(self, fault: str, act: Callable[[Node], None], *, takes_over: bool) -> None:
        """Inflicts a fault on the primary, waits until all is well for callers again, and mends the cluster."""
        primary = self.cluster.primary()
        assert primary is not None
        began = time.monotonic()
        act(primary)
        if takes_over:
            eventually(lambda: self.cluster.primary() not in (None, primary), BACK_SECONDS, 0.1)
        acted = time.monotonic()
        eventually(lambda: self._is_written_since(acted), BACK_SECONDS, 0.1)
        eventually(lambda: not self._is_stale_since(time.monotonic() - 1), LEARN_SECONDS, 0.1)
        back = time.monotonic()
        time.sleep(READ_SECONDS)
        self._note(fault, began)
        assert all(seen.count_read(back) for seen in self.load.seen)
        assert not self._is_stale_since(back)
        if primary.agent is None:
            primary.start_agent()
        self.cluster.wait_until_whole()

    def _is_written_since(self, instant: float) -> bool:
        return all(seen.count_written(instant) > 50 for seen in self.load.seen if seen.written)

    def are_all_read(self) -> bool:
        """Whether each loan can be fetched, with all its repayments."""
        began = time.monotonic()
        self.load.read_all()
        count = sum(seen.count_read(began) for seen in self.load.seen)
        return count == len(self.load.repaid) and not self._is_stale_since(began)

    def _is_stale_since(self, instant: float) -> bool:
        return any(seen.stale_since(instant) for seen in self.load.seen)

    def _note(self, fault: str, began: float) -> None:
        for route, seen in zip(ROUTES, self.load.seen, strict=True):
            noted = [f"writes waited {seen.longest_pause(began):.1f} s"] if seen.written else []
            if stale := seen.stale_since(began):
                noted.append(f"{len(stale)} stale reads within {max(stale) - min(stale):.1f} s")
            self.note(f"{fault}, {route}", ", ".join(noted or ["nothing stale"]))


@pytest.fixture
def trial(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Trial]:
    with running_cluster() as cluster, contextlib.ExitStack() as stack:
        standby = cluster.synchronous_standby()
        assert standby is not None
        # What is the first to take over stands first: as long as it lives, each connection is tried there.
        hosts_url = cluster.hosts_url(standby)
        servers = []
        for number, url in enumerate((cluster.proxy_url, hosts_url, hosts_url)):
            folder = tmp_path / str(number)
            folder.mkdir()
            servers.append(RunningServer(folder, ALMENO_DATABASE_URL=url))
            stack.callback(servers[-1].stop)
        yield Trial(cluster, servers, RepaidLoans(servers[:2], servers[2:], 2 * BACK_SECONDS), record_property)


def test_primary_is_lost_in_every_way_and_no_acknowledged_write_with_it(trial: Trial) -> None:
    load, cluster = trial.load, trial.cluster
    with load.running():
        eventually(lambda: load.answered() > 100)
        trial.lose_primary("switchover", lambda _: cluster.switch_over(), takes_over=True)
        trial.lose_primary("postmaster killed", Node.kill_postmaster, takes_over=False)
        trial.lose_primary("agent killed", Node.kill_agent, takes_over=True)
        trial.lose_primary("both killed", Node.kill, takes_over=True)
    assert trial.are_all_read()
    primary = cluster.primary()
    assert primary is not None
    reads = sum(len(seen.read) for seen in load.seen)
    trial.note("Patroni", f"{load.answered()} writes, {load.acknowledged.retries} sent again, {reads} reads")
    store = SqlStore(f"postgresql://postgres@127.0.0.1:{primary.database.port}/postgres")
    with contextlib.closing(store):
        found = faults(primary.database, load.acknowledged) + findings(store)
    assert found + repayment_faults(primary.database, load.repaid) == []
    assert [failure for seen in load.seen for failure in seen.failed] == []
    assert [line for server in trial.servers for line in server.events("call_failed")] == []
