"""Messages of protobuf that have suffered on their way: mutations of the wire format, which know no schema."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAX_BYTES = 6 * 2**20
"""A little more than the server takes; what is far beyond gRPC refuses by itself."""
VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 = range(6)
_DEEP = (3, 99, 101, 5_000)
"""Levels of nesting; readers of protobuf stop at a hundred."""
_NUMBERS = (0, 1, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_LENGTHS = (2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1)
_TEXTS = (
    *(b"NaN", b"-Infinity", b"1e999999999", b"-0", b"0x10", b"\xd9\xa3", b"9" * 400, b"", b" ", b"\0", b"a\0b"),
    *(b"\xed\xa0\x80", b"\xed\xb0\x80\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xe2\x82"),
    *(b"\xe2\x80\xae", b"\xef\xbb\xbf", b"x" * 100_000, "\U0001f9ff".encode() * 500, b"'; DROP TABLE loan; --"),
)
"""Texts that are numbers to some, lone surrogates, overlong and broken UTF-8, long and invisible ones."""


@dataclass(frozen=True)
class Field:
    """A field on the wire: what stands behind its tag, without the length of bytes."""

    number: int
    wire_type: int
    content: bytes

    def encoded(self) -> bytes:
        tag = varint(self.number << 3 | self.wire_type)
        return tag + (varint(len(self.content)) if self.wire_type == BYTES else b"") + self.content


def varint(value: int) -> bytes:
    """A number as protobuf writes it, in as few bytes as it takes."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def fields_of(message: bytes) -> list[Field]:
    """The fields of a sound message without groups.

    Raises:
        ValueError: It is no such message.
    """
    fields, place = [], 0
    while place < len(message):
        tag, place = _number_at(message, place)
        number, wire_type = tag >> 3, tag & 7
        start = place
        if wire_type == VARINT:
            _, place = _number_at(message, place)
        elif wire_type == BYTES:
            size, start = _number_at(message, place)
            place = start + size
        elif wire_type in (FIXED32, FIXED64):
            place += 8 if wire_type == FIXED64 else 4
        else:
            raise ValueError("a group, or no field at all")
        if place > len(message) or number == 0:
            raise ValueError("cut short")
        fields.append(Field(number, wire_type, message[start:place]))
    return fields


def _number_at(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("no number")


def mutated(message: bytes, rng: random.Random) -> bytes:
    """The message after one to three mutations of its fields, and sometimes of its bytes."""
    for _ in range(rng.randint(1, 3)):
        message = rng.choice(_MUTATIONS)(message, rng)[:MAX_BYTES]
    return message


def mutated_stream(messages: Sequence[bytes], rng: random.Random) -> list[bytes]:
    """The messages of a stream, some of them mutated, missing, repeated or in another order."""
    changed = list(messages)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(changed) + 1)
        chance = rng.random()
        if place == len(changed) or chance < 0.1:
            changed.insert(place, rng.choice([b"", *messages]))
        elif chance < 0.2:
            del changed[place]
        elif chance < 0.3:
            rng.shuffle(changed)
        elif chance < 0.35:
            changed[place : place + 1] = [changed[place]] * min(200, 1 + MAX_BYTES // (1 + len(changed[place])))
        else:
            changed[place] = mutated(changed[place], rng)
    return changed


def _of_fields(change: Callable[[list[Field], random.Random], list[Field]]) -> Callable[[bytes, random.Random], bytes]:
    """A mutation of the bytes from one of the fields; where there are none the bytes are cut or changed."""

    def mutate(message: bytes, rng: random.Random) -> bytes:
        try:
            fields = fields_of(message)
        except ValueError:
            fields = []
        if not fields:
            return _noise(message, rng)
        return b"".join(field.encoded() for field in change(fields, rng))

    return mutate


def _with(fields: list[Field], rng: random.Random, change: Callable[[Field], list[Field]]) -> list[Field]:
    place = rng.randrange(len(fields))
    return [*fields[:place], *change(fields[place]), *fields[place + 1 :]]


def _inside(message: bytes, rng: random.Random) -> bytes:
    """A mutation of a message within the message."""

    def change(fields: list[Field], rng: random.Random) -> list[Field]:
        return _with(
            fields,
            rng,
            lambda field: [
                Field(field.number, field.wire_type, mutated(field.content, rng)) if field.wire_type == BYTES else field
            ],
        )

    return _of_fields(change)(message, rng)


def _repeated(fields: list[Field], rng: random.Random) -> list[Field]:
    def change(field: Field) -> list[Field]:
        return [field] * min(rng.choice((2, 3, 1_001, 5_000)), MAX_BYTES // len(field.encoded()))

    return _with(fields, rng, change)


def _shuffled(fields: list[Field], rng: random.Random) -> list[Field]:
    return rng.sample(fields, len(fields))


def _missing(fields: list[Field], rng: random.Random) -> list[Field]:
    return _with(fields, rng, lambda _: [])


def _of_another_wire_type(fields: list[Field], rng: random.Random) -> list[Field]:
    return _with(fields, rng, lambda field: [Field(field.number, rng.randrange(8), field.content)])


def _of_another_number(fields: list[Field], rng: random.Random) -> list[Field]:
    numbers = (0, rng.randrange(1, 20), 19_000, 2**29 - 1, 2**29, 2**32)
    return _with(fields, rng, lambda field: [Field(rng.choice(numbers), field.wire_type, field.content)])


def _extreme(fields: list[Field], rng: random.Random) -> list[Field]:
    def change(field: Field) -> list[Field]:
        content = rng.choice(_TEXTS) if field.wire_type == BYTES else varint(rng.choice(_NUMBERS))
        return [Field(field.number, field.wire_type, content)]

    return _with(fields, rng, change)


def _nested(fields: list[Field], rng: random.Random) -> list[Field]:
    """A field within itself, as bytes within bytes or group within group."""

    def change(field: Field) -> list[Field]:
        levels, content = rng.choice(_DEEP), field.content
        if rng.random() < 0.5:
            return [Field(field.number, START_GROUP, b"")] * levels
        for _ in range(levels):
            content = Field(field.number, BYTES, content).encoded()
        return [Field(field.number, BYTES, content)]

    return _with(fields, rng, change)


def _with_a_length_that_lies(message: bytes, rng: random.Random) -> bytes:
    lie = varint(rng.choice((*_LENGTHS, len(message) + 1)))
    return message + varint(rng.randrange(1, 16) << 3 | BYTES) + lie + rng.randbytes(rng.randrange(8))


def _with_an_overlong_number(message: bytes, rng: random.Random) -> bytes:
    return message + varint(rng.randrange(1, 16) << 3) + b"\x80" * rng.choice((5, 9, 10, 11, 400)) + b"\x01"


def _cut_short(message: bytes, rng: random.Random) -> bytes:
    return message[: rng.randrange(len(message) + 1)]


def _noise(message: bytes, rng: random.Random) -> bytes:
    """Bits flipped, a piece doubled or bytes of nobody put in."""
    changed, place = bytearray(message), rng.randrange(len(message) + 1)
    if changed and rng.random() < 0.5:
        for _ in range(rng.randint(1, 8)):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    else:
        changed[place:place] = rng.choice((bytes(changed[place // 2 : place]), rng.randbytes(rng.randint(1, 40))))
    return bytes(changed)


_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_inside, _inside, _cut_short, _noise, _with_a_length_that_lies, _with_an_overlong_number),
    *map(_of_fields, (_repeated, _shuffled, _missing, _of_another_wire_type, _of_another_number, _extreme, _nested)),
    *map(_of_fields, (_extreme, _extreme)),
)
