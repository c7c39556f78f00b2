"""Real servers: each a process tree of its own, on free ports of the loopback interface and a database in a folder."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from almeno_client import CreditClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from almeno_grpc.api import (
    credit_service_pb2_grpc,
    import_pb2,
    loan_service_pb2_grpc,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)
from almeno_grpc.storage.engine import open_engine, parse_url

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
SAMPLE_BOOK = ("--load-customers", f"{ROOT}/data/customers.xlsx", "--load-loans", f"{ROOT}/data/loans.xlsx")
SEVERAL_PROCESSES = {"ALMENO_WORKERS": "2"}
"""A server whose calls are served by two processes, for what has to hold between them."""
START_SECONDS = 60
IMPORT_SECONDS = 120
STOP_SECONDS = 60
CUSTOMERS, LOANS = import_pb2.IMPORT_KIND_CUSTOMERS, import_pb2.IMPORT_KIND_LOANS
END_STATES = (import_pb2.IMPORT_STATE_SUCCEEDED, import_pb2.IMPORT_STATE_FAILED, import_pb2.IMPORT_STATE_CANCELLED)


@dataclass(frozen=True)
class Connection:
    """A connection of its own, which the kernel gives to one of the server's processes, and the stubs on it."""

    channel: grpc.Channel
    credit: credit_service_pb2_grpc.CreditServiceStub
    portfolio: portfolio_service_pb2_grpc.PortfolioServiceStub
    loans: loan_service_pb2_grpc.LoanServiceStub


