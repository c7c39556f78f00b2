"""What vouches for rows which were there before: before the audit trail, or before their form.

What the events say of a row comes to its digest by XOR, whatever forms they are in. So a row that events vouch for in a
former form is brought to the form of now by an event with the digest in the former form XOR that in the new one. A row
that somebody has changed behind the trail is found out as before: to its digest in the former form the events do not
come.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, exists, insert, select

from almeno_grpc.clock import Clock
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.service.store import BaselinePlace
from almeno_grpc.storage import audit_writes
from almeno_grpc.storage.audit_rows import BASELINE, FORMS, REFORMS, Key, Reform, RowChanges, unpacked_key, xor
from almeno_grpc.storage.audit_writes import AuditWrites
from almeno_grpc.storage.bulk import batches_of
from almeno_grpc.storage.tables import audit_baseline, audit_cut, audit_event

METHOD = "migration"
_ROWS_PER_EVENT = 10_000


def begin_baseline(connection: Connection) -> None:
    """Notes that nothing vouches for the rows of the book yet, where there are some and the trail is new.

    Servers that run do so in the end: see `almeno_grpc.service.audit_baseline`.
    """
    if _has_events(connection) or not _has_rows(connection):
        return
    # In front of all rows but this one, which an event vouches for at once.
    row = (1, list(FORMS)[1], b"")
    connection.execute(insert(audit_baseline), dict(zip(audit_baseline.c.keys(), row, strict=True)))
    _write_event(connection, BASELINE.inserted([row]))


def place_of(connection: Connection) -> BaselinePlace | None:
    """How far the baseline has come; None where it is done."""
    row = connection.execute(select(audit_baseline)).first()
    return BaselinePlace(list(FORMS).index(row.form), unpacked_key(row.key)) if row else None


def first_not_vouched_for(connection: Connection) -> tuple[int, Key] | None:
    """The form and the key of the first row that nothing vouches for yet, if there is one."""
    place = place_of(connection)
    if place is None:
        return None
    forms = list(FORMS.values())[place.table :]
    for form in forms:
        for key, _ in form.stored(connection, place.key if form is forms[0] else ()):
            return form.code, key
    return None


def _has_events(connection: Connection) -> bool:
    """Whether the trail was begun, even if the retention has removed all of it since."""
    found = select(exists(select(audit_event.c.kind)) | exists(select(audit_cut.c.removed)))
    return bool(connection.execute(found).scalar_one())


def _has_rows(connection: Connection) -> bool:
    tables = (form.table for form in FORMS.values())
    return any(connection.execute(select(exists(select(1).select_from(table)))).scalar_one() for table in tables)


def write_reforms(connection: Connection, revision: str) -> None:
    """Writes events that bring rows to the forms of a revision, in the transaction that ends the upgrade to it.

    Args:
        connection: The connection, with the schema of the revision.
        revision: The revision.
    """
    # Where there are none, all rows are vouched for as they are in the end.
    for reform in REFORMS if _has_events(connection) else ():
        if reform.revision == revision:
            vouch_for(connection, reform.after.code, _differences(connection, reform))


def _differences(connection: Connection, reform: Reform) -> Iterator[tuple[Key, bytes]]:
    """The key of every row, and its digest in the former form XOR that in the new one."""
    forms = zip(reform.before.stored(connection), reform.after.stored(connection), strict=True)
    for (key, before), (_, after) in forms:
        yield key, xor(before, after)


def vouch_for(connection: Connection, code: int, digests: Iterator[tuple[Key, bytes]]) -> None:
    """Writes events of the migration that name rows.

    Args:
        connection: The connection, in a transaction of its own.
        code: That of the rows' form.
        digests: The key of each row, and what its digest changes by.
    """
    for some in batches_of(digests, _ROWS_PER_EVENT):
        keys = [part for key, _ in some for part in key]
        _write_event(connection, RowChanges(code, keys, b"".join(digest for _, digest in some)))


def _write_event(connection: Connection, changes: RowChanges) -> None:
    entry = AuditEntry(AuditEventKind.WRITE, Clock.now_microseconds(), "", "", METHOD)
    audit_writes.INSERT.by_row.rows(connection, *AuditWrites(connection).row_of(entry, [changes]))
