"""Timelines of PostgreSQL: a primary that was deposed writes on a lower one than the primary that has taken over.

Where only the agent of a primary dies, such as Patroni's, a standby is promoted while the old primary lives on, and
`target_session_attrs=read-write` takes either. What the old one answers lacks what the new one has acknowledged, and
its commits wait for a standby that is gone. So a process remembers the highest timeline it has seen: it refuses
connections of lower ones, and closes those that it has, whatever they wait for.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors
from sqlalchemy import Dialect

from almeno_grpc.logs import log_event
from almeno_grpc.storage.postgres.cursor import checked

SLOW_COMMIT_SECONDS = 1
"""A commit that takes longer may wait for a standby that has become the primary."""
_LOOK_TIMEOUT_SECONDS = 2
# The first digits of the name of a segment of the write-ahead log. 0 of a standby, which tells no timeline of its own.
_TIMELINE = (
    b"SELECT CASE WHEN pg_is_in_recovery() THEN 0"
    b" ELSE CAST(CAST('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8) AS bit(32)) AS integer) END"
)

_Address = tuple[str, str]
"""Host and port."""


class Timelines:
    """The timelines of the databases that the connections of an engine lead to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._highest = 0
        self._connections = WeakKeyDictionary[psycopg.Connection, int]()
        self._options: dict[str, Any] = {}
        self._looking = threading.Lock()
        self._commits: dict[int, int] = {}
        """When those began that are under way, in nanoseconds, by their threads."""

    def connect(self, dialect: Dialect, _record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        """Connects to a database that was not deposed; a listener for the event "do_connect".

        Raises:
            psycopg.Error: There is none that can be reached.
        """
        self._options = dict(options)
        addresses = _addresses(options)
        while True:
            connection: Any = dialect.connect(*arguments, **options | _joined(addresses))
            timeline = _timeline_of(connection)
            if self._note(timeline, connection):
                return connection
            host, port = connection.info.host, str(connection.info.port)
            connection.close()
            # What the URL leaves out is libpq's default.
            others = [each for each in addresses if each[0] not in ("", host) or each[1] not in ("", port)]
            is_another_left = 0 < len(others) < len(addresses)
            addresses = others
            if not is_another_left:
                raise psycopg.OperationalError(
                    f"the database is on timeline {timeline}, and was deposed by one on {self._highest}"
                )

    @contextmanager
    def watched_commit(self) -> Iterator[None]:
        """Looks at the databases once a commit has taken long."""
        thread = threading.get_ident()
        self._commits[thread] = time.monotonic_ns()
        try:
            yield
        finally:
            if _takes_long(self._commits.pop(thread)):
                self.look_soon()

    def look_if_commits_hang(self) -> None:
        """Looks at the databases where a commit that is under way takes long; to be called again and again."""
        if any(map(_takes_long, [*self._commits.values()])):
            self.look_soon()

    def look_soon(self) -> None:
        """Looks at each database of the URL on a thread of its own, unless one does so already."""
        if self._looking.acquire(blocking=False):
            threading.Thread(target=self._look, name="timelines", daemon=True).start()

    def _look(self) -> None:
        try:
            for address in _addresses(self._options):
                here = _joined([address]) | {"target_session_attrs": "any", "connect_timeout": _LOOK_TIMEOUT_SECONDS}
                with suppress(psycopg.Error), psycopg.connect(**self._options | here) as connection:
                    self._note(_timeline_of(connection))
        finally:
            self._looking.release()

    def _note(self, timeline: int, connection: psycopg.Connection | None = None) -> bool:
        """Learns of a timeline; False where a higher one was seen before."""
        with self._lock:
            if 0 < timeline < self._highest:
                return False
            if connection is not None:
                self._connections[connection] = timeline
            if timeline <= self._highest:
                return True
            before, self._highest = self._highest, timeline
            behind = [each for each, its_timeline in self._connections.items() if 0 < its_timeline < timeline]
        if before:
            log_event("database_deposed", timeline=before, new_timeline=timeline, connections=len(behind))
        for each in behind:
            shut_down(each)
        return True


def _takes_long(began_nanoseconds: int) -> bool:
    return time.monotonic_ns() - began_nanoseconds > SLOW_COMMIT_SECONDS * 10**9


def _timeline_of(connection: psycopg.Connection) -> int:
    try:
        value = checked(connection.pgconn, connection.pgconn.exec_(_TIMELINE)).get_value(0, 0)
    except (errors.FeatureNotSupported, errors.InsufficientPrivilege, errors.UndefinedFunction):
        # A service that speaks PostgreSQL's protocol over a log of its own.
        return 0
    return int(value or 0)


def shut_down(connection: psycopg.Connection) -> None:
    """Has whoever waits for an answer on a connection find it lost; by a copy of its socket, which libpq closes."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as copy:
        copy.shutdown(socket.SHUT_RDWR)


def _addresses(options: dict[str, Any]) -> list[_Address]:
    """The hosts of libpq's options with their ports."""
    hosts, ports = str(options.get("host", "")).split(","), str(options.get("port", "")).split(",")
    return list(zip(hosts, ports if len(ports) == len(hosts) else ports * len(hosts), strict=True))


def _joined(addresses: list[_Address]) -> dict[str, str]:
    hosts, ports = zip(*addresses, strict=True)
    joined = {"host": ",".join(hosts), "port": ",".join(ports)}
    return {name: value for name, value in joined.items() if value.strip(",")}
