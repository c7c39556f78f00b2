"""Calls hold a thread only while it works for them: not before their request has come, nor while an answer is due."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import grpc
import pytest
from support.runtime_server import (
    ANSWER,
    GET_CUSTOMER,
    LIMIT,
    START_IMPORT,
    Served,
    eventually,
    guarded_server,
    refused,
)

from almeno_grpc.domain.errors import CustomerNotFound


@pytest.fixture
def served() -> Iterator[Served]:
    with guarded_server() as served:
        yield served


@pytest.fixture
def pending(served: Served) -> list[Future[Any]]:
    """What the handler waits for, call by call."""
    futures: list[Future[Any]] = []

    def answer_later(_request: Any, _context: grpc.ServicerContext) -> Any:
        futures.append(Future())
        return futures[-1]

    served.credit.get_customer = answer_later
    return futures


def test_call_that_waits_for_its_request_counts_and_has_no_thread(served: Served) -> None:
    ended = threading.Event()

    def silence() -> Iterator[bytes]:
        ended.wait(5)
        yield from ()

    call = served.channel.stream_unary(GET_CUSTOMER).future(silence(), timeout=5)
    eventually(lambda: served.guard.calls_under_way == 1)
    assert served.guard.calls._running == []
    assert call.code() is grpc.StatusCode.CANCELLED
    ended.set()


def test_calls_whose_answers_are_due_count_and_have_no_threads(served: Served, pending: list[Future[Any]]) -> None:
    calls = [served.get_customer_later() for _ in range(LIMIT)]
    eventually(lambda: len(pending) == LIMIT)
    assert len(served.guard.calls._running) < LIMIT
    assert served.guard.calls.is_full
    code, info = refused(served.get_customer)
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    for future in pending:
        future.set_result(ANSWER.SerializeToString())
    assert [call.result() for call in calls] == [ANSWER] * LIMIT
    eventually(lambda: served.guard.calls_under_way == 0)
    assert served.metrics.calls[GET_CUSTOMER, "OK"] == LIMIT


def test_time_of_a_call_lasts_until_its_answer(served: Served, pending: list[Future[Any]]) -> None:
    call = served.get_customer_later()
    eventually(lambda: len(pending) == 1)
    with pytest.raises(TimeoutError):
        pending[0].result(0.1)
    pending[0].set_result(ANSWER)
    call.result()
    assert served.metrics.seconds[0] >= 0.1


def test_answer_that_fails_later_is_a_refusal(served: Served, pending: list[Future[Any]]) -> None:
    calls = [served.get_customer_later() for _ in range(2)]
    eventually(lambda: len(pending) == 2)
    for future, error in zip(pending, (CustomerNotFound(7), RuntimeError("Asha")), strict=True):
        future.set_exception(error)
    assert sorted(call.code().name for call in calls) == ["INTERNAL", "NOT_FOUND"]
    eventually(lambda: served.guard.calls_under_way == 0)


def test_answer_to_a_caller_who_is_gone_is_dropped_and_makes_room(served: Served, pending: list[Future[Any]]) -> None:
    call = served.get_customer_later()
    eventually(lambda: len(pending) == 1)
    call.cancel()
    # What the call is answered with later, whoever waits for it, goes nowhere.
    pending[0].set_result(ANSWER)
    eventually(lambda: served.guard.calls_under_way == 0)
    served.credit.get_customer = lambda _request, _context: ANSWER
    assert served.get_customer() == ANSWER


def test_handler_that_ends_the_program_ends_its_call_alone(served: Served) -> None:
    def leave(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise SystemExit

    served.credit.get_customer = leave
    code, info = refused(served.get_customer)
    assert (code, info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    served.credit.get_customer = lambda _request, _context: ANSWER
    assert served.get_customer() == ANSWER
    eventually(lambda: served.guard.calls_under_way == 0)


def test_call_for_which_there_is_no_thread_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(served.guard.calls, "_start_thread", refuse)
        patch.setattr(served.guard.streams, "_start_thread", refuse)
        for call in (served.get_customer, lambda: served.raw(START_IMPORT, b"")):
            code, info = refused(call)
            assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    assert served.get_customer() == ANSWER
    served.raw(START_IMPORT, b"")
    eventually(lambda: served.guard.calls_under_way == 0)


def test_call_that_cannot_be_counted_is_answered_all_the_same(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(served.metrics, "call", fail)
    assert served.get_customer() == ANSWER
    served.credit.get_customer = lambda _request, _context: pending_failure()
    code, _ = refused(served.get_customer)
    assert code is grpc.StatusCode.INTERNAL
    eventually(lambda: served.guard.calls_under_way == 0)


@pytest.fixture
def prompt() -> Iterator[Served]:
    """A server that runs one method as soon as its request is there."""
    with guarded_server({GET_CUSTOMER}) as served:
        yield served


def test_prompt_call_needs_no_thread_of_its_own(prompt: Served) -> None:
    assert [prompt.get_customer() for _ in range(3)] == [ANSWER] * 3
    assert prompt.guard.writes._running == prompt.guard.calls._running == []
    assert prompt.metrics.calls[GET_CUSTOMER, "OK"] == 3
    eventually(lambda: prompt.guard.calls_under_way == 0)


def test_prompt_call_with_a_large_request_goes_to_a_thread(prompt: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt.guard._prompt_arrivals, "_prompt_bytes", 1)
    assert prompt.get_customer() == ANSWER
    assert len(prompt.guard.writes._running) == 1
    eventually(lambda: prompt.guard.calls_under_way == 0)


def test_prompt_call_without_a_request_is_refused(prompt: Served) -> None:
    code, _ = refused(lambda: prompt.raw(GET_CUSTOMER))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert prompt.get_customer() == ANSWER


@pytest.mark.parametrize("error", [CustomerNotFound(7), RuntimeError("Asha"), SystemExit()])
def test_prompt_call_that_fails_ends_alone(prompt: Served, error: BaseException) -> None:
    def fail(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise error

    prompt.credit.get_customer = fail
    code, _ = refused(prompt.get_customer)
    assert code is (grpc.StatusCode.NOT_FOUND if isinstance(error, CustomerNotFound) else grpc.StatusCode.INTERNAL)
    prompt.credit.get_customer = lambda _request, _context: ANSWER
    assert prompt.get_customer() == ANSWER
    eventually(lambda: prompt.guard.calls_under_way == 0)


def test_prompt_call_that_cannot_be_counted_is_answered_all_the_same(
    prompt: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prompt.metrics, "call", fail)
    assert prompt.get_customer() == ANSWER
    prompt.credit.get_customer = lambda _request, _context: pending_failure()
    code, _ = refused(prompt.get_customer)
    assert code is grpc.StatusCode.INTERNAL
    prompt.credit.get_customer = lambda _request, _context: ANSWER
    assert prompt.get_customer() == ANSWER
    eventually(lambda: prompt.guard.calls_under_way == 0)


def pending_failure() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(RuntimeError("Asha"))
    return future
