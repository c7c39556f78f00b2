"""What a caller can make large, and its bounds, for each process."""

from dataclasses import dataclass

MAX_STREAMS = 64
"""Streaming calls under way at a time; each holds a thread."""

WRITE_THREADS = 32
"""Threads for calls that change something: they wait for the disk most of the time."""


@dataclass(frozen=True)
class CallLimits:
    """Bounds that an operator or a test can set.

    Attributes:
        max_concurrent_calls: Unary calls under way, waiting ones included; and as many streams that hold no thread.
        max_message_bytes: Size of a request message.
        slow_call_milliseconds: Duration from which a call is logged.
        request_timeout_seconds: Time within which the whole request of a call with one request has to arrive.
    """

    max_concurrent_calls: int
    max_message_bytes: int
    slow_call_milliseconds: int
    request_timeout_seconds: float = 10.0
