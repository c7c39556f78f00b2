"""What is measured: the service on each database, and the transport alone beside it."""

import contextlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
from support.postgres import PostgresServer, running_postgres
from support.servers import RunningServer, WiredServer, descendants, eventually

from almeno_grpc.api import import_pb2, portfolio_service_pb2

EMPTY = "empty RPC"
PLAIN = "a plain transaction on sqlite"
"""The service without batches, to compare a booking with; see `benchmarks.plain_transactions`."""
BESIDE = "the checkout beside"
BUSINESS_DATE = "2026-11-23"
"""The loans of a made book are of about then."""
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "min_wal_size": "1GB"}
"""PostgreSQL as it is by default, where an answer waits until its commit is on the disk; but files of its log stay."""
LOG_FILES = 60
"""So many of 16 MiB each are there when the measuring begins, as on a server that has been at work for some time."""
WORKERS = 2
LOAD_SECONDS = 1800
"""The most that loading a book may take."""


@dataclass(frozen=True)
class Target:
    """A running server.

    Attributes:
        name: The database, `PLAIN` or `EMPTY`.
        address: As host:port.
        process_ids: Of those that serve calls, by their roles.
        postgres: The database server, where there is one.
        server: None for the transport.
    """

    name: str
    address: str
    process_ids: dict[str, int]
    postgres: PostgresServer | None = None
    server: RunningServer | None = None

    def database_process_ids(self) -> list[int]:
        """The processes of the database server that run now."""
        if self.postgres is None:
            return []
        postmaster = int((self.postgres.data / "postmaster.pid").read_text().splitlines()[0])
        return [postmaster, *descendants(postmaster)]


@contextlib.contextmanager
def transport() -> Iterator[Target]:
    """An empty RPC on the layout of the service."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    program = str(Path(__file__).with_name("empty_server.py"))
    server = subprocess.Popen([sys.executable, program, address.rpartition(":")[2], str(WORKERS)])
    try:
        eventually(lambda: len(descendants(server.pid)) == WORKERS)
        processes = descendants(server.pid)
        # A connection goes to either; both are there once both have taken the port.
        eventually(lambda: all(_listens(process_id, address) for process_id in processes))
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(30)
        yield Target(EMPTY, address, {f"rpc-{number}": process_id for number, process_id in enumerate(processes)})
    finally:
        server.terminate()
        server.wait(30)


def _listens(process_id: int, address: str) -> bool:
    """Whether a process has a socket that listens at the address."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    tables = (Path("/proc/net") / name for name in ("tcp", "tcp6"))
    rows = (line.split() for table in tables for line in table.read_text().splitlines()[1:])
    listening = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(port) and row[3] == "0A"}
    found = set()
    for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(str(descriptor.readlink()))
    return bool(found & listening)


@contextlib.contextmanager
def service(kind: str, *options: str, workers: int = WORKERS, beside: Path | None = None) -> Iterator[Target | None]:
    """The service on a database of its own; None where it refuses to run on such a database.

    Args:
        kind: `sqlite`, `postgresql` or `PLAIN`.
        options: Of the server, such as the book to start with.
        workers: Processes that serve calls.
        beside: Another checkout, whose server is started instead of this one's.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="almeno-bench-")))
        postgres = None
        url = f"sqlite:///{folder}/almeno.db"
        if kind == "postgresql":
            postgres = stack.enter_context(running_postgres(DURABLE))
            _make_log_files(postgres)
            url = postgres.url()
        try:
            start: Callable[..., RunningServer] = RunningServer
            if kind == PLAIN:
                start = partial(WiredServer, wiring="benchmarks.plain_transactions")
            elif beside is not None:
                start = partial(_ServerBeside, beside)
            server = start(
                folder,
                *options,
                ALMENO_DATABASE_URL=url,
                ALMENO_BUSINESS_DATE=BUSINESS_DATE,
                ALMENO_WORKERS=str(workers),
                ALMENO_METRICS_ADDRESS="127.0.0.1:0",
            )
        except AssertionError as error:
            if "ALMENO_DATABASE_URL" not in str(error):
                raise
            print(f"{kind}: skipped, for the server refuses the URL {url}: {error}")
            yield None
            return
        stack.callback(server.stop)
        server.database_url = url
        if options:
            eventually(lambda: _is_loaded(server), LOAD_SECONDS)
        roles = {f"rpc-{number}": server.process_id(f"rpc-{number}") for number in range(workers)}
        name = kind if beside is None else f"{kind}, {BESIDE}"
        yield Target(name, server.address, roles, postgres, server)


class _ServerBeside(RunningServer):
    """The server of another checkout."""

    def __init__(self, checkout: Path, folder: Path, *options: str, **environment: str) -> None:
        self.program = (str(checkout / ".venv" / "bin" / "almeno-server"),)
        super().__init__(folder, *options, **environment)


def _make_log_files(postgres: PostgresServer) -> None:
    """Has the server make the files of its log, which it uses again and again from then on.

    A new server makes each when it is first needed, and all commits wait for that, for up to 0.1 s. It takes a gigabyte
    of disk and some seconds.
    """
    with postgres.connect() as connection:
        connection.execute("CREATE TABLE filler (number int)")
        for number in range(LOG_FILES):
            # The log goes on in the next file only if there is something in this one.
            connection.execute("INSERT INTO filler VALUES (%s)", (number,))
            connection.execute("SELECT pg_switch_wal()")
        connection.execute("DROP TABLE filler")
        connection.execute("CHECKPOINT")


def _is_loaded(server: RunningServer) -> bool:
    files = server.portfolio.ListImports(portfolio_service_pb2.ListImportsRequest(), timeout=30).imports
    return len(files) == 2 and all(file.state == import_pb2.IMPORT_STATE_SUCCEEDED for file in files)
