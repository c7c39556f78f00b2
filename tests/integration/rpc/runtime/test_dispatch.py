"""How calls get their requests and their threads: what holds with each engine, and what with early dispatch alone."""

import contextlib
import threading
from collections.abc import Callable, Iterator
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
    refused,
    runtime_server,
)

from almeno_grpc.domain.errors import CustomerNotFound
from almeno_grpc.rpc.runtime import admission
from almeno_grpc.rpc.runtime.dispatch import EARLY_DISPATCH_VERSIONS

BOTH = pytest.mark.parametrize("engine", ["early", "grpc"], indirect=True)
EARLY = pytest.mark.parametrize("engine", ["early"], indirect=True)
GRPC = pytest.mark.parametrize("engine", ["grpc"], indirect=True)
pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def served(engine: str) -> Iterator[Served]:
    with runtime_server(dispatches_early=engine == "early") as served:
        yield served


@pytest.fixture
def impatient(engine: str) -> Iterator[Served]:
    """A server that waits a second for the request of a call."""
    with runtime_server(dispatches_early=engine == "early", request_timeout_seconds=1) as served:
        yield served


@pytest.fixture
def inline(engine: str) -> Iterator[Served]:
    """A server one of whose methods is inline."""
    with runtime_server(dispatches_early=engine == "early", inline=["GetCustomer"]) as served:
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


@pytest.fixture
def silence() -> Iterator[Callable[[], Iterator[bytes]]]:
    """The requests of a caller who sends none, until the test is over."""
    ended = threading.Event()

    def requests() -> Iterator[bytes]:
        ended.wait(5)
        yield from ()

    yield requests
    ended.set()


def threads_of(served: Served) -> int:
    """The threads that calls have been given so far."""
    executors = (served.admission._calls, served.admission._writes)
    return sum(len(executor._threads._threads) for executor in executors)


def has_failed(error: Exception) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


@BOTH
def test_call_whose_request_does_not_arrive_counts_and_is_ended_in_time(
    impatient: Served, silence: Callable[[], Iterator[bytes]]
) -> None:
    call = impatient.channel.stream_unary(GET_CUSTOMER).future(silence(), timeout=5)
    eventually(lambda: impatient.admission.calls_under_way == 1)
    assert call.code() is (
        grpc.StatusCode.DEADLINE_EXCEEDED if impatient.dispatches_early else grpc.StatusCode.CANCELLED
    )
    eventually(lambda: impatient.admission.calls_under_way == 0)
    assert impatient.get_customer() == ANSWER


