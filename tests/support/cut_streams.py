"""Calls over bare HTTP/2, whose stream ends where a client of gRPC would never end it."""

import contextlib
import enum
import socket
import struct
from collections.abc import Sequence

from google.protobuf.message import Message

from support.http2 import (
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    RESET,
    SETTINGS,
    frame,
    framed_message,
    header_block,
)


class Cut(enum.Enum):
    """How a stream ends."""

    END_STREAM = "as one that is complete"
    RESET = "by RST_STREAM"
    CLOSE = "with its connection"


def send_cut(address: tuple[str, int], method: str, messages: Sequence[Message], *, end: Cut, cut_bytes: int) -> bytes:
    """Sends messages, the last of which lacks its last bytes, and ends the stream; gives what the server answers."""
    content = b"".join(framed_message(message.SerializeToString()) for message in messages)
    with socket.create_connection(address) as connection:
        connection.sendall(PREFACE + frame(SETTINGS, 0, b"", stream=0))
        connection.sendall(frame(HEADERS, END_HEADERS, header_block(method)))
        flags = END_STREAM if end is Cut.END_STREAM else 0
        connection.sendall(frame(DATA, flags, content[: len(content) - cut_bytes]))
        if end is Cut.RESET:
            connection.sendall(frame(RESET, 0, struct.pack(">I", CANCEL)))
        if end is not Cut.END_STREAM:
            return b""
        connection.settimeout(2)
        answer = b""
        with contextlib.suppress(TimeoutError):
            while b"grpc-status" not in answer:
                answer += connection.recv(2**16)
        return answer
