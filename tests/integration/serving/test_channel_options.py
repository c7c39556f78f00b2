"""The limits of HTTP/2 that gRPC is given: what is beyond them costs little, and gets one answer."""

import contextlib
import gzip
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from support.http2 import framed_message
from support.raw_http2 import RawConnection
from support.runtime_server import (
    ANSWER,
    GET_CUSTOMER,
    START_IMPORT,
    Served,
    eventually,
    refused,
    runtime_server,
)

from almeno_grpc.config import settings_from_command_line
from almeno_grpc.rpc.runtime.limits import MAX_CALLS_OF_CONNECTION, MAX_METADATA_BYTES
from almeno_grpc.serving.rpc_server import _options

OPTIONS = _options(settings_from_command_line([], {}))


@pytest.fixture
def served() -> Iterator[Served]:
    with runtime_server(dispatches_early=True, inline=["GetCustomer"], options=OPTIONS) as served:
        yield served


@contextlib.contextmanager
def channel_to(served: Served) -> Iterator[grpc.Channel]:
    """A connection of its own."""
    with grpc.insecure_channel(served.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield channel


def test_compressed_message_is_refused_unread(served: Served) -> None:
    served.credit.get_customer = lambda request, _context: pytest.fail(str(request))
    with contextlib.closing(RawConnection(served.address)) as raw:
        compressed = framed_message(gzip.compress(bytes(4 << 20)), is_compressed=True)
        stream = raw.call(GET_CUSTOMER, compressed, metadata=[("grpc-encoding", "gzip")])
        eventually(lambda: raw.streams[stream].is_ended)
        assert "grpc-status\x0212" in raw.streams[stream].text


@pytest.mark.parametrize(
    ("size_bytes", "code"),
    [(9_000, "OK"), (MAX_METADATA_BYTES - 1_000, "OK"), (MAX_METADATA_BYTES, "RESOURCE_EXHAUSTED")],
)
def test_metadata_has_one_limit(served: Served, size_bytes: int, code: str) -> None:
    with channel_to(served) as channel:
        for _ in range(10):
            call = channel.unary_unary(GET_CUSTOMER).future(b"", timeout=5, metadata=[("x", "a" * size_bytes)])
            assert call.code().name == code


@pytest.mark.parametrize("size_bytes", [9 << 20, 64 << 20])
def test_message_far_beyond_the_limit_is_told_the_limit(served: Served, size_bytes: int) -> None:
    for method in (GET_CUSTOMER, START_IMPORT):
        code, info = refused(lambda method=method: served.raw(method, bytes(size_bytes), timeout=30))
        assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")


def test_burst_of_calls_on_one_connection_waits_for_its_turn(served: Served) -> None:
    served.credit.get_customer = lambda _request, _context: ANSWER
    with channel_to(served) as channel:
        calls = [channel.unary_unary(GET_CUSTOMER).future(b"", timeout=20) for _ in range(5 * MAX_CALLS_OF_CONNECTION)]
        assert {call.code().name for call in calls} <= {"OK", "RESOURCE_EXHAUSTED"}


def test_burst_of_calls_while_the_event_thread_is_busy_is_answered_with_details(served: Served) -> None:
    go_on = threading.Event()

    def wait(_request: Any, _context: grpc.ServicerContext) -> Any:
        go_on.wait(5)
        return ANSWER

    served.credit.get_customer = wait
    with contextlib.ExitStack() as stack:
        channels = [stack.enter_context(channel_to(served)) for _ in range(20)]
        calls = [channels[number % 20].unary_unary(GET_CUSTOMER).future(b"", timeout=20) for number in range(1_500)]
        # gRPC has them all, and the event thread has come to the first.
        time.sleep(0.5)
        go_on.set()
        codes = Counter(call.code().name for call in calls)
        assert codes.keys() <= {"OK", "RESOURCE_EXHAUSTED"}
        for call in calls:
            if call.code() is not grpc.StatusCode.OK:
                assert refused(call.result)[1].reason == "TOO_MANY_CALLS"


MESSAGE = framed_message(b"\x08\x07")


@pytest.mark.parametrize(
    ("request_", "code", "has_details"),
    [
        ({}, 0, False),
        ({"metadata": [("grpc-timeout", "soon")]}, 13, False),
        ({"metadata": [("grpc-encoding", "snappy")]}, 13, False),
        ({"metadata": [("grpc-encoding", "gzip")]}, 12, False),
        ({"metadata": [("name-bin", "!!!")]}, 13, False),
        ({"method": "HEAD"}, 13, False),
        ({"method": "OPTIONS"}, 13, False),
        ({"messages": [framed_message(b"\x08\x07", is_compressed=True)]}, 13, False),
        ({"messages": [MESSAGE[:6]]}, 3, True),
        ({"messages": [framed_message(b"\x08")]}, 3, True),
        ({"messages": []}, 3, True),
        ({"messages": [], "ends": False, "metadata": [("grpc-timeout", "300m")]}, 4, True),
        ({"messages": [MESSAGE[:6]], "ends": False, "metadata": [("grpc-timeout", "300m")]}, 4, True),
        ({"path": "nothing"}, 12, True),
        ({"path": "/almeno.credit.v1.CreditService/Nothing"}, 12, True),
    ],
    ids=str,
)
def test_request_that_is_no_well_formed_grpc_is_answered_as_the_documentation_of_the_api_says(
    served: Served, request_: dict[str, Any], code: int, has_details: bool
) -> None:
    messages = request_.pop("messages", [MESSAGE])
    with contextlib.closing(RawConnection(served.address)) as raw:
        stream = raw.call(request_.pop("path", GET_CUSTOMER), *messages, **request_)
        eventually(lambda: raw.streams[stream].is_ended)
        text = raw.streams[stream].text
    assert f"grpc-status{chr(len(str(code)))}{code}" in text
    assert ("grpc-status-details-bin" in text) == has_details
    assert served.get_customer() == ANSWER
