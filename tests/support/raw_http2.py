"""Connections over bare HTTP/2 that keep what the server answers on each stream, however it breaks the protocol."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from support.http2 import (
    ACK,
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    PREFACE,
    RESET,
    SETTINGS,
    frame,
    header_block,
)

_HEADER_TABLE_SIZE = 1


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
        settings = struct.pack(">HIHI", _HEADER_TABLE_SIZE, 0, INITIAL_WINDOW_SIZE, window_bytes)
        self.send(PREFACE + frame(SETTINGS, 0, settings, stream=0))
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
        self.streams[stream] = Seen()
        frames = frame(HEADERS, END_HEADERS, header_block(path, metadata, http_method=method), stream=stream)
        body = b"".join(messages)
        if body or ends:
            frames += frame(DATA, END_STREAM if ends else 0, body, stream=stream)
        self.send(frames)
        return stream

    def data(self, stream: int, body: bytes, *, ends: bool = False) -> None:
        """Sends more of a call's request."""
        self.send(frame(DATA, END_STREAM if ends else 0, body, stream=stream))

    def reset(self, stream: int) -> None:
        """Cancels a call."""
        self.send(frame(RESET, 0, struct.pack(">I", CANCEL), stream=stream))

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
            self.send(frame(kind, ACK, payload if kind == PING else b"", stream=0))
        seen = self.streams.get(stream)
        if seen is None:
            return
        if kind == DATA:
            seen.data_bytes += len(payload)
        elif kind == HEADERS:
            seen.header_blocks.append(payload)
        elif kind == RESET:
            seen.reset_code = int.from_bytes(payload, "big")
        seen.is_ended |= kind == RESET or (kind in (DATA, HEADERS) and bool(flags & END_STREAM))
