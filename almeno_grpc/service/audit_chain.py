"""Canonical forms of audit events and checkpoints, and their hashes.

A form is an array in MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md): every value with its type
and length in front, whole numbers in as few bytes as hold them. Its first value is the version of the form.

    event       SHA-256(hash of the event before, or 32 zero bytes | [1, stream_id, sequence, kind, time, principal,
                credential, method, customer_id, subject, request_id, outcome, calls, rows])
    head        SHA-256(0x00 | [1, stream_id, sequence, hash]), a leaf of the Merkle tree
    node        SHA-256(0x01 | left | right); the last of an odd number goes up as it is (RFC 9162 splits likewise)
    checkpoint  SHA-256(hash of the checkpoint before, or 32 zero bytes | [1, number, create_time, root])
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from almeno_grpc.domain.audit import AuditEntry, ChainHead

VERSION = 1
"""Of the forms. A new form has a new version, and hashes of old ones stay what they are."""
START = bytes(32)
"""What stands for the hash before the first."""

encode = msgspec.msgpack.Encoder().encode
"""Writes a value in MessagePack."""


EventValues = tuple[Any, ...]
"""What the hash of an event is taken over, beside the one before: the columns of its row, in order."""


def values_of(stream_id: int, sequence: int, entry: AuditEntry, rows: bytes) -> EventValues:
    """The values of an event."""
    kind, *others = entry
    return stream_id, sequence, int(kind), *others, rows


def event_hash(previous: bytes, values: EventValues) -> bytes:
    """The hash of an event behind another."""
    return sha256(previous + encode((VERSION, *values))).digest()


def merkle_root(heads: Sequence[ChainHead]) -> bytes:
    """The root of the Merkle tree over heads in the order of their chains; 32 zero bytes where none has moved."""
    level = [sha256(b"\0" + encode((VERSION, *head))).digest() for head in heads]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        nodes = [sha256(b"\1" + left + right).digest() for left, right in pairs]
        level = nodes + level[len(nodes) * 2 :]
    return level[0] if level else START


def packed_heads(heads: Sequence[ChainHead]) -> bytes:
    """Heads as they are stored with their checkpoint."""
    return encode(heads)


def unpacked_heads(heads: bytes) -> tuple[ChainHead, ...]:
    """The heads that are stored with a checkpoint; none where they are not as `packed_heads` writes them."""
    try:
        return _decode_heads(heads)
    except msgspec.DecodeError:
        return ()


_decode_heads = msgspec.msgpack.Decoder(tuple[ChainHead, ...]).decode


def checkpoint_hash(previous: bytes, number: int, create_time: int, root: bytes) -> bytes:
    """The hash of a checkpoint behind another."""
    return sha256(previous + encode((VERSION, number, create_time, root))).digest()


@dataclass(slots=True)
class AuditChain:
    """The end of a chain, to which events are appended."""

    stream_id: int
    sequence: int = 0
    head: bytes = START

    @classmethod
    def open(cls) -> "AuditChain":
        """A new chain."""
        # Above zero: the number of no chain.
        return cls(secrets.randbelow(2**63 - 1) + 1)

    def append(self, values: EventValues) -> bytes:
        """Puts the next event at the end, and gives its hash."""
        self.sequence += 1
        self.head = event_hash(self.head, values)
        return self.head
