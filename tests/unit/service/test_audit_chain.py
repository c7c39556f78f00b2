"""The canonical forms of the audit trail: what they are today they stay, or every trail there is would be broken."""

from hashlib import sha256

import msgspec
import pytest

from almeno_grpc.domain.audit import AuditEntry, AuditEventKind, ChainHead
from almeno_grpc.service.audit_chain import (
    START,
    AuditChain,
    checkpoint_hash,
    event_hash,
    merkle_root,
    packed_heads,
    unpacked_heads,
    values_of,
)

ENTRY = AuditEntry(
    AuditEventKind.READ,
    1_764_460_800_000_000,
    "branch-pune",
    "abcdefghijkl",
    "/almeno.credit.v1.CreditService/GetCustomer",
    7,
    "7",
    "0193b6a0-0000-7000-8000-000000000001",
    "OK",
    2,
)
HEADS = [ChainHead(number, 10 * number, bytes([number]) * 32) for number in range(1, 6)]


def test_hash_of_an_event_is_that_of_its_form_in_messagepack() -> None:
    values = values_of(5, 1, ENTRY, b"rows")
    # Written out by hand, as the specification of MessagePack says.
    form = b"".join(
        (
            b"\x9e\x01\x05\x01\x03\xcf" + (1_764_460_800_000_000).to_bytes(8, "big"),
            b"\xabbranch-pune",
            b"\xacabcdefghijkl",
            b"\xd9\x2b/almeno.credit.v1.CreditService/GetCustomer",
            b"\x07\xa17",
            b"\xd9\x240193b6a0-0000-7000-8000-000000000001",
            b"\xa2OK\x02\xc4\x04rows",
        )
    )
    assert msgspec.msgpack.decode(form)[3] == 3
    assert event_hash(START, values) == sha256(bytes(32) + form).digest()


@pytest.mark.parametrize("place", range(14))
def test_each_value_of_an_event_and_the_event_before_it_change_its_hash(place: int) -> None:
    values = list(values_of(5, 1, ENTRY, b"rows"))
    digest = event_hash(START, tuple(values))
    if place == 13:
        assert event_hash(b"\1" * 32, tuple(values)) != digest
        return
    value = values[place]
    values[place] = value + (b"x" if isinstance(value, bytes) else "x" if isinstance(value, str) else 1)
    assert event_hash(START, tuple(values)) != digest


def test_chain_numbers_its_events_and_hashes_each_behind_the_one_before() -> None:
    chain = AuditChain.open()
    first = chain.append(values_of(chain.stream_id, 1, ENTRY, b""))
    second = chain.append(values_of(chain.stream_id, 2, ENTRY, b""))
    assert second == event_hash(first, values_of(chain.stream_id, 2, ENTRY, b""))
    assert (chain.sequence, chain.head) == (2, second)
    assert 0 < chain.stream_id < 2**63 != AuditChain.open().stream_id


def test_root_is_that_of_the_tree_over_all_heads() -> None:
    def leaf(head: ChainHead) -> bytes:
        return sha256(b"\0" + msgspec.msgpack.encode([1, *head])).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return sha256(b"\1" + left + right).digest()

    a, b, c, d, e = map(leaf, HEADS)
    assert merkle_root(HEADS) == node(node(node(a, b), node(c, d)), e)
    assert merkle_root(HEADS[:3]) == node(node(a, b), c)
    assert merkle_root(HEADS[:1]) == a
    assert merkle_root([]) == START
    assert merkle_root(HEADS[::-1]) != merkle_root(HEADS)


def test_hash_of_a_checkpoint_is_over_all_of_it() -> None:
    known = checkpoint_hash(START, 1, 2, START)
    assert known == sha256(bytes(32) + b"\x94\x01\x01\x02\xc4\x20" + bytes(32)).digest()
    others = [(b"\1" * 32, 1, 2, START), (START, 2, 2, START), (START, 1, 3, START), (START, 1, 2, b"\1" * 32)]
    assert known not in [checkpoint_hash(*other) for other in others]


def test_heads_are_stored_as_they_are_and_what_is_no_heads_is_none() -> None:
    assert unpacked_heads(packed_heads(HEADS)) == tuple(HEADS)
    assert unpacked_heads(b"\xff") == ()