@EARLY
def test_callers_that_never_send_their_request_hold_no_threads(
    impatient: Served, silence: Callable[[], Iterator[bytes]]
) -> None:
    calls = [impatient.channel.stream_unary(GET_CUSTOMER).future(silence(), timeout=5) for _ in range(2)]
    eventually(lambda: impatient.admission.calls_under_way == 2)
    assert threads_of(impatient) == 0
    assert impatient.get_customer(timeout=0.9) == ANSWER
    for call in calls:
        code, info = refused(call.result)
        assert (code, info.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


@GRPC
def test_callers_that_never_send_their_request_hold_threads_until_their_time_is_over(
    impatient: Served, silence: Callable[[], Iterator[bytes]]
) -> None:
    calls = [impatient.channel.stream_unary(GET_CUSTOMER).future(silence(), timeout=5) for _ in range(2)]
    eventually(lambda: threads_of(impatient) == 2)
    assert impatient.get_customer(timeout=2) == ANSWER
    assert [call.code() for call in calls] == [grpc.StatusCode.CANCELLED] * 2


@EARLY
def test_call_without_a_request_is_an_invalid_argument(served: Served) -> None:
    for method in (GET_CUSTOMER, "/grpc.health.v1.Health/Watch", "/almeno.credit.v1.PortfolioService/WatchImport"):
        code, info = refused(lambda method=method: served.raw(method))
        assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert served.metrics.calls[GET_CUSTOMER, "INVALID_ARGUMENT"] == 1


@GRPC
def test_call_without_a_request_is_answered_by_grpc_without_details(served: Served) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        served.raw(GET_CUSTOMER)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    eventually(lambda: served.admission.calls_under_way == 0)
    assert served.get_customer() == ANSWER


@EARLY
def test_calls_whose_answers_are_due_count_and_hold_no_threads(served: Served, pending: list[Future[Any]]) -> None:
    calls = [served.get_customer_later() for _ in range(LIMIT)]
    eventually(lambda: len(pending) == LIMIT)
    assert threads_of(served) < LIMIT
    code, info = refused(served.get_customer)
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    for future in pending:
        future.set_result(ANSWER.SerializeToString())
    assert [call.result() for call in calls] == [ANSWER] * LIMIT
    eventually(lambda: served.admission.calls_under_way == 0)
    assert served.metrics.calls[GET_CUSTOMER, "OK"] == LIMIT


@GRPC
def test_calls_whose_answers_are_due_count_and_hold_a_thread_each(served: Served, pending: list[Future[Any]]) -> None:
    calls = [served.get_customer_later() for _ in range(LIMIT)]
    eventually(lambda: served.admission.calls_under_way == LIMIT and len(pending) == 2)
    code, info = refused(served.get_customer)
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    for number in range(LIMIT):
        eventually(lambda number=number: len(pending) > number)
        pending[number].set_result(ANSWER)
    assert [call.result() for call in calls] == [ANSWER] * LIMIT
    eventually(lambda: served.admission.calls_under_way == 0)


@BOTH
def test_time_of_a_call_lasts_until_its_answer(served: Served, pending: list[Future[Any]]) -> None:
    call = served.get_customer_later()
    eventually(lambda: len(pending) == 1)
    with pytest.raises(TimeoutError):
        pending[0].result(0.1)
    pending[0].set_result(ANSWER)
    call.result()
    assert served.metrics.seconds[0] >= 0.1


@BOTH
def test_call_may_take_longer_than_its_request(served: Served, pending: list[Future[Any]]) -> None:
    call = served.get_customer_later()
    eventually(lambda: len(pending) == 1)
    with pytest.raises(TimeoutError):
        pending[0].result(0.5)
    pending[0].set_result(ANSWER)
    assert call.result() == ANSWER


@BOTH
def test_answer_that_fails_later_is_an_error(served: Served, pending: list[Future[Any]]) -> None:
    calls = [served.get_customer_later() for _ in range(2)]
    eventually(lambda: len(pending) == 2)
    for future, error in zip(pending, (CustomerNotFound(7), RuntimeError("Asha")), strict=True):
        future.set_exception(error)
    assert sorted(call.code().name for call in calls) == ["INTERNAL", "NOT_FOUND"]
    eventually(lambda: served.admission.calls_under_way == 0)


@BOTH
def test_answer_to_a_caller_who_is_gone_is_dropped_and_makes_room(served: Served, pending: list[Future[Any]]) -> None:
    call = served.get_customer_later()
    eventually(lambda: len(pending) == 1)
    call.cancel()
    # What the call is answered with later, whoever waits for it, goes nowhere.
    pending[0].set_result(ANSWER)
    eventually(lambda: served.admission.calls_under_way == 0)
    served.credit.get_customer = lambda _request, _context: ANSWER
    assert served.get_customer() == ANSWER


@BOTH
def test_handler_that_ends_the_program_ends_its_call_alone(served: Served) -> None:
    def leave(*_: Any) -> Any:
        raise SystemExit

    served.credit.get_customer = leave
    served.portfolio.start_import = leave
    for call in (served.get_customer, lambda: served.raw(START_IMPORT, b"")):
        code, info = refused(call)
        assert (code, info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    served.credit.get_customer = lambda _request, _context: ANSWER
    assert served.get_customer() == ANSWER
    eventually(lambda: served.admission.calls_under_way == 0)


@contextlib.contextmanager
def without_threads(served: Served) -> Iterator[None]:
    """The system has no thread left while the block lasts."""

    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patch:
        for executor in (served.admission._calls, served.admission._streams):
            patch.setattr(executor._threads, "_adjust_thread_count", refuse)
        yield


@EARLY
def test_call_for_which_there_is_no_thread_is_rejected_and_does_not_run_later(served: Served) -> None:
    ran: list[Any] = []

    def note(request: Any, _context: grpc.ServicerContext) -> Any:
        ran.append(request)
        return ANSWER

    served.credit.get_customer = note
    with without_threads(served):
        for call in (served.get_customer, lambda: served.raw(START_IMPORT, b"")):
            code, info = refused(call)
            assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    assert served.get_customer() == ANSWER
    assert len(ran) == 1
    served.raw(START_IMPORT, b"")
    eventually(lambda: served.admission.calls_under_way == 0)


@GRPC
def test_call_for_which_there_is_no_thread_is_cancelled_once_its_time_is_over(impatient: Served) -> None:
    with without_threads(impatient), pytest.raises(grpc.RpcError) as caught:
        impatient.get_customer()
    assert caught.value.code() is grpc.StatusCode.CANCELLED
    assert impatient.admission.calls_under_way == 0
    assert impatient.get_customer() == ANSWER


@BOTH
def test_call_that_cannot_be_counted_is_answered_all_the_same(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    count = served.metrics.call

    def fail(*call: Any) -> None:
        count(*call)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(served.metrics, "call", fail)
    assert served.get_customer() == ANSWER
    served.raw(START_IMPORT, b"")
    served.credit.get_customer = lambda _request, _context: has_failed(RuntimeError("Asha"))
    code, _ = refused(served.get_customer)
    assert code is grpc.StatusCode.INTERNAL
    code, _ = refused(lambda: served.raw("/x/y", b""))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    eventually(lambda: served.admission.calls_under_way == 0)


@EARLY
def test_inline_call_needs_no_thread_of_its_own(inline: Served) -> None:
    assert [inline.get_customer() for _ in range(3)] == [ANSWER] * 3
    assert threads_of(inline) == 0
    assert inline.metrics.calls[GET_CUSTOMER, "OK"] == 3
    eventually(lambda: inline.admission.calls_under_way == 0)


@EARLY
def test_inline_call_with_a_large_request_goes_to_a_thread(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "INLINE_REQUEST_BYTES", 1)
    with runtime_server(dispatches_early=engine == "early", inline=["GetCustomer"]) as served:
        assert served.get_customer() == ANSWER
        eventually(lambda: threads_of(served) == 1)
        eventually(lambda: served.admission.calls_under_way == 0)


@EARLY
def test_inline_call_without_a_request_is_an_invalid_argument(inline: Served) -> None:
    code, _ = refused(lambda: inline.raw(GET_CUSTOMER))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert inline.get_customer() == ANSWER


@BOTH
@pytest.mark.parametrize("error", [CustomerNotFound(7), RuntimeError("Asha"), SystemExit()])
def test_inline_call_that_fails_ends_alone(inline: Served, error: BaseException) -> None:
    def fail(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise error

    inline.credit.get_customer = fail
    code, _ = refused(inline.get_customer)
    assert code is (grpc.StatusCode.NOT_FOUND if isinstance(error, CustomerNotFound) else grpc.StatusCode.INTERNAL)
    inline.credit.get_customer = lambda _request, _context: ANSWER
    assert inline.get_customer() == ANSWER
    eventually(lambda: inline.admission.calls_under_way == 0)


@BOTH
def test_inline_call_that_cannot_be_counted_is_answered_all_the_same(
    inline: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = inline.metrics.call

    def fail(*call: Any) -> None:
        count(*call)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inline.metrics, "call", fail)
    assert inline.get_customer() == ANSWER
    inline.credit.get_customer = lambda _request, _context: has_failed(RuntimeError("Asha"))
    code, _ = refused(inline.get_customer)
    assert code is grpc.StatusCode.INTERNAL
    inline.credit.get_customer = lambda _request, _context: ANSWER
    assert inline.get_customer() == ANSWER
    eventually(lambda: inline.admission.calls_under_way == 0)


@EARLY
def test_early_dispatch_is_used_with_the_locked_version_of_grpc(engine: str) -> None:
    assert engine
    assert grpc.__version__ in EARLY_DISPATCH_VERSIONS, "run these tests with it, and add it where they pass"
