"""What surrounds every call, with each way of dispatch: a server on a free port, with handlers of the tests' own."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
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

from almeno_grpc.api import (
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)
from almeno_grpc.domain.errors import CustomerNotFound, InvalidField, StoreUnavailable


@pytest.fixture(params=[True, False], ids=["early", "grpc"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with runtime_server(dispatches_early=request.param) as served:
        yield served


def test_answer_reaches_the_caller_and_is_counted(served: Served) -> None:
    assert served.get_customer() == ANSWER
    assert served.metrics.calls == {(GET_CUSTOMER, "OK"): 1}


def test_answer_in_bytes_is_sent_as_it_is(served: Served) -> None:
    # An unknown field in front: encoding the message again would put it last.
    kept = b"\xf8\x3f\x01" + ANSWER.SerializeToString()
    served.credit.get_customer = lambda _request, _context: kept
    assert served.raw(GET_CUSTOMER, b"") == kept


def test_error_of_the_domain_gets_its_code_and_reason(served: Served) -> None:
    def fail(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise CustomerNotFound(7)

    served.credit.get_customer = fail
    code, info = refused(served.get_customer)
    assert (code, info.reason, dict(info.metadata)) == (
        grpc.StatusCode.NOT_FOUND,
        "CUSTOMER_NOT_FOUND",
        {"customer_id": "7"},
    )
    assert served.metrics.calls == {(GET_CUSTOMER, "NOT_FOUND"): 1}


def test_unexpected_exception_tells_the_caller_nothing_of_itself(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise RuntimeError("Asha +919876543210")

    served.credit.get_customer = fail
    with pytest.raises(grpc.RpcError) as caught:
        served.get_customer()
    assert "Asha" not in str(caught.value)
    code, info = refused(served.get_customer)
    assert (code, info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    failed = [record for record in caplog.records if record.message == "call_failed"]
    assert [record.fields["method"] for record in failed] == [GET_CUSTOMER] * 2  # type: ignore[attr-defined]
    assert "Asha" not in caplog.messages


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (GET_CUSTOMER, b"\xff"),
        (GET_CUSTOMER, b"\x08"),
        (GET_CUSTOMER, b"\x0b" * 200),
        (START_IMPORT, b"\x0a\xff\xff\xff\xff\x0f"),
        (START_IMPORT, b"\x0a\x04\x12\x02\xff\xfe"),
        ("/grpc.health.v1.Health/Check", b"\x0a\x01\xff"),
        ("/grpc.health.v1.Health/Watch", b"\x0a\x01\xff"),
    ],
)
def test_bytes_that_are_no_message_are_an_invalid_argument(served: Served, method: str, message: bytes) -> None:
    code, info = refused(lambda: served.raw(method, message))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


def test_message_beyond_the_limit_is_refused_and_one_at_it_is_taken(served: Served) -> None:
    def filled(size_bytes: int) -> bytes:
        # Field 1007, unknown to the message: two bytes of tag, two of length.
        filling_bytes = size_bytes - 4
        return bytes([0xFA, 0x3E, filling_bytes & 0x7F | 0x80, filling_bytes >> 7]) + bytes(filling_bytes)

    assert served.raw(GET_CUSTOMER, filled(1000)) == ANSWER.SerializeToString()
    code, info = refused(lambda: served.raw(GET_CUSTOMER, filled(1001)))
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")


def test_unknown_method_is_told_with_details_and_counted_under_one_name(served: Served) -> None:
    for method in ("/almeno.credit.v1.CreditService/CloseBank", "/x/y"):
        code, info = refused(lambda method=method: served.raw(method, b""))
        assert (code, info.reason) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_NOT_FOUND")
    assert served.metrics.calls == {("/unknown/unknown", "UNIMPLEMENTED"): 2}


def test_calls_beyond_the_limit_are_refused_at_once_and_later_ones_are_served(served: Served) -> None:
    leave = threading.Event()

    def wait(_request: Any, _context: grpc.ServicerContext) -> Any:
        leave.wait(5)
        return ANSWER

    served.credit.get_customer = wait
    waiting = [served.get_customer_later() for _ in range(LIMIT)]
    eventually(lambda: served.admission.calls_under_way == LIMIT)
    started = time.monotonic()
    code, info = refused(served.get_customer)
    assert time.monotonic() - started < 0.5
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    leave.set()
    assert [call.result() for call in waiting] == [ANSWER] * LIMIT
    eventually(lambda: served.admission.calls_under_way == 0)
    assert served.get_customer() == ANSWER


def test_server_that_stops_refuses_calls_and_goes_on_to_tell_its_health(served: Served) -> None:
    served.admission.reject_calls()
    code, info = refused(served.get_customer)
    assert (code, info.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")
    assert served.raw("/grpc.health.v1.Health/Check", b"")


def hold_both_threads(served: Served) -> tuple[threading.Event, list[Any], list[Any]]:
    """Calls that hold the threads until the event is set: the event, the contexts of the calls that ran, the calls."""
    leave, ran = threading.Event(), []

    def wait(_request: Any, context: grpc.ServicerContext) -> Any:
        ran.append(context)
        leave.wait(5)
        return ANSWER

    served.credit.get_customer = wait
    running = [served.get_customer_later() for _ in range(2)]
    eventually(lambda: len(ran) == 2)
    return leave, ran, running


def test_calls_cancelled_while_they_wait_do_not_run_and_make_room(served: Served) -> None:
    leave, ran, running = hold_both_threads(served)
    queued = served.get_customer_later()
    eventually(lambda: served.admission.calls_under_way == LIMIT)
    queued.cancel()
    # Until the server has heard of it.
    time.sleep(0.1)
    leave.set()
    assert [call.result() for call in running] == [ANSWER] * 2
    eventually(lambda: served.admission.calls_under_way == 0)
    assert len(ran) == 2
    # gRPC drops it before it comes to the chain.
    assert served.metrics.calls[GET_CUSTOMER, "CANCELLED"] == served.dispatches_early


def test_call_whose_deadline_passes_while_it_waits_does_not_run(served: Served) -> None:
    leave, ran, running = hold_both_threads(served)
    with pytest.raises(grpc.RpcError) as caught:
        served.get_customer(timeout=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    # Until the server has heard of it.
    time.sleep(0.1)
    leave.set()
    assert [call.result() for call in running] == [ANSWER] * 2
    eventually(lambda: served.admission.calls_under_way == 0)
    assert len(ran) == 2
    assert served.metrics.calls[GET_CUSTOMER, "DEADLINE_EXCEEDED"] == served.dispatches_early


def test_no_count_leaks_under_a_storm_of_cancelled_late_and_refused_calls(served: Served) -> None:
    def work(_request: Any, _context: grpc.ServicerContext) -> Any:
        time.sleep(0.002)
        return ANSWER

    served.credit.get_customer = work

    def storm(caller: int) -> Counter[str]:
        codes: Counter[str] = Counter()
        for turn in range(40):
            call = served.get_customer_later(timeout=0.003 if turn % 3 == 0 else 5)
            if turn % 3 == 1:
                time.sleep(0.001 * (caller % 3))
                call.cancel()
            codes[call.code().name] += 1
        return codes

    with ThreadPoolExecutor(8) as callers:
        codes: Counter[str] = sum(callers.map(storm, range(8)), Counter())
    assert set(codes) <= {"OK", "CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}
    assert codes["OK"]
    assert codes["RESOURCE_EXHAUSTED"]
    eventually(lambda: served.admission.calls_under_way == 0)
    assert served.get_customer() == ANSWER


def test_streams_run_beside_the_call_threads(served: Served) -> None:
    leave = threading.Event()

    def watch() -> Iterator[Any]:
        yield portfolio_service_pb2.WatchImportResponse()
        leave.wait(5)

    served.portfolio.watch = watch
    stub = portfolio_service_pb2_grpc.PortfolioServiceStub(served.channel)
    streams = [stub.WatchImport(portfolio_service_pb2.WatchImportRequest(), timeout=5) for _ in range(5)]
    for stream in streams:
        next(stream)
    assert served.get_customer(timeout=1) == ANSWER
    leave.set()
    assert [list(stream) for stream in streams] == [[]] * 5
    eventually(lambda: served.metrics.calls[WATCH_IMPORT, "OK"] == 5)


def test_stream_that_fails_ends_with_the_reason(served: Served) -> None:
    def watch() -> Iterator[Any]:
        yield portfolio_service_pb2.WatchImportResponse()
        raise StoreUnavailable("the database is locked")

    served.portfolio.watch = watch
    stub = portfolio_service_pb2_grpc.PortfolioServiceStub(served.channel)
    code, info = refused(lambda: list(stub.WatchImport(portfolio_service_pb2.WatchImportRequest(), timeout=5)))
    assert (code, info.reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")


def test_stream_that_its_caller_leaves_is_closed(served: Served) -> None:
    closed = threading.Event()

    def watch() -> Iterator[Any]:
        try:
            while True:
                yield portfolio_service_pb2.WatchImportResponse()
                time.sleep(0.01)
        finally:
            closed.set()

    served.portfolio.watch = watch
    stub = portfolio_service_pb2_grpc.PortfolioServiceStub(served.channel)
    stream = stub.WatchImport(portfolio_service_pb2.WatchImportRequest(), timeout=5)
    next(stream)
    stream.cancel()
    assert closed.wait(2)
    eventually(lambda: served.metrics.calls[WATCH_IMPORT, "CANCELLED"] == 1)


def test_upload_reaches_its_handler_message_by_message(served: Served) -> None:
    stub = portfolio_service_pb2_grpc.PortfolioServiceStub(served.channel)
    chunks = [portfolio_service_pb2.StartImportRequest(chunk=b"1")] * 3
    stub.StartImport(iter(chunks), timeout=5)
    assert served.portfolio.uploads == [3]


def test_upload_may_take_longer_than_a_single_request(served: Served) -> None:
    def requests() -> Iterator[Any]:
        yield portfolio_service_pb2.StartImportRequest(chunk=b"1")
        time.sleep(0.5)
        yield portfolio_service_pb2.StartImportRequest(chunk=b"2")

    portfolio_service_pb2_grpc.PortfolioServiceStub(served.channel).StartImport(requests(), timeout=5)
    assert served.portfolio.uploads == [2]


def test_upload_that_breaks_off_in_a_message_reaches_its_handler_as_an_error(served: Served) -> None:
    good = portfolio_service_pb2.StartImportRequest(chunk=b"1").SerializeToString()
    code, info = refused(lambda: served.raw(START_IMPORT, good, b"\xff"))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert served.portfolio.uploads == []


def test_watches_of_the_health_service_hold_no_thread_and_are_limited_and_ended(served: Served) -> None:
    stub = health_pb2_grpc.HealthStub(served.channel)
    watches = [stub.Watch(health_pb2.HealthCheckRequest(), timeout=10) for _ in range(LIMIT)]
    assert [next(watch).status for watch in watches] == [health_pb2.HealthCheckResponse.SERVING] * LIMIT
    assert served.get_customer(timeout=1) == ANSWER
    code, info = refused(lambda: list(stub.Watch(health_pb2.HealthCheckRequest(), timeout=5)))
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    watches.pop().cancel()
    eventually(lambda: served.metrics.calls["/grpc.health.v1.Health/Watch", "OK"] == 1)
    served.health.enter_graceful_shutdown()
    served.admission.end_watches()
    for watch in watches:
        assert [seen.status for seen in watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]
    eventually(lambda: served.metrics.calls["/grpc.health.v1.Health/Watch", "OK"] == LIMIT)


def test_slow_call_is_logged_with_the_time_it_waited(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    def work(_request: Any, _context: grpc.ServicerContext) -> Any:
        time.sleep(0.15)
        return ANSWER

    served.credit.get_customer = work
    calls = [served.get_customer_later() for _ in range(LIMIT)]
    assert [call.result() for call in calls] == [ANSWER] * LIMIT
    # Two threads: the first two take 150 ms and are not slow, the third waits as long before.
    eventually(lambda: sum(record.message == "slow_call" for record in caplog.records) == 1)


def test_violations_reach_the_caller(served: Served) -> None:
    def fail(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise InvalidField.of("customer_id", "must be positive")

    served.credit.get_customer = fail
    with pytest.raises(grpc.RpcError) as caught:
        served.get_customer()
    status = rpc_status.from_call(caught.value)
    assert status is not None
    bad_request = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad_request)
    assert [(v.field, v.description) for v in bad_request.field_violations] == [("customer_id", "must be positive")]
