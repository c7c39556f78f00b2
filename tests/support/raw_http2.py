"""HTTP/2 written by hand, for callers that no gRPC library can play: they read nothing, or break the protocol."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM = ACK = 1
END_HEADERS = 4
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header_block(fields: Iterable[tuple[str, str]]) -> bytes:
    """Header fields, each as a literal without indexing and without Huffman coding (RFC 7541, section 6.2.2)."""

    def text(value: str) -> bytes:
        encoded = value.encode("latin-1")
        length = len(encoded)
        if length < 127:
            return bytes([length]) + encoded
        prefix, rest = [127], length - 127
        while rest >= 128:
            prefix.append(rest % 128 + 128)
            rest //= 128
        return bytes([*prefix, rest]) + encoded

    return b"".join(b"\x00" + text(name) + text(value) for name, value in fields)


def grpc_message(serialized: bytes, *, compressed: bool = False) -> bytes:
    """A message with its prefix, as gRPC sends it in DATA frames."""
    return struct.pack(">BI", compressed, len(serialized)) + serialized


@dataclass
class Seen:
    """What the server has sent on a stream."""

    data_bytes: int = 0
    header_blocks: list[bytes] = field(default_factory=list)
    is_ended: bool = False
    reset_code: int | None = None

    @property
    def text(self) -> str:
        """All header blocks; the server's own values are literals that can be searched for."""
        return b" ".join(self.header_blocks).decode("latin-1")


class RawConnection:
    """A connection that a test writes frames on; a thread of its own reads what comes, unless it is told not to."""

    def __init__(self, address: str, *, window_bytes: int = 65_535, reads: bool = True) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        # Without a table the server sends its headers as literals.
        settings = struct.pack(">HIHI", HEADER_TABLE_SIZE, 0, INITIAL_WINDOW_SIZE, window_bytes)
        self.send(_PREFACE + frame(SETTINGS, 0, 0, settings))
        self.streams: dict[int, Seen] = {}
        self.is_closed = False
        self._next_stream = 1
        self._reader = threading.Thread(target=self._read, daemon=True)
        if reads:
            self._reader.start()

    def send(self, frames: bytes) -> None:
        """Writes bytes."""
        self._socket.sendall(frames)

    def call(
        self,
        path: str,
        *messages: bytes,
        metadata: Iterable[tuple[str, str]] = (),
        method: str = "POST",
        ends: bool = True,
    ) -> int:
        """Begins a call; with `ends` off, neither the request nor its stream comes to an end. Gives its stream."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        fields = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *metadata,
        ]
        self.streams[stream] = Seen()
        frames = frame(HEADERS, END_HEADERS, stream, header_block(fields))
        body = b"".join(messages)
        if body or ends:
            frames += frame(DATA, END_STREAM if ends else 0, stream, body)
        self.send(frames)
        return stream

    def data(self, stream: int, body: bytes, *, ends: bool = False) -> None:
        """Sends more of a call's request."""
        self.send(frame(DATA, END_STREAM if ends else 0, stream, body))

    def reset(self, stream: int) -> None:
        """Cancels a call."""
        self.send(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))

    def close(self) -> None:
        """Cuts the connection."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if self._reader.is_alive():
            self._reader.join(5)

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as incoming:
                while len(head := incoming.read(9)) == 9:
                    size = int.from_bytes(head[:3], "big")
                    self._take(head[3], head[4], int.from_bytes(head[5:], "big"), incoming.read(size))
        except (OSError, ValueError):
            pass
        self.is_closed = True

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind in (SETTINGS, PING) and not flags & ACK:
            self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
        seen = self.streams.get(stream)
        if seen is None:
            return
        if kind == DATA:
            seen.data_bytes += len(payload)
        elif kind == HEADERS:
            seen.header_blocks.append(payload)
        elif kind == RST_STREAM:
            seen.reset_code = int.from_bytes(payload, "big")
        seen.is_ended |= kind == RST_STREAM or (kind in (DATA, HEADERS) and bool(flags & END_STREAM))
