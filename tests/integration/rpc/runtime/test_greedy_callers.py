"""Callers who stall, who do not read or who want everything: others are served, and what they hold comes back."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from support.http2 import framed_message
from support.raw_http2 import RawConnection
from support.runtime_server import (
    ANSWER,
    GET_CUSTOMER,
    LIMIT,
    START_IMPORT,
    WATCH_IMPORT,
    Served,
    eventually,
    refused,
    runtime_server,
)

from almeno_grpc.api import credit_service_pb2, customer_pb2
from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.rpc.runtime import admission
from almeno_grpc.rpc.runtime.calls import Room
from almeno_grpc.rpc.runtime.limits import MAX_STREAMS, MAX_STREAMS_OF_CALLER

BOTH = pytest.mark.parametrize("early", [True, False], ids=["early", "grpc"])
EARLY = pytest.mark.parametrize("early", [True], ids=["early"])
WATCH_HEALTH = "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
NO_FIELDS = framed_message(b"")
LIST_SERVICES = framed_message(reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString())


@contextlib.contextmanager
def connection(served: Served, window_bytes: int = 65_535) -> Iterator[RawConnection]:
    with contextlib.closing(RawConnection(served.address, window_bytes=window_bytes)) as raw:
        yield raw


@contextlib.contextmanager
def another_caller(served: Served) -> Iterator[grpc.Channel]:
    """A connection of its own."""
    with grpc.insecure_channel(served.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield channel


def customer(channel: grpc.Channel, timeout: float = 5) -> Any:
    return channel.unary_unary(GET_CUSTOMER)(b"", timeout=timeout)


def under_way(served: Served, number: int) -> None:
    eventually(lambda: served.admission.calls_under_way == number)


def fill(room: Room, method: str, numbers: dict[RawConnection, int]) -> None:
    """Has each connection begin calls that go no further, until there are that many altogether."""
    for raw, number in numbers.items():
        while room.quota.taken < number:
            raw.call(method, ends=False)
            time.sleep(0.02)


def threads(served: Served, *pools: str) -> int:
    return sum(len(getattr(served.admission, f"_{pool}")._threads._threads) for pool in pools)


@BOTH
def test_call_counts_until_its_answer_is_read_and_a_caller_who_does_not_read_is_cut_off(early: bool) -> None:
    with runtime_server(dispatches_early=early, answer_timeout_seconds=0.6) as served, connection(served, 0) as silent:
        for _ in range(LIMIT):
            silent.call(GET_CUSTOMER, NO_FIELDS)
        eventually(lambda: served.metrics.calls[GET_CUSTOMER, "OK"] == LIMIT)
        assert served.admission.calls_under_way == LIMIT
        with another_caller(served) as other:
            assert customer(other) == ANSWER.SerializeToString()
        under_way(served, 0)
        eventually(lambda: all(seen.reset_code is not None for seen in silent.streams.values()))


@BOTH
def test_answers_that_wait_to_be_read_are_bounded_in_bytes(early: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_UNREAD_BYTES", 200_000)
    large = credit_service_pb2.GetCustomerResponse(customer=customer_pb2.Customer(first_name="x" * 60_000))
    with (
        runtime_server(dispatches_early=early, max_concurrent_calls=100) as served,
        connection(served, 0) as silent,
        another_caller(served) as other,
    ):
        served.credit.get_customer = lambda _request, _context: large
        streams = [silent.call(GET_CUSTOMER, NO_FIELDS) for _ in range(10)]
        # Two take 120 of 200 kB; a third would be more than it leaves free.
        eventually(lambda: sum(silent.streams[stream].is_ended for stream in streams) == 8)
        assert all("grpc-status\x018" in seen.text for seen in silent.streams.values() if seen.is_ended)
        assert len(customer(other)) > 60_000
        silent.close()
        under_way(served, 0)
        assert served.admission._resources.unread_bytes.taken == 0


@BOTH
def test_stream_that_nobody_reads_gives_its_thread_back(early: bool) -> None:
    closed = threading.Event()

    def watch() -> Iterator[Any]:
        try:
            while True:
                yield pb.WatchImportResponse()
        finally:
            closed.set()

    with runtime_server(dispatches_early=early, answer_timeout_seconds=0.3) as served, connection(served, 0) as silent:
        served.portfolio.watch = watch
        silent.call(WATCH_IMPORT, NO_FIELDS)
        under_way(served, 1)
        assert closed.wait(5)
        under_way(served, 0)


@BOTH
def test_watches_of_health_that_nobody_reads_hold_up_neither_checks_nor_other_watches_nor_the_stop(
    early: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        runtime_server(dispatches_early=early, answer_timeout_seconds=1) as served,
        connection(served, 0) as silent,
        another_caller(served) as other,
    ):
        for _ in range(LIMIT):
            silent.call(WATCH_HEALTH, NO_FIELDS)
        eventually(lambda: served.admission._threadless_room.quota.taken == LIMIT)
        health = health_pb2_grpc.HealthStub(other)
        request = health_pb2.HealthCheckRequest()
        assert health.Check(request, timeout=0.8).status == health_pb2.HealthCheckResponse.SERVING
        watch = health.Watch(request, timeout=5)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        began_seconds = time.monotonic()
        served.health.enter_graceful_shutdown()
        served.admission.end_watches()
        assert time.monotonic() - began_seconds < 0.5
        assert [seen.status for seen in watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]
        eventually(lambda: served.admission._threadless_room.quota.taken == 0)
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


@BOTH
def test_connection_holds_no_more_calls_than_it_leaves_free(early: bool) -> None:
    with runtime_server(dispatches_early=early) as served, connection(served) as greedy:
        streams = [greedy.call(GET_CUSTOMER, ends=False) for _ in range(5 * LIMIT)]
        eventually(lambda: sum(greedy.streams[stream].is_ended for stream in streams) == 4 * LIMIT)
        assert served.admission.calls_under_way == LIMIT
        with another_caller(served) as other, another_caller(served) as third:
            calls = [each.unary_unary(GET_CUSTOMER).future(b"", timeout=10) for each in (other, third)]
            if not early:
                # gRPC's own path has two threads, on which calls wait for their requests.
                greedy.close()
            assert [call.result() for call in calls] == [ANSWER.SerializeToString()] * 2


@EARLY
def test_new_caller_takes_the_place_of_the_call_that_has_waited_longest_for_its_request(early: bool) -> None:
    with runtime_server(dispatches_early=early) as served, contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(connection(served)) for _ in range(3)]
        numbers = (LIMIT, LIMIT + 2, 2 * LIMIT)
        fill(served.admission._call_room, GET_CUSTOMER, dict(zip(greedy, numbers, strict=True)))
        with another_caller(served) as other:
            calls = [other.unary_unary(GET_CUSTOMER).future(b"", timeout=5) for _ in range(2)]
            assert [call.result() for call in calls] == [ANSWER.SerializeToString()] * 2
        first = greedy[0].streams[1]
        eventually(lambda: first.is_ended)
        assert "grpc-status\x018" in first.text


@EARLY
def test_time_for_requests_is_short_where_room_is(early: bool) -> None:
    with (
        runtime_server(dispatches_early=early, request_timeout_seconds=4) as served,
        connection(served) as first,
        connection(served) as second,
        connection(served) as third,
    ):
        fill(served.admission._call_room, GET_CUSTOMER, {first: LIMIT, second: LIMIT + 2, third: 2 * LIMIT})
        eventually(lambda: first.streams[1].is_ended)
        # One that has had its whole time is told so by DEADLINE_EXCEEDED.
        assert "grpc-status\x018" in first.streams[1].text


@EARLY
def test_call_whose_request_is_not_there_at_its_deadline_has_an_error_info(early: bool) -> None:
    with runtime_server(dispatches_early=early) as served, connection(served) as half_open:
        stream = half_open.call(GET_CUSTOMER, ends=False, metadata=[("grpc-timeout", "400m")])
        eventually(lambda: half_open.streams[stream].is_ended)
        text = half_open.streams[stream].text
        assert "grpc-status\x014" in text
        assert "grpc-status-details-bin" in text


@BOTH
def test_connection_has_its_share_of_the_streams_and_others_have_theirs(early: bool) -> None:
    with (
        runtime_server(dispatches_early=early) as served,
        connection(served) as greedy,
        another_caller(served) as other,
    ):
        streams = [greedy.call(START_IMPORT, NO_FIELDS, ends=False) for _ in range(100)]
        eventually(lambda: sum(greedy.streams[each].is_ended for each in streams) == 100 - MAX_STREAMS_OF_CALLER)
        assert other.stream_unary(START_IMPORT)(iter([b""]), timeout=5) == b""
        greedy.close()
        under_way(served, 0)


@EARLY
def test_new_caller_takes_the_place_of_the_upload_that_has_waited_longest_for_its_next_message(early: bool) -> None:
    with runtime_server(dispatches_early=early) as served, contextlib.ExitStack() as stack:
        numbers = (8, 16, 24, 32, 40, 48, 56, 60, 62, 63, MAX_STREAMS)
        greedy = {stack.enter_context(connection(served)): number for number in numbers}
        fill(served.admission._stream_room, START_IMPORT, greedy)
        other = stack.enter_context(another_caller(served))
        for _ in range(3):
            assert other.stream_unary(START_IMPORT)(iter([b""]), timeout=5) == b""
        assert "grpc-status\x014" in "".join(seen.text for raw in greedy for seen in raw.streams.values())


@BOTH
def test_upload_of_which_nothing_comes_is_ended_in_time(early: bool) -> None:
    waiting = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b""
        waiting.wait(5)

    with runtime_server(dispatches_early=early, piece_timeout_seconds=0.3) as served:
        call = served.channel.stream_unary(START_IMPORT).future(pieces(), timeout=5)
        if early:
            code, info = refused(call.result)
            assert (code, info.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        else:
            assert call.code() is grpc.StatusCode.CANCELLED
        under_way(served, 0)
        assert served.portfolio.uploads == []
        waiting.set()


@EARLY
def test_streams_of_reflection_hold_no_thread_between_their_requests(early: bool) -> None:
    with runtime_server(dispatches_early=early) as served, connection(served) as idle:
        streams = [idle.call(REFLECT, ends=False) for _ in range(LIMIT)]
        eventually(lambda: served.admission._threadless_room.quota.taken == LIMIT)
        assert threads(served, "streams", "exchanges", "calls") == 0
        idle.data(streams[0], LIST_SERVICES)
        eventually(lambda: idle.streams[streams[0]].data_bytes > 0)
        idle.data(streams[0], LIST_SERVICES + LIST_SERVICES, ends=True)
        eventually(lambda: idle.streams[streams[0]].is_ended)
        assert "grpc-status\x010" in idle.streams[streams[0]].text
        eventually(lambda: served.admission._threadless_room.quota.taken == LIMIT - 1)
        eventually(lambda: served.metrics.calls[REFLECT, "OK"] == 1)
        idle.close()
        eventually(lambda: served.admission._threadless_room.quota.taken == 0)
        eventually(lambda: served.metrics.calls[REFLECT, "CANCELLED"] == LIMIT - 1)


@BOTH
def test_stream_of_reflection_ends_with_an_error_for_what_is_no_message(early: bool) -> None:
    with runtime_server(dispatches_early=early) as served:
        call = served.channel.stream_stream(REFLECT)(iter([b"", b"\xff"]), timeout=5)
        assert next(call)
        code, info = refused(lambda: next(call))
        assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
        eventually(lambda: served.admission._threadless_room.quota.taken == 0)
        assert served.metrics.calls[REFLECT, "INVALID_ARGUMENT"] == 1


@BOTH
def test_idle_stream_of_reflection_is_ended(early: bool) -> None:
    with runtime_server(dispatches_early=early, piece_timeout_seconds=0.3) as served, connection(served) as idle:
        stream = idle.call(REFLECT, LIST_SERVICES, ends=False)
        eventually(lambda: idle.streams[stream].is_ended)
        assert idle.streams[stream].data_bytes > 0
        assert not early or "grpc-status\x014" in idle.streams[stream].text
        eventually(lambda: served.admission._threadless_room.quota.taken == 0)


@BOTH
def test_stream_of_reflection_that_nobody_reads_is_cut_off(early: bool) -> None:
    with runtime_server(dispatches_early=early, answer_timeout_seconds=0.3) as served, connection(served, 0) as silent:
        stream = silent.call(REFLECT, LIST_SERVICES, ends=False)
        eventually(lambda: silent.streams[stream].is_ended)
        assert silent.streams[stream].data_bytes == 0
        eventually(lambda: served.admission._threadless_room.quota.taken == 0)


@BOTH
def test_refusal_says_when_to_come_again(early: bool) -> None:
    with runtime_server(dispatches_early=early) as served, another_caller(served) as other:
        leave = threading.Event()

        def wait(_request: Any, _context: grpc.ServicerContext) -> Any:
            leave.wait(5)
            return ANSWER

        served.credit.get_customer = wait
        calls = [other.unary_unary(GET_CUSTOMER).future(b"", timeout=5) for _ in range(LIMIT)]
        under_way(served, LIMIT)
        pushbacks = {pushback_of(lambda: customer(other)) for _ in range(10)}
        assert all(100 <= pushback <= 2000 for pushback in pushbacks)
        assert len(pushbacks) > 1
        leave.set()
        assert [call.result() for call in calls] == [ANSWER.SerializeToString()] * LIMIT
        # What is too large will be too large again.
        assert pushback_of(lambda: other.unary_unary(GET_CUSTOMER)(bytes(1001), timeout=5)) == -1


def pushback_of(call: Callable[[], object]) -> int:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    # A call that has failed has its metadata; the stubs do not say so.
    metadata: Any = caught.value
    return int(dict(metadata.trailing_metadata())["grpc-retry-pushback-ms"])
