"""Durable writes at speed: what waits to be written goes into one transaction, with one commit for all of it.

A commit waits until the disk has taken it, far longer than the work it makes durable takes. So whoever finds the writer
free takes everything that waits, runs it in order, each piece under a savepoint of its own, and commits once. A piece
that fails is undone by its savepoint and harms no other; no answer leaves before the commit.
"""

import fcntl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from sqlalchemy import Connection

from almeno_grpc.domain.errors import DeadlineExceeded

T = TypeVar("T")

MOST_PIECES = 128
"""Pieces of work in one transaction; those beyond wait for the next."""


class _Piece(Generic[T]):
    """Work that waits to be written, and what came of it."""

    def __init__(self, work: Callable[[Connection], T], wanted: Callable[[], bool]) -> None:
        self._work = work
        self._wanted = wanted
        self._result: T | None = None
        self.error: BaseException | None = None
        self.has_ended = False

    def run(self, connection: Connection) -> None:
        """Does the work, as far as somebody wants it; the transaction is not committed yet."""
        # Who had to stand in line for long may have nobody left to work for.
        self._check_wanted()
        self._result = self._work(connection)
        self._check_wanted()

    def outcome(self) -> T:
        """The result, once the transaction has ended."""
        if self.error is not None:
            raise self.error
        result: Any = self._result
        return result  # type: ignore[no-any-return] # a T, or None where T allows it

    def _check_wanted(self) -> None:
        if not self._wanted():
            raise DeadlineExceeded("nobody waits for the answer any more; nothing was changed")


class GroupCommit:
    """The one writer of a process to a SQLite database.

    The writers of several processes take turns by a lock on a file: SQLite's own lock is taken by whoever asks at the
    right moment, and a busy process then keeps the others waiting for hundreds of milliseconds.
    """

    def __init__(self, connect: Callable[[], Connection], lock_file: Path) -> None:
        """Makes the writer.

        Args:
            connect: Opens the connection to write with, on which a transaction takes the write lock as it begins.
            lock_file: The file that the processes take turns by.
        """
        self._connect = connect
        self._lock_path = lock_file
        self._waiting: deque[_Piece[Any]] = deque()
        self._turn = threading.Lock()
        self._opened: tuple[Connection, BinaryIO] | None = None

    def write(self, work: Callable[[Connection], T], wanted: Callable[[], bool]) -> T:
        """Does the work in a transaction and gives its result once that is durable.

        Raises:
            DeadlineExceeded: Nobody waits for the result any more; the work was undone.
            Exception: What the work or the database raised; the work was undone.
        """
        piece = _Piece(work, wanted)
        self._waiting.append(piece)
        with self._turn:
            # Whoever had the turn before may have done this piece with theirs.
            while not piece.has_ended:
                self._write_waiting()
        return piece.outcome()

    def close(self) -> None:
        """Gives up the connection and the file."""
        with self._turn:
            self._let_go()

    def _let_go(self) -> None:
        opened, self._opened = self._opened or (), None
        for each in opened:
            each.close()

    def _write_waiting(self) -> None:
        pieces = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_PIECES))]
        try:
            if self._opened is None:
                self._opened = self._connect(), self._lock_path.open("ab")
            connection, lock_file = self._opened
            with _locked(lock_file), connection.begin():
                _run_all(pieces, connection)
        except BaseException as error:
            for piece in pieces:
                # What had failed by itself keeps its own error; what had succeeded was undone with the transaction.
                piece.error = piece.error or error
            # Where the commit has failed, the connection may be in the transaction still.
            self._let_go()
        finally:
            for piece in pieces:
                piece.has_ended = True


@contextmanager
def _locked(file: BinaryIO) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _run_all(pieces: list[_Piece[Any]], connection: Connection) -> None:
    """Runs the pieces in order; each is undone by itself when it fails."""
    if len(pieces) == 1:
        # Alone it needs no savepoint: the transaction is undone with it.
        pieces[0].run(connection)
        return
    # Through the driver, at half the cost of a nested transaction.
    driver_connection: Any = connection.connection.driver_connection
    cursor = driver_connection.cursor()
    for piece in pieces:
        cursor.execute("SAVEPOINT piece")
        try:
            piece.run(connection)
        except BaseException as error:
            piece.error = error
            if not driver_connection.in_transaction:
                # The database has undone everything, as it may when the disk is full: this ends it for all.
                raise
            cursor.execute("ROLLBACK TO piece")
        cursor.execute("RELEASE piece")
