"""The baseline of the audit trail in the database: see `almeno_grpc.service.audit_baseline`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import bindparam, delete, func, select, update

from almeno_grpc.domain.audit import AuditEvent
from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.service.store import BaselinePlace, Key
from almeno_grpc.storage.audit import EVENTS_PER_STATEMENT, WITH_ROWS, chain_ends, event_of
from almeno_grpc.storage.audit_baseline import place_of
from almeno_grpc.storage.audit_rows import BASELINE, DIGEST_BYTES, FORMS, RowChanges, packed_key
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement
from almeno_grpc.storage.tables import audit_baseline, audit_event

_e = audit_event.c
_FORMS = tuple(FORMS.values())
_NUMBERS = {form.table.name: number for number, form in enumerate(_FORMS)}
_CHAIN_ENDS = select(*chain_ends(func.max).c)
_OF_CHAIN = CompiledStatement(
    WITH_ROWS.where(
        _e.stream_id == bindparam("chain"), _e.sequence > bindparam("after"), _e.method != bindparam("except_method")
    )
    .order_by(_e.sequence)
    .limit(EVENTS_PER_STATEMENT),
    "chain",
    "after",
    "except_method",
)


class Baseline:
    """The baseline, as one transaction sees it."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._audit = transaction.audit

    def place(self) -> BaselinePlace | None:
        """By the only row."""
        return place_of(self._connection)

    def rows_behind(self, place: BaselinePlace, count: int) -> tuple[list[tuple[Key, int]], BaselinePlace | None]:
        """In the order of the primary key."""
        page = list(islice(_FORMS[place.table].stored(self._connection, place.key), count))
        rows = [(key, int.from_bytes(digest, "big")) for key, digest in page]
        if len(page) == count:
            return rows, BaselinePlace(place.table, page[-1][0])
        return rows, BaselinePlace(place.table + 1, ()) if place.table + 1 < len(_FORMS) else None

    def table_number(self, table: str) -> int:
        """That of its form."""
        return _NUMBERS[table]

    def events_behind(self, heads: Mapping[int, int], *, except_method: str) -> Iterator[AuditEvent]:
        """Of the chains that have moved."""
        for stream_id, last in self._connection.execute(_CHAIN_ENDS).all():
            sequence = heads.get(stream_id, 0)
            while sequence < last:
                page = _OF_CHAIN.rows(self._connection, stream_id, sequence, except_method)
                yield from map(event_of, page)
                sequence = page[-1][1] if page else last

    def vouch(self, before: BaselinePlace, rows: Sequence[tuple[Key, int]], after: BaselinePlace | None) -> None:
        """By the only row, which goes in the end."""
        if rows:
            keys = [part for key, _ in rows for part in key]
            digests = b"".join(digest.to_bytes(DIGEST_BYTES, "big") for _, digest in rows)
            self._audit.note(RowChanges(_FORMS[before.table].code, keys, digests))
        old = _row(before)
        is_there = audit_baseline.c.form == old[1], audit_baseline.c.key == old[2]
        if after is None:
            done = self._connection.execute(delete(audit_baseline).where(*is_there))
            # From its digest to 0, which is the same as the other way round.
            self._audit.note(BASELINE.inserted([old]))
        else:
            _, form, key = new = _row(after)
            done = self._connection.execute(update(audit_baseline).where(*is_there).values(form=form, key=key))
            self._audit.note(BASELINE.updated([old], [new]))
        if done.rowcount != 1:
            raise WriteConflict("another process has gone on with the baseline")


def _row(place: BaselinePlace) -> tuple[int, int, bytes]:
    return 1, _FORMS[place.table].code, packed_key(place.key)
