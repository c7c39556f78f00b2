"""The events that vouch for a book which was there before its audit trail."""

from sqlalchemy import Connection

from almeno_grpc.clock import Clock
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.storage import audit_writes
from almeno_grpc.storage.audit_rows import CURRENT_FORMS, RowChanges
from almeno_grpc.storage.audit_writes import AuditWrites
from almeno_grpc.storage.bulk import batches_of

METHOD = "migration"
_ROWS_PER_EVENT = 10_000


def write_baseline(connection: Connection) -> None:
    """Writes events that name every row of the book as it is, in the transaction that creates the trail."""
    writes = AuditWrites(connection)
    for form in CURRENT_FORMS:
        for stored in batches_of(form.stored(connection), _ROWS_PER_EVENT):
            keys = [part for key, _ in stored for part in key]
            writes.note(RowChanges(form.code, keys, b"".join(digest for _, digest in stored)))
            entry = AuditEntry(AuditEventKind.WRITE, Clock.now_microseconds(), "", "", METHOD)
            audit_writes.INSERT.by_row.rows(connection, *writes.row_of(entry))
