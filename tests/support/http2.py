"""Connections over bare HTTP/2, which do what a client of gRPC would never do."""

import contextlib
import select
import socket
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Self

DATA, HEADERS, RESET, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL = 8
MAX_FRAME_BYTES = 16_384
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INITIAL_WINDOW_SIZE = 4
_PATIENCE_SECONDS = 2
"""How long a server may leave what is sent to it unread before its connection counts as ended."""
_FIRST_DYNAMIC = 62
"""The index of the header that was put into the dynamic table last."""


def frame(kind: int, flags: int, content: bytes, *, stream: int = 1) -> bytes:
    """A frame."""
    return struct.pack(">I", len(content))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + content


def framed_message(content: bytes, *, is_compressed: bool = False) -> bytes:
    """A message as gRPC lays it into a stream."""
    return bytes([is_compressed]) + struct.pack(">I", len(content)) + content


def header_block(method: str, further: Iterable[tuple[str, str]] = (), *, http_method: str = "POST") -> bytes:
    """The headers of a call."""
    fields = [
        (":method", http_method),
        (":scheme", "http"),
        (":path", method),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *further,
    ]
    # Literals that are never indexed, without Huffman's code.
    return b"".join(b"\x10" + _text(name) + _text(value) for name, value in fields)


def indexed_header(name: str, value: str) -> bytes:
    """A header that goes into the dynamic table."""
    return b"\x40" + _text(name) + _text(value)


def repeated_header(times: int) -> bytes:
    """The header that was indexed last, a byte each time."""
    return bytes([0x80 | _FIRST_DYNAMIC]) * times


def _text(text: str) -> bytes:
    encoded = text.encode("latin-1")
    return _number(len(encoded), bits=7) + encoded


def _number(value: int, *, bits: int) -> bytes:
    """A number of HPACK behind a prefix of so many bits, the rest of which are zeros."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([value])
    encoded, value = bytearray([limit]), value - limit
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])


class RawConnection:
    """A connection that sends what it is told to, and takes in nothing unless it is told to."""

    def __init__(self, address: str, *, window_bytes: int = 65_535) -> None:
        """Opens it.

        Args:
            address: host:port.
            window_bytes: How much of each answer may be sent before more is asked for, which never happens.
        """
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=_PATIENCE_SECONDS)
        self._next_stream = 1
        self.is_open = True
        setting = struct.pack(">HI", INITIAL_WINDOW_SIZE, window_bytes)
        self.send(PREFACE + frame(SETTINGS, 0, setting, stream=0) + frame(SETTINGS, ACK, b"", stream=0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._socket.close()

    def send(self, content: bytes) -> None:
        """Sends bytes, while the server takes them."""
        if not self.is_open:
            return
        try:
            self._socket.sendall(content)
        except OSError:
            self.is_open = False

    def open_stream(self, block: bytes, message: bytes | None = None, *, ends: bool = True) -> int:
        """Begins a call with a header block, in as many frames as it takes, and sends its message; gives its number."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        pieces = [block[start : start + MAX_FRAME_BYTES] for start in range(0, len(block), MAX_FRAME_BYTES)]
        kinds = [HEADERS] + [CONTINUATION] * (len(pieces) - 1)
        frames = [
            frame(kind, END_HEADERS if place == len(pieces) - 1 else 0, piece, stream=stream)
            for place, (kind, piece) in enumerate(zip(kinds, pieces, strict=True))
        ]
        if message is not None:
            frames.append(frame(DATA, END_STREAM if ends else 0, message, stream=stream))
        self.send(b"".join(frames))
        return stream

    def reset(self, stream: int) -> None:
        """Cancels a call."""
        self.send(frame(RESET, 0, struct.pack(">I", CANCEL), stream=stream))

    def take_in(self) -> int:
        """Takes in what has come, and throws it away; gives how many bytes that were."""
        taken = 0
        with contextlib.suppress(OSError):
            # The socket has a timeout, by which to receive would wait.
            while select.select([self._socket], [], [], 0)[0] and (piece := self._socket.recv(2**16)):
                taken += len(piece)
        return taken
