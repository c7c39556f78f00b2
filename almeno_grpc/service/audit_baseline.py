"""The baseline of the audit trail: events that vouch for the rows which were in the book before the trail.

They are written while servers serve, some rows at a time. What an event of a change says of a row is its digest before
XOR that after. So the digest of a row as it is, XOR all that events have said of it, both in one snapshot, is the
digest that the row had when the trail began, whatever has happened since; of a row that was inserted since it is 0. An
event of the baseline says it of the row, and from then on all that events say comes to the digest of the row as it is.

How far it has come is a row of the database that events vouch for as well: who set it back, to have a row vouched for
that was changed behind the trail, would be found out by that.
"""

from functools import partial

from almeno_grpc.clock import Clock
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.service.store import BaselinePlace, Changes, Key, Store, Transaction

METHOD = "baseline"
"""The method of its events."""
_ROWS_PER_STEP = 5_000
_MAX_CHANGED_ROWS = 1_000_000
"""Rows in memory that were changed since the trail began; of more, those that come first."""
_Place = tuple[int | str, ...]
"""The number of a row's table, and the first part of its key: the database sorts texts behind it its own way."""


class AuditBaseline:
    """Writes the baseline of a database. Of one thread, of the one that keeps the trail."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Takes the book and the time of events."""
        self._store = store
        self._clock = clock
        self.is_over = False
        """Whether all rows are vouched for. Once they are, they stay so."""
        self._forget()

    def _forget(self) -> None:
        """Has all events be read again."""
        self._heads: dict[int, int] = {}
        """The last event that was read, by stream_id."""
        self._changed: dict[tuple[int, Key], int] = {}
        """What events say of rows that the baseline has not come to: by the number of the table, and the key."""
        self._until: _Place | None = None
        """Of rows from here on more is said than there was room for."""

    def step(self) -> None:
        """Vouches for the next rows.

        Raises:
            StoreUnavailable: The database cannot be reached.
            WriteConflict: Another process does it, too.
        """
        with self._store.read() as tx:
            before = tx.baseline.place()
            if before is None:
                self.is_over = True
                return
            self._read_events(tx, before)
            rows, after = tx.baseline.rows_behind(before, _ROWS_PER_STEP)
        if self._until is not None:
            known = [row for row in rows if _place(before.table, row[0]) < self._until]
            if len(known) < len(rows):
                if not known:
                    self._forget()
                    return
                rows, after = known, BaselinePlace(before.table, known[-1][0])
        as_begun = [(key, digest ^ self._changed.get((before.table, key), 0)) for key, digest in rows]
        vouched = [row for row in as_begun if row[1]]
        try:
            self._store.write(partial(self._vouch, before, vouched, after), max_attempts=1)
        except BaseException:
            # It may have been done nevertheless, and another process may go on with it.
            self._forget()
            raise
        for key, _ in rows:
            self._changed.pop((before.table, key), None)

    def _vouch(
        self, before: BaselinePlace, rows: list[tuple[Key, int]], after: BaselinePlace | None, tx: Transaction
    ) -> None:
        tx.baseline.vouch(before, rows, after)
        now = self._clock.now_microseconds()
        tx.write(Changes(event=AuditEntry(AuditEventKind.WRITE, now, "", "", METHOD, calls=len(rows))))

    def _read_events(self, tx: Transaction, place: BaselinePlace) -> None:
        """Adds what events say that were committed since the last look."""
        passed = _place(place.table, place.key) if place.key else (place.table,)
        for event in tx.baseline.events_behind(self._heads, except_method=METHOD):
            self._heads[event.stream_id] = event.sequence
            for table, key, digest in tx.audit.row_changes(event):
                number = tx.baseline.table_number(table)
                here = _place(number, key)
                if here >= passed and (self._until is None or here < self._until):
                    self._changed[number, key] = self._changed.get((number, key), 0) ^ digest
            if len(self._changed) > _MAX_CHANGED_ROWS:
                self._leave_out()

    def _leave_out(self) -> None:
        """Forgets the later half of the changed rows, for which there is no room yet."""
        places = sorted(_place(number, key) for number, key in self._changed)
        self._until = until = places[len(places) // 2]
        self._changed = {row: digest for row, digest in self._changed.items() if _place(*row) < until}


def _place(table: int, key: Key) -> _Place:
    return table, key[0]
