"""Durable writes at speed: what waits to be written goes into one transaction, with one commit for all of it.

A commit waits until the disk has taken it, far longer than the work it makes durable takes. So a thread takes all that
waits, runs it in order, and commits once. A piece that fails is undone by itself and harms no other; no answer leaves
before the commit.

Nobody has to sleep until a piece is written: its end is told to whoever waits for it. The thread goes on for as long as
there are pieces; to wake a thread a piece would take a busy process as long as to write it.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from almeno_grpc.domain.errors import DeadlineExceeded
from almeno_grpc.storage.book_connection import BookConnection
from almeno_grpc.storage.backend import settle
from almeno_grpc.storage.sqlite.fair_file_lock import Turns

T = TypeVar("T")
U = TypeVar("U")

MAX_PIECES = 128
"""Pieces of work in one transaction; those beyond wait for the next."""


class _Piece(Generic[T, U]):
    """Work that waits to be written, and what comes of it."""

    __slots__ = ("_result", "_then", "_wanted", "_work", "end", "error")

    def __init__(self, work: Callable[[BookConnection], T], then: Callable[[T], U], wanted: Callable[[], bool]) -> None:
        self._work = work
        self._then = then
        self._wanted = wanted
        self._result: T | None = None
        self.error: BaseException | None = None
        self.end: Future[U] = Future()

    def run(self, connection: BookConnection) -> None:
        """Does the work, as far as somebody wants it; the transaction is not committed yet."""
        # Who had to stand in line for long may have nobody left to work for.
        self._check_wanted()
        self._result = self._work(connection)
        self._check_wanted()

    def tell(self) -> None:
        """Tells what has come of it, once the transaction has ended."""
        settle(self.end, self._made)

    def _made(self) -> U:
        if self.error is not None:
            raise self.error
        result: Any = self._result  # a T, or None where T allows it
        return self._then(result)

    def _check_wanted(self) -> None:
        if not self._wanted():
            raise DeadlineExceeded("nobody waits for the answer any more; nothing was changed")


_Pieces = list[_Piece[Any, Any]]


class _HalfDoneError(Exception):
    """A piece has failed that had changed something before."""


class GroupCommit:
    """The one writer of a process to a SQLite database. The writers of several processes take turns."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        take_part: Callable[[], Turns],
        refusal: Callable[[BaseException], BaseException],
    ) -> None:
        """Makes the writer.

        Args:
            connect: Opens the connection to write with, on which a transaction takes the write lock as it begins.
            take_part: Opens what the processes take turns by.
            refusal: What the service calls an error of the database.
        """
        self._connect = connect
        self._take_part = take_part
        self._refusal = refusal
        # Guarded by the lock: who finds the thread idle wakes it.
        self._lock = threading.Lock()
        self._waiting: deque[_Piece[Any, Any]] = deque()
        self._is_at_work = False
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._idle = threading.Lock()
        """Held while the thread has nothing to do."""
        self._idle.acquire()
        self._opened: tuple[Connection, Turns, BookConnection] | None = None

    def submit(
        self, work: Callable[[BookConnection], T], then: Callable[[T], U], wanted: Callable[[], bool]
    ) -> Future[U]:
        """Does the work in a transaction, together with what waits besides.

        Args:
            work: What to do. It may be undone and run again.
            then: Makes the end of its result, once that is durable. Others wait for it: it may not wait for anything.
            wanted: Whether somebody waits for the end.

        Returns:
            The end; or DeadlineExceeded when nobody waits for it any more, or what the work, the database or `then` has
            raised. But for `then`, the work was undone.
        """
        piece = _Piece(work, then, wanted)
        with self._lock:
            if self._thread is None:
                # Before anything depends on it, for the system may have no thread left.
                thread = threading.Thread(target=self._write_all_that_comes, name="writer", daemon=True)
                thread.start()
                self._thread = thread
            self._waiting.append(piece)
            self._wake()
        return piece.end

    def others_wait(self) -> bool:
        """Whether another process waits to write. To be asked by work that it is the turn of, and could end early."""
        return self._opened is not None and self._opened[1].are_waited_for()

    def close(self) -> None:
        """Gives up the connection, the turns and the thread; nothing is written any more."""
        with self._lock:
            self._is_closed = True
            self._wake()
        self._disconnect()

    def _wake(self) -> None:
        """Sends the thread to work, unless it is there. With the lock."""
        if not self._is_at_work:
            self._is_at_work = True
            self._idle.release()

    def _write_waiting(self) -> _Pieces:
        """Writes as many of the pieces that wait as go into a transaction, and gives them to be told of."""
        pieces: _Pieces = []
        try:
            if self._opened is None:
                connection = self._connect()
                self._opened = connection, self._take_part(), BookConnection(connection, gathers=True, is_alone=True)
            connection, turns, book_connection = self._opened
            with turns.taken():
                # Some have come while this one waited for its turn.
                pieces += self._take()
                _write_all(pieces, connection, book_connection)
        except BaseException as error:
            pieces = pieces or self._take()
            for piece in pieces:
                # What had failed by itself keeps its own error; what had succeeded was undone with the transaction.
                piece.error = piece.error or error
            # Where the commit has failed, the connection may be in the transaction still.
            self._disconnect()
        return pieces

    def _take(self) -> _Pieces:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_PIECES))]

    def _write_all_that_comes(self) -> None:
        while self._idle.acquire() and not self._is_closed:
            is_at_work = True
            while is_at_work:
                # While these are told of, it is the turn of the other processes.
                self._tell(self._write_waiting())
                is_at_work = self._goes_on()

    def _tell(self, pieces: _Pieces) -> None:
        for piece in pieces:
            if piece.error is not None:
                piece.error = self._refusal(piece.error)
            piece.tell()

    def _goes_on(self) -> bool:
        """Whether there is more to write; if not, whoever comes next wakes the thread."""
        with self._lock:
            self._is_at_work = bool(self._waiting)
            return self._is_at_work

    def _disconnect(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            connection, turns, _ = opened
            connection.close()
            turns.close()


def _write_all(pieces: _Pieces, connection: Connection, book_connection: BookConnection) -> None:
    """Runs the pieces in order, in a transaction; each is undone by itself when it fails."""
    try:
        with connection.begin():
            book_connection.forget()
            if len(pieces) == 1:
                # Alone it is undone with the transaction.
                pieces[0].run(book_connection)
                book_connection.check()
            else:
                _run_together(pieces, book_connection)
    except _HalfDoneError:
        with connection.begin():
            _run_apart(pieces, connection, book_connection)


def _run_together(pieces: _Pieces, connection: BookConnection) -> None:
    """Runs the pieces without savepoints, which would be a quarter of the statements of a booking.

    Raises:
        _HalfDoneError: A piece has failed, and not before it had changed anything, as most that fail do: to undo it,
            everything has to be undone. Or the rows of one could not be added, together with those of others.
    """
    for piece in pieces:
        changes_before = connection.changes
        try:
            piece.run(connection)
        except BaseException as error:
            if connection.changes != changes_before or connection.has_failed or not connection.is_in_transaction:
                raise _HalfDoneError from error
            piece.error = error
    try:
        connection.check()
    except BaseException as error:
        raise _HalfDoneError from error


def _run_apart(pieces: _Pieces, connection: Connection, book_connection: BookConnection) -> None:
    """Runs the pieces, each under a savepoint."""
    # Through the driver, at half the cost of a nested transaction.
    driver_connection: Any = connection.connection.driver_connection
    cursor = driver_connection.cursor()
    for piece in pieces:
        cursor.execute("SAVEPOINT piece")
        piece.error = None
        book_connection.forget()
        try:
            piece.run(book_connection)
            book_connection.check()
        except BaseException as error:
            piece.error = error
            if not driver_connection.in_transaction:
                # The database has undone everything, as it may when the disk is full: this ends it for all.
                raise
            cursor.execute("ROLLBACK TO piece")
        cursor.execute("RELEASE piece")
