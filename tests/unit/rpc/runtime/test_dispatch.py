"""gRPC's own path in forms that other versions of gRPC, or other interceptors, may give it."""

from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from almeno_grpc.rpc.runtime.calls import Resources, Room
from almeno_grpc.rpc.runtime.deadline import Timeouts
from almeno_grpc.rpc.runtime.dispatch import DispatchExecutor, GrpcDispatch, Route
from almeno_grpc.rpc.runtime.executors import CallExecutor, InlineExecutor
from almeno_grpc.rpc.runtime.limits import CallLimits
from almeno_grpc.rpc.runtime.quotas import Quota

HANDLER: Any = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")


@pytest.fixture
def calls() -> Iterator[CallExecutor]:
    executor = CallExecutor(1, "call")
    yield executor
    executor.shutdown()


@pytest.fixture
def dispatch(calls: CallExecutor) -> Iterator[DispatchExecutor]:
    limits = CallLimits(max_concurrent_calls=10, max_message_bytes=1000, slow_call_milliseconds=500)
    resources = Resources(limits, sends=Timeouts(), unread_bytes=Quota(1000), senders=calls)
    yield DispatchExecutor(GrpcDispatch(resources), calls)
    resources.sends.close()


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room(Quota(10))
    yield room
    room.waits.close()


@pytest.mark.parametrize("event", [SimpleNamespace(), SimpleNamespace(call=SimpleNamespace(cancel=int, peer=bytes))])
def test_call_runs_whether_it_can_be_found_in_what_is_submitted_or_not(
    dispatch: DispatchExecutor, calls: CallExecutor, room: Room, event: Any
) -> None:
    answered: Future[Any] = Future()
    dispatch.route_next(Route(HANDLER, calls, room))
    dispatch.submit(answered.set_result, event)
    assert answered.result(5) is event


def test_call_that_another_interceptor_answers_runs_all_the_same(dispatch: DispatchExecutor) -> None:
    answered: Future[Any] = Future()
    dispatch.submit(answered.set_result, 1)
    assert answered.result(5) == 1


def test_route_holds_for_one_call(dispatch: DispatchExecutor, calls: CallExecutor, room: Room) -> None:
    inline, later = Future[Any](), Future[Any]()
    dispatch.route_next(Route(HANDLER, InlineExecutor()))
    dispatch.submit(inline.set_result, 1)
    assert inline.done()
    with_the_thread_taken = Future[Any]()
    dispatch.route_next(Route(HANDLER, calls, room))
    dispatch.submit(lambda: with_the_thread_taken.result(5))
    dispatch.submit(later.set_result, 2)
    assert not later.done()
    assert room.quota.taken == 1
    with_the_thread_taken.set_result(None)
    assert later.result(5) == 2


def test_call_counts_until_its_work_has_ended_however_it_ends(
    dispatch: DispatchExecutor, calls: CallExecutor, room: Room
) -> None:
    def fail() -> None:
        raise SystemExit

    dispatch.route_next(Route(HANDLER, calls, room))
    dispatch.submit(fail).result(5)
    assert room.quota.taken == 0
    calls.shutdown()
    dispatch.route_next(Route(HANDLER, calls, room))
    dispatch.submit(fail)
    assert room.quota.taken == 0
