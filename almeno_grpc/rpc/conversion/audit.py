"""Events and checkpoints of the audit trail as messages."""

from almeno_grpc.api import access_pb2
from almeno_grpc.domain.audit import AuditCheckpoint, AuditEvent, AuditEventKind
from almeno_grpc.rpc.conversion.values import fill_timestamp

_KINDS = {
    AuditEventKind.WRITE: access_pb2.AUDIT_EVENT_KIND_WRITE,
    AuditEventKind.REPEAT: access_pb2.AUDIT_EVENT_KIND_REPEAT,
    AuditEventKind.READ: access_pb2.AUDIT_EVENT_KIND_READ,
    AuditEventKind.REFUSAL: access_pb2.AUDIT_EVENT_KIND_REFUSAL,
}


def fill_event(message: access_pb2.AuditEvent, event: AuditEvent) -> None:
    """Fills an event."""
    entry = event.entry
    message.stream_id = event.stream_id
    message.sequence = event.sequence
    message.kind = _KINDS[entry.kind]
    fill_timestamp(message.event_time, entry.time)
    message.principal = entry.principal
    message.credential = entry.credential
    message.method = entry.method
    message.customer_id = entry.customer_id
    message.subject = entry.subject
    message.request_id = entry.request_id
    message.outcome = entry.outcome
    message.count = entry.calls
    message.hash = event.hash


def fill_checkpoint(message: access_pb2.AuditCheckpoint, checkpoint: AuditCheckpoint) -> None:
    """Fills a checkpoint."""
    message.number = checkpoint.number
    fill_timestamp(message.create_time, checkpoint.create_time)
    message.root = checkpoint.root
    message.hash = checkpoint.hash
    message.signature = checkpoint.signature
    message.algorithm = checkpoint.algorithm