class RunningServer:
    """A server that has been started, and the ways to look at it."""

    program: tuple[str, ...] = (str(BIN / "almeno-server"),)

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.database_url = f"sqlite:///{folder}/almeno.db"
        self._options = options
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")},
            "ALMENO_ADDRESS": "127.0.0.1:0",
            "ALMENO_DATABASE_URL": self.database_url,
            "ALMENO_WORKERS": "1",
            # Tests halt processes, for as long as a busy machine makes them.
            "ALMENO_PROCESS_MAX_SILENCE_SECONDS": "600",
            "TMPDIR": str(folder),
            **environment,
        }
        self._starts = 0
        self.start()

    def start(self, **environment: str) -> None:
        """Starts it, again maybe and with settings changed, and waits until it serves."""
        self._environment |= environment
        self._starts += 1
        self.log_file = self.folder / f"server-{self._starts}.log"
        self._channels: list[grpc.Channel] = []
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.program, *self._options], env=self._environment, stderr=log, stdout=log
            )
        ready = self.wait_for_event("server_ready")
        self.address = str(ready["address"])
        self.metrics_address = ready["metrics_address"]
        if not ready["tls"]:
            connection = self.connect()
            self.channel, self.credit, self.portfolio = connection.channel, connection.credit, connection.portfolio
            self.loans = connection.loans

    def connect(self) -> Connection:
        """Opens one more connection."""
        channel = grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)])
        self._channels.append(channel)
        return Connection(
            channel,
            credit_service_pb2_grpc.CreditServiceStub(channel),
            portfolio_service_pb2_grpc.PortfolioServiceStub(channel),
            loan_service_pb2_grpc.LoanServiceStub(channel),
        )

    def client(self, **options: Any) -> CreditClient:
        """The bundled client, to be used in a `with` block."""
        return CreditClient(self.address, **options)

    def log_lines(self) -> list[str]:
        """Every line of the log so far, over all starts."""
        logs = [self.folder / f"server-{number + 1}.log" for number in range(self._starts)]
        return [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of an event, so far, since the latest start."""
        # A line that is being written has no end yet.
        written, _, _ = self.log_file.read_bytes().rpartition(b"\n")
        return [line for line in map(json.loads, filter(None, written.splitlines())) if line["event"] == name]

    def wait_for_event(self, name: str, count: int = 1) -> dict[str, Any]:
        """The log line of an event, the first unless another is asked for; fails when the server ends before."""
        deadline = time.monotonic() + START_SECONDS
        while len(self.events(name)) < count:
            assert self.process.poll() is None, f"the server ended: {self.log_file.read_text()}"
            assert time.monotonic() < deadline, f"no {name} in time: {self.log_file.read_text()}"
            time.sleep(0.02)
        return self.events(name)[count - 1]

    def process_id(self, role: str) -> int:
        """The id of the running process of a role, `rpc-0`, `rpc-1` or `import`, as the log tells it."""
        started = self.events("process_started") + self.events("process_restarted")
        return [line["process_pid"] for line in started if line["process"] == role][-1]

    @contextlib.contextmanager
    def halted(self, *roles: str) -> Iterator[None]:
        """Halts processes while the block lasts, at a moment when none of them keeps the others from writing."""
        halted = [self.process_id(role) for role in roles]

        def halt() -> bool:
            _signal(halted, signal.SIGSTOP)
            eventually(lambda: all(_process_state(process_id).startswith("T") for process_id in halted))
            if self._is_free_to_write():
                return True
            _signal(halted, signal.SIGCONT)
            return False

        try:
            eventually(halt)
            yield
        finally:
            _signal(halted, signal.SIGCONT)

    def _is_free_to_write(self) -> bool:
        """Whether no process has its turn to write to the SQLite file."""
        with (self.folder / "almeno.db-writer.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def upload(self, kind: int, content: bytes, file_name: str = "book.csv", **header: Any) -> import_pb2.Import:
        """Uploads a file in pieces of 1 MiB, with its size as the bundled client does."""
        message = portfolio_service_pb2.StartImportRequest
        header.setdefault("size_bytes", len(content))
        pieces = [content[start : start + 2**20] for start in range(0, len(content), 2**20)]
        messages = [
            message(header=portfolio_service_pb2.ImportHeader(kind=kind, file_name=file_name, **header)),
            *(message(chunk=piece) for piece in pieces),
        ]
        return self.portfolio.StartImport(iter(messages), timeout=60).book_import

    def get_import(self, import_id: str) -> import_pb2.Import:
        """An import as it stands."""
        request = portfolio_service_pb2.GetImportRequest(import_id=import_id)
        return self.portfolio.GetImport(request, timeout=30).book_import

    def wait_for_import(self, import_id: str) -> import_pb2.Import:
        """An import in its end state."""
        eventually(lambda: self.get_import(import_id).state in END_STATES, IMPORT_SECONDS)
        return self.get_import(import_id)

    def load(self, kind: int, content: bytes, file_name: str = "book.csv", **header: Any) -> import_pb2.Import:
        """Uploads a file; gives the import in its end state."""
        return self.wait_for_import(self.upload(kind, content, file_name, **header).import_id)

    def issues(self, import_id: str) -> list[import_pb2.ImportIssue]:
        """What an import says of its rows, up to a thousand."""
        request = portfolio_service_pb2.ListImportIssuesRequest(import_id=import_id, page_size=1000)
        return list(self.portfolio.ListImportIssues(request, timeout=30).issues)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query finds in the database."""
        engine = open_engine(parse_url(self.database_url))
        try:
            with engine.connect() as connection:
                return [dict(row) for row in connection.execute(text(query)).mappings()]
        finally:
            engine.dispose()

    def write(self, statement: str, **values: object) -> None:
        """Changes the database behind the server's back."""
        engine = open_engine(parse_url(self.database_url))
        try:
            with engine.begin() as connection:
                connection.execute(text(statement), values)
        finally:
            engine.dispose()

    def metrics(self) -> dict[tuple[str, ...], float]:
        """The figures of the metrics endpoint, by name and the values of the labels in the order of their names."""
        with urllib.request.urlopen(f"http://{self.metrics_address}/metrics", timeout=30) as response:
            families = list(text_string_to_metric_families(response.read().decode()))
        return {
            (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
            for family in families
            for sample in family.samples
        }

    def stop(self) -> int:
        """Ends it as an operator would; gives its exit code."""
        self._close_channels()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill_all(self) -> None:
        """Ends every process of it at once, as a machine that loses its power would."""
        processes = [self.process.pid, *descendants(self.process.pid)]
        for process_id in processes:
            kill(process_id)
        self._close_channels()
        self.process.wait(STOP_SECONDS)
        eventually(lambda: not any(map(is_alive, processes)))

    def _close_channels(self) -> None:
        for channel in self._channels:
            channel.close()


StartServer = Callable[..., RunningServer]
"""Starts a server with options and variables; the fixture that gives it ends the server."""


class WiredServer(RunningServer):
    """A server whose wiring is another module than the service's own."""

    def __init__(self, folder: Path, *options: str, wiring: str, **environment: str) -> None:
        self.program = (sys.executable, str(ROOT / "tests" / "support" / "wired_server.py"), wiring)
        path = os.pathsep.join(filter(None, (str(ROOT / "tests"), os.environ.get("PYTHONPATH"))))
        super().__init__(folder, *options, PYTHONPATH=path, **environment)


def make_sample_database(file: Path, business_date: str) -> None:
    """Makes the database of `make run`, as on a business date, unless there is one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")}
    environment |= {"ALMENO_DATABASE_URL": f"sqlite:///{file}", "ALMENO_BUSINESS_DATE": business_date}
    subprocess.run([sys.executable, ROOT / "data" / "make_sample_database.py"], env=environment, check=True)


def eventually(holds: Callable[[], object], seconds: float = START_SECONDS, pause_seconds: float = 0.02) -> None:
    """Waits until something holds; fails when it takes too long."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(pause_seconds)


def kill(process_id: int) -> None:
    """Ends a process as a crash would; one that has ended meanwhile is no matter."""
    _signal([process_id], signal.SIGKILL)


def descendants(process_id: int) -> list[int]:
    """The ids of the running processes that a process has started, and those have started in turn."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = dict(map(int, line.split()) for line in listing.splitlines())
    found = [process_id]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found[1:]


def is_alive(process_id: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    state = _process_state(process_id)
    return bool(state) and not state.startswith("Z")


def _process_state(process_id: int) -> str:
    command = ["ps", "-o", "stat=", "-p", str(process_id)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _signal(process_ids: Iterable[int], number: signal.Signals) -> None:
    for process_id in process_ids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process_id, number)
