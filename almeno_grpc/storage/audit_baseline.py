"""The events that vouch for rows which were there before: before the audit trail, or before their form.

What the events say of a row comes to its digest by XOR, whatever forms they are in. So a row that events vouch for in a
former form is brought to the form of now by an event with the digest in the former form XOR that in the new one. A row
that somebody has changed behind the trail is found out as before: to its digest in the former form the events do not
come.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import Connection

from almeno_grpc.clock import Clock
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.storage import audit_writes
from almeno_grpc.storage.audit_rows import FORMS, REFORMS, Key, Reform, RowChanges, xor
from almeno_grpc.storage.audit_writes import AuditWrites
from almeno_grpc.storage.bulk import batches_of

METHOD = "migration"
_ROWS_PER_EVENT = 10_000


def write_baseline(connection: Connection) -> None:
    """Writes events that name every row of the book as it is, in the transaction that creates the trail."""
    for form in FORMS.values():
        vouch_for(connection, form.code, form.stored(connection))


def write_reforms(connection: Connection, revisions: Collection[str]) -> None:
    """Writes events that bring rows to the forms of revisions, in the transaction that upgrades the schema to them.

    Args:
        connection: The connection, with the newest schema.
        revisions: Those that the schema has been upgraded to.
    """
    for reform in REFORMS:
        if reform.revision in revisions:
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
    writes = AuditWrites(connection)
    for some in batches_of(digests, _ROWS_PER_EVENT):
        keys = [part for key, _ in some for part in key]
        writes.note(RowChanges(code, keys, b"".join(digest for _, digest in some)))
        entry = AuditEntry(AuditEventKind.WRITE, Clock.now_microseconds(), "", "", METHOD)
        audit_writes.INSERT.by_row.rows(connection, *writes.row_of(entry))
