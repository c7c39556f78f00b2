"""What the asynchronous client has of its own; what it has in common with the other, the other tests run with both."""

import asyncio
import inspect
import io
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import pytest
from almeno_client import AsyncCreditClient, CreditClient, CreditServiceError, ImportKind
from almeno_client import upload as upload_module
from support.fake_service import QUICK

from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio

WAIT_SECONDS = 10
HOLD_SECONDS = 60
"""How long the stand-in holds back an answer that nobody lets go: a call that is over before has been cancelled."""


def public_methods(client: type) -> dict[str, list[str]]:
    """The parameters of each method, with their defaults."""
    return {
        name: [str(parameter) for parameter in inspect.signature(method).parameters.values()]
        for name, method in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_")
    }


def run(address: str, story: Callable[[AsyncCreditClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with AsyncCreditClient(address, retries=QUICK, timeout_seconds=WAIT_SECONDS) as client:
            return await story(client)

    return asyncio.run(main())


class Held:
    """Answers that are held back; tells when a call is reached, and when it is over."""

    def __init__(self) -> None:
        self.reached, self.over = threading.Event(), threading.Event()

    def unary(self, _request: Any, context: grpc.ServicerContext) -> Any:
        context.add_callback(self.over.set)
        self.reached.set()
        self.over.wait(HOLD_SECONDS)

    async def is_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, WAIT_SECONDS)


@pytest.fixture
def held():
    held = Held()
    yield held
    held.over.set()


@pytest.fixture
def endless_watch(service, sample, held):
    """A watch of an import that goes on for as long as somebody listens."""

    def watch(_request: Any, context: grpc.ServicerContext) -> Any:
        context.add_callback(held.over.set)
        yield portfolio.WatchImportResponse(book_import=sample.import_("RUNNING"))
        held.over.wait(HOLD_SECONDS)

    service.answers("WatchImport", watch)
    return held


def test_both_clients_have_the_same_methods_with_the_same_parameters():
    assert public_methods(AsyncCreditClient) == public_methods(CreditClient)


def test_both_clients_are_made_from_the_same_arguments():
    arguments = [
        [(p.name, p.kind, p.default) for p in inspect.signature(client).parameters.values()]
        for client in (CreditClient, AsyncCreditClient)
    ]
    assert arguments[0] == arguments[1]


def test_many_checks_run_at_once(address, service, sample):
    together = threading.Barrier(4)  # as many as the stand-in has threads

    def check(request: Any, _context: grpc.ServicerContext) -> Any:
        together.wait(WAIT_SECONDS)
        return credit.CheckEligibilityResponse(decision=sample.decision(customer_id=request.customer_id))

    service.answers("CheckEligibility", check)

    async def story(client: AsyncCreditClient) -> list[int]:
        checks = (
            client.check_eligibility(number, loan_amount=1000, interest_rate=10, tenure_months=6)
            for number in range(1, 41)
        )
        return [decision.customer_id for decision in await asyncio.gather(*checks)]

    assert run(address, story) == list(range(1, 41))


def test_cancelling_a_task_cancels_its_call(address, service, held):
    service.answers("GetLoan", held.unary)

    async def story(client: AsyncCreditClient) -> None:
        task = asyncio.create_task(client.get_loan(5))
        await held.is_reached()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(held.over.wait, WAIT_SECONDS)

    run(address, story)
    assert len(service.requests["GetLoan"]) == 1


def test_timeout_of_asyncio_cancels_the_call(address, service, held):
    service.answers("GetLoan", held.unary)

    async def story(client: AsyncCreditClient) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.get_loan(5)
        assert await asyncio.to_thread(held.over.wait, WAIT_SECONDS)

    run(address, story)


def test_closing_the_client_is_an_error_of_the_calls_in_flight_and_no_cancellation_of_their_tasks(
    address, service, held
):
    service.answers("GetLoan", held.unary)

    async def story(client: AsyncCreditClient) -> None:
        task = asyncio.create_task(client.get_loan(5))
        await held.is_reached()
        await client.close()
        with pytest.raises(CreditServiceError) as caught:
            await task
        assert caught.value.code is grpc.StatusCode.CANCELLED

    run(address, story)
    assert len(service.requests["GetLoan"]) == 1


def test_closing_a_stream_cancels_its_call(address, endless_watch):
    async def story(client: AsyncCreditClient) -> None:
        async with aclosing(client.watch_import("i-1")) as moves:
            assert (await anext(moves)).state == "RUNNING"
            assert not endless_watch.over.is_set()
        assert await asyncio.to_thread(endless_watch.over.wait, WAIT_SECONDS)

    run(address, story)


def test_leaving_the_loop_over_a_stream_cancels_its_call(address, endless_watch):
    async def story(client: AsyncCreditClient) -> None:
        async for _ in client.watch_import("i-1"):
            break
        assert await asyncio.to_thread(endless_watch.over.wait, WAIT_SECONDS)

    run(address, story)


def test_cancelling_a_task_cancels_the_stream_it_waits_for(address, endless_watch):
    async def story(client: AsyncCreditClient) -> None:
        seen = asyncio.Event()

        async def watch() -> None:
            async for _ in client.watch_import("i-1"):
                seen.set()

        task = asyncio.create_task(watch())
        await seen.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(endless_watch.over.wait, WAIT_SECONDS)

    run(address, story)


class WatchedFile(io.BytesIO):
    """Notes on which threads it is read."""

    readers: set[int]

    def read(self, size: int | None = -1) -> bytes:
        self.readers.add(threading.get_ident())
        return super().read(size)


def test_file_is_read_beside_the_event_loop(address, service, sample, tmp_path, monkeypatch):
    WatchedFile.readers = set()
    content = b"x" * (3 * upload_module.CHUNK_BYTES)
    monkeypatch.setattr("pathlib.Path.open", lambda *_: WatchedFile(content))
    service.answers("StartImport", portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))

    async def story(client: AsyncCreditClient) -> int:
        await client.start_import(ImportKind.LOANS, tmp_path / "loans.csv")
        return threading.get_ident()

    loop_thread = run(address, story)
    (upload,) = service.requests["StartImport"]
    assert b"".join(message.chunk for message in upload[1:]) == content
    assert WatchedFile.readers
    assert loop_thread not in WatchedFile.readers


def test_cancelling_a_task_cancels_its_upload(address, service, held):
    service.answers("StartImport", held.unary)

    async def story(client: AsyncCreditClient) -> None:
        task = asyncio.create_task(client.start_import(ImportKind.LOANS, b"x", file_name="x.csv"))
        await held.is_reached()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(held.over.wait, WAIT_SECONDS)

    run(address, story)
    assert len(service.requests["StartImport"]) == 1


@pytest.mark.parametrize("has_a_writer", [True, False])
def test_event_loop_goes_on_beside_a_pipe_that_has_stalled_and_ends(address, service, tmp_path, has_a_writer):
    path = tmp_path / "loans.csv"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR) if has_a_writer else None
    upload: list[asyncio.Task[Any]] = []

    async def story(client: AsyncCreditClient) -> None:
        upload.append(asyncio.create_task(client.start_import(ImportKind.LOANS, path)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await upload[0]

    run(address, story)
    assert upload[0].cancelled()
    assert not service.requests
    # The thread that still waits reads to the end.
    os.close(os.open(path, os.O_RDWR) if descriptor is None else descriptor)


def test_call_that_an_interceptor_cancels_does_not_tell_of_a_closed_client(address):
    class Cancels(grpc.aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, *_: Any) -> Any:
            raise asyncio.CancelledError

    async def story() -> None:
        async with AsyncCreditClient(address, interceptors=[Cancels()]) as client:
            with pytest.raises(CreditServiceError, match="the call was cancelled") as caught:
                await client.get_loan(5)
            assert caught.value.code is grpc.StatusCode.CANCELLED

    asyncio.run(story())


def test_client_is_made_where_an_event_loop_runs(address):
    with pytest.raises(RuntimeError, match="no running event loop"):
        AsyncCreditClient(address)
