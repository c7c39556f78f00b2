"""What a caller can make large, and its bounds, for each process."""

from dataclasses import dataclass

MAX_STREAMS = 64
"""Streaming calls under way at a time; each holds a thread."""

MAX_STREAMS_OF_CALLER = 8
"""Of those, and as many of the streams that hold no thread."""

EXCHANGE_THREADS = 8
"""Threads for streams each of whose requests has its response, such as those of reflection."""

WRITE_THREADS = 32
"""Threads for calls that change something: they wait for the disk most of the time."""

MAX_METADATA_BYTES = 16 * 1024
"""Size of a call's metadata, as HTTP/2 counts it: names, values and 32 bytes an entry."""

MAX_CALLS_OF_CONNECTION = 200
"""Calls of a connection at a time; a caller's gRPC keeps further ones back until there is room."""

MAX_CONNECTIONS = 2_000
"""Connections at a time; gRPC closes further ones."""

MAX_PENDING_CALLS = 4_000
"""Calls that gRPC has received and the event thread has not come to: twenty connections' full of them, and less than a
second of that thread's time. Callers who reset their calls as fast as they begin them fill it."""

SMALL_ANSWER_BYTES = 16 * 1024
"""Size up to which an answer that waits to be read is counted as a call alone."""

MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""Larger answers that wait to be read, at a time."""


@dataclass(frozen=True)
class CallLimits:
    """Bounds that an operator or a test can set.

    Attributes:
        max_concurrent_calls: Unary calls under way, those that wait or whose answer does included; and as many streams
            that hold no thread. A caller holds at most as many as are left free.
        max_message_bytes: Size of a request message.
        slow_call_milliseconds: Duration from which a call is logged.
        request_timeout_seconds: Time within which the whole request of a call with one request has to arrive, while
            there is room for calls; where it gets short, so does the time.
        piece_timeout_seconds: Time within which each message of a stream of requests has to arrive.
        answer_timeout_seconds: Time within which an answer, or a response of a stream, has to be read.
    """

    max_concurrent_calls: int
    max_message_bytes: int
    slow_call_milliseconds: int
    request_timeout_seconds: float = 10.0
    piece_timeout_seconds: float = 30.0
    answer_timeout_seconds: float = 20.0
