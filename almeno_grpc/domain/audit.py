"""The audit trail: events of what callers did, in hash chains, and checkpoints over the heads of the chains.

A chain is written by one connection to the database, so that no row is shared by all writers. Events of writes and of
reads stand in chains of their own, for they are kept for different times, and only the oldest events of a chain are
ever removed.
"""

from enum import IntEnum
from typing import NamedTuple

OK = "OK"
"""The outcome of what was done; other outcomes are reasons of errors."""


class AuditEventKind(IntEnum):
    """What an event is of; the numbers are stored and hashed."""

    WRITE = 1
    """Something was written."""
    REPEAT = 2
    """The answer to an earlier write was given again."""
    READ = 3
    """Persons were shown in full."""
    REFUSAL = 4
    """Calls were refused for who called."""

    @property
    def is_write(self) -> bool:
        """Whether it is kept as long as what was written."""
        return self in (AuditEventKind.WRITE, AuditEventKind.REPEAT)


class AuditEntry(NamedTuple):
    """What a caller did. It holds no name of a person, no phone number and no request."""

    kind: AuditEventKind
    time: int
    """Microseconds since the epoch."""
    principal: str
    """Empty where access control is off, or nobody was known."""
    credential: str
    """Id of the API key, or name in the certificate."""
    method: str
    """Full name, such as `/almeno.credit.v1.CreditService/CreateLoan`."""
    customer_id: int = 0
    """0 where it is no single customer."""
    subject: str = ""
    """Id of what was written; for several persons who were shown their customer_ids, as in `1-20,31`."""
    request_id: str = ""
    outcome: str = OK
    calls: int = 1
    """How many calls it stands for: refusals that are alike are folded."""


class AuditEvent(NamedTuple):
    """An entry in its place in a chain."""

    stream_id: int
    """The chain: a random number of 63 bits."""
    sequence: int
    """Position in the chain, from 1."""
    entry: AuditEntry
    rows: bytes
    """Rows of the book that were written, each with its digest: see `almeno_grpc.storage.audit_rows`."""
    hash: bytes
    """SHA-256 over the hash of the event before it and this event: see `almeno_grpc.service.audit_chain`."""


class ChainHead(NamedTuple):
    """An event that is the last of its chain, for the moment."""

    stream_id: int
    sequence: int
    hash: bytes


class ChainCut(NamedTuple):
    """What the retention has removed: the events of a chain up to one."""

    stream_id: int
    sequence: int
    """Of the last event removed."""
    hash: bytes
    """Of the last event removed, which the one behind it is chained to."""
    removed: int
    """How many events."""


class AuditCheckpoint(NamedTuple):
    """A checkpoint: the heads of all chains that have moved since the one before, signed where there is a key."""

    number: int
    """From 1."""
    create_time: int
    """Microseconds since the epoch."""
    heads: tuple[ChainHead, ...]
    """By stream_id."""
    root: bytes
    """Root of the Merkle tree over the heads."""
    hash: bytes
    """SHA-256 over the hash of the checkpoint before it and this checkpoint."""
    signature: bytes
    """Of the hash; empty where there is no key."""
    algorithm: str
    """`ed25519` or `hmac-sha256`; empty where there is no key."""
