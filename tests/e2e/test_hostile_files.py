"""Hostile files, through a real server: each ends by its own fault, within bounds of memory and time, and others go on.

`ALMENO_FUZZ_EXAMPLES` says how many damaged files are tried beside those of `support.hostile_files`.
"""

import contextlib
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.hostile_files import DEAR_FILES, HOSTILE_FILES, mutated_files
from support.servers import CUSTOMERS, RunningServer, StartServer, descendants, eventually
from support.trials import FUZZ_EXAMPLES

from almeno_grpc.api import import_pb2

MAX_PROCESSOR_SECONDS = 10
"""Most take less than one. How long an import takes by the clock is up to what else the machine does."""
MAX_READER_BYTES = 2**30
FAILED, SUCCEEDED = import_pb2.IMPORT_STATE_FAILED, import_pb2.IMPORT_STATE_SUCCEEDED
OWN_FAULTS = ("the server", "fault", "log")
"""Words of a reason that is not the file's."""


@dataclass
class Cost:
    """The most memory that a reader has held, and the most processor time that one has taken."""

    peak_bytes: int = 0
    processor_seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.processor_seconds:.1f} s, {self.peak_bytes >> 20} MiB"

    def is_bounded(self) -> bool:
        return self.peak_bytes < MAX_READER_BYTES and self.processor_seconds < MAX_PROCESSOR_SECONDS


@contextlib.contextmanager
def cost_of_readers(server: RunningServer) -> Iterator[Cost]:
    """Looks after the readers of files while the block lasts."""
    cost, is_over = Cost(), threading.Event()

    def look() -> None:
        while not is_over.wait(0.02):
            for process_id in readers_of(server.process_id("import")):
                cost.peak_bytes = max(cost.peak_bytes, peak_bytes(process_id))
                cost.processor_seconds = max(cost.processor_seconds, processor_seconds(process_id))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield cost
    finally:
        is_over.set()
        thread.join()


def readers_of(worker: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{worker}/task").glob("*/children")
        return [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return descendants(worker)


def peak_bytes(process_id: int) -> int:
    """The most that a process has held of the memory; 0 of one that has ended, and where nobody says."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process_id}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def processor_seconds(process_id: int) -> float:
    """How long processors have worked for a process; 0 of one that has ended, and where nobody says."""
    with contextlib.suppress(OSError):
        _, _, fields = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")
        return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return 0.0


@pytest.fixture(scope="module")
def server(start_shared_server: StartServer) -> RunningServer:
    """A server with the limits that it has by itself, but for what costs the test's own machine time to pack."""
    return start_shared_server(ALMENO_IMPORT_MAX_UNPACKED_BYTES="128MiB")


numbers = iter(range(100_000, 10**9))


def load_bounded(server: RunningServer, name: str, content: bytes) -> tuple[import_pb2.Import, Cost]:
    """Loads a file that has to end by its own fault; gives the import, and what it has cost to read."""
    with cost_of_readers(server) as cost:
        file = server.load(CUSTOMERS, content, name)
    assert file.state in (SUCCEEDED, FAILED)
    assert (file.state == FAILED) == bool(file.error)
    assert not any(words in file.error for words in OWN_FAULTS), file.error
    rows = (file.rows_inserted, file.rows_updated, file.rows_unchanged, file.rows_rejected)
    assert file.state == FAILED or file.rows_total == sum(rows)
    if file.rows_rejected:
        assert server.issues(file.import_id)
    assert "root:" not in file.error
    return file, cost


def note(request: pytest.FixtureRequest, what: str, file: import_pb2.Import, cost: Cost) -> None:
    end = file.error or f"{file.rows_inserted + file.rows_unchanged} rows taken, {file.rows_rejected} rejected"
    request.node.user_properties.append((what, f"{cost}: {end[:90]}"))


def assert_goes_on(server: RunningServer) -> None:
    """The next import runs, no process has died, and nothing is left behind."""
    content = csv_file(CUSTOMER_HEADINGS, [customer_row(next(numbers))])
    assert server.load(CUSTOMERS, content).rows_inserted == 1
    assert_unharmed(server)


def assert_unharmed(server: RunningServer) -> None:
    assert server.events("process_died") == []
    assert server.events("import_fault") == []
    eventually(lambda: not list(server.folder.glob("almeno-import-*")))


@pytest.mark.parametrize("what", HOSTILE_FILES)
def test_hostile_file_ends_by_its_own_fault_within_bounds(
    server: RunningServer, what: str, request: pytest.FixtureRequest
) -> None:
    name, content = HOSTILE_FILES[what]
    file, cost = load_bounded(server, name, content())
    note(request, what, file, cost)
    assert cost.is_bounded(), cost
    names = {row["first_name"] for row in server.rows("SELECT first_name FROM customer")}
    assert not any("root:" in each for each in names), "what an entity names was read"
    # The next import is that of the next file.
    assert_unharmed(server)


@pytest.mark.parametrize("what", DEAR_FILES)
def test_file_that_costs_more_than_others_of_its_size_is_bounded_too(
    server: RunningServer, what: str, request: pytest.FixtureRequest
) -> None:
    name, content = DEAR_FILES[what]
    file, cost = load_bounded(server, name, content())
    note(request, what, file, cost)
    assert_goes_on(server)
    assert cost.is_bounded(), cost


def test_damaged_files_end_by_their_own_fault(server: RunningServer, request: pytest.FixtureRequest) -> None:
    seed = random.randrange(2**32)
    ends: Counter[str] = Counter()
    for number, (name, content) in enumerate(mutated_files(random.Random(seed), FUZZ_EXAMPLES // 2)):
        file, cost = load_bounded(server, name, content)
        assert cost.is_bounded(), f"file {number} of the seed {seed}: {cost}"
        ends["failed" if file.state == FAILED else "rows rejected" if file.rows_rejected else "taken"] += 1
    request.node.user_properties.append(("damaged files", f"{ends.total()}: {dict(ends)}"))
    assert_goes_on(server)
