"""Calls over bare HTTP/2, whose stream ends where a client of gRPC would never end it."""

import contextlib
import enum
import socket
import struct
from collections.abc import Sequence

from google.protobuf.message import Message

_DATA, _HEADERS, _RESET, _SETTINGS = 0, 1, 3, 4
_END_STREAM, _END_HEADERS = 1, 4
_CANCEL = 8


class Cut(enum.Enum):
    """How a stream ends."""

    END_STREAM = "as one that is complete"
    RESET = "by RST_STREAM"
    CLOSE = "with its connection"


def send_cut(address: tuple[str, int], method: str, messages: Sequence[Message], *, end: Cut, cut_bytes: int) -> bytes:
    """Sends messages, the last of which lacks its last bytes, and ends the stream; gives what the server answers."""
    content = b"".join(_framed(message) for message in messages)
    with socket.create_connection(address) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, b"", stream=0))
        connection.sendall(_frame(_HEADERS, _END_HEADERS, _headers(method)))
        flags = _END_STREAM if end is Cut.END_STREAM else 0
        connection.sendall(_frame(_DATA, flags, content[: len(content) - cut_bytes]))
        if end is Cut.RESET:
            connection.sendall(_frame(_RESET, 0, struct.pack(">I", _CANCEL)))
        if end is not Cut.END_STREAM:
            return b""
        connection.settimeout(2)
        answer = b""
        with contextlib.suppress(TimeoutError):
            while b"grpc-status" not in answer:
                answer += connection.recv(2**16)
        return answer


def _framed(message: Message) -> bytes:
    """A message as gRPC lays it into a stream."""
    content = message.SerializeToString()
    return b"\0" + struct.pack(">I", len(content)) + content


def _frame(kind: int, flags: int, content: bytes, *, stream: int = 1) -> bytes:
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def _headers(method: str) -> bytes:
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": method,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    # Literals that are never indexed, without Huffman's code.
    return b"".join(
        b"\x10" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )
