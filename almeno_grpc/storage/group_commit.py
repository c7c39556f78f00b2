"""Durable writes at speed: what waits to be written goes into one transaction, with one commit for all of it.

A commit waits until the disk has taken it, far longer than the work it makes durable takes. So whoever finds the writer
free takes everything that waits, runs it in order, each piece under a savepoint of its own, and commits once. A piece
that fails is undone by its savepoint and harms no other; no answer leaves before the commit.

The thread that has committed hands the writer to the first that has come meanwhile, and wakes each of those whose work
is done. A lock that they stood in line for would let through one after the other, only to look, while the next batch
has to begin with the few that the line has left by then.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from almeno_grpc.domain.errors import DeadlineExceeded
from almeno_grpc.storage.turns import Turns

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
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def run(self, connection: Connection) -> None:
        """Does the work, as far as somebody wants it; the transaction is not committed yet."""
        # Who had to stand in line for long may have nobody left to work for.
        self._check_wanted()
        self._result = self._work(connection)
        self._check_wanted()

    def sleep(self) -> None:
        """Waits until the piece has ended, or is the first of the next transaction."""
        self._asleep.acquire()

    def wake(self) -> None:
        """Ends the sleep, be it before it has begun; once for each piece."""
        self._asleep.release()

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
    """The one writer of a process to a SQLite database. The writers of several processes take turns."""

    def __init__(self, connect: Callable[[], Connection], take_part: Callable[[], Turns]) -> None:
        """Makes the writer.

        Args:
            connect: Opens the connection to write with, on which a transaction takes the write lock as it begins.
            take_part: Opens what the processes take turns by.
        """
        self._connect = connect
        self._take_part = take_part
        # Guarded by the lock: who finds nobody at work goes to work.
        self._lock = threading.Lock()
        self._waiting: deque[_Piece[Any]] = deque()
        self._is_at_work = False
        self._opened: tuple[Connection, Turns] | None = None

    def write(self, work: Callable[[Connection], T], wanted: Callable[[], bool]) -> T:
        """Does the work in a transaction and gives its result once that is durable.

        Raises:
            DeadlineExceeded: Nobody waits for the result any more; the work was undone.
            Exception: What the work or the database raised; the work was undone.
        """
        piece = _Piece(work, wanted)
        with self._lock:
            self._waiting.append(piece)
            has_to_wait, self._is_at_work = self._is_at_work, True
        if has_to_wait:
            piece.sleep()
        if not piece.has_ended:
            self._write_waiting(piece)
        return piece.outcome()

    def others_wait(self) -> bool:
        """Whether another process waits to write. To be asked by work that it is the turn of, and could end early."""
        return self._opened is not None and self._opened[1].are_waited_for()

    def close(self) -> None:
        """Gives up the connection and the file; nothing is written any more."""
        opened, self._opened = self._opened or (), None
        for each in opened:
            each.close()

    def _write_waiting(self, first: _Piece[Any]) -> None:
        """Does the first piece of those that wait, and with it as many of the others as there are."""
        pieces: list[_Piece[Any]] = []
        try:
            if self._opened is None:
                self._opened = self._connect(), self._take_part()
            connection, turns = self._opened
            with turns.taken(), connection.begin():
                # Some have come while this one waited for its turn.
                pieces += self._take()
                _run_all(pieces, connection)
        except BaseException as error:
            pieces = pieces or self._take()
            for piece in pieces:
                # What had failed by itself keeps its own error; what had succeeded was undone with the transaction.
                piece.error = piece.error or error
            # Where the commit has failed, the connection may be in the transaction still.
            self.close()
        finally:
            self._hand_over()
            for piece in pieces:
                piece.has_ended = True
                if piece is not first:
                    piece.wake()

    def _take(self) -> list[_Piece[Any]]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_PIECES))]

    def _hand_over(self) -> None:
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._is_at_work = following is not None
        if following is not None:
            following.wake()


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
