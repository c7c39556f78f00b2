"""Callers that stall or flood the server, beside a measured good one: it is refused nothing and waits below a second.

One process serves all, so that the good caller and the others meet. Each flood is small, for the machine has other
things to do, and lasts `ALMENO_FLOOD_SECONDS`. What it has done to the good caller stands at the end of the report.
"""

import contextlib
import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.calls import SECONDS, check_of, registered
from support.http2 import RawConnection, framed_message, header_block, indexed_header, repeated_header
from support.servers import CUSTOMERS, RunningServer, StartServer, eventually
from support.trials import FLOOD_SECONDS

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb

CREDIT, PORTFOLIO = "/almeno.credit.v1.CreditService", "/almeno.credit.v1.PortfolioService"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
MAX_P99_SECONDS = 1.0
MAX_GROWTH_BYTES = 256 * 2**20
PAUSE_SECONDS = 0.005

Flood = Callable[[RunningServer, threading.Event], None]


@dataclass
class Measured:
    """What the good caller has seen, and what the flood has made of the process that serves both."""

    seconds: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    growth_bytes: int = 0

    @property
    def p99_seconds(self) -> float:
        return sorted(self.seconds)[len(self.seconds) * 99 // 100] if self.seconds else float("inf")

    def __str__(self) -> str:
        figures = f"p99 {1000 * self.p99_seconds:.0f} ms of {len(self.seconds)} answers"
        return f"{figures}, refused {dict(self.refusals)}, {self.growth_bytes >> 20} MiB more"


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    server = start_server()
    assert (
        server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, map(customer_row, range(1, 1_001)))).rows_inserted == 1_000
    )
    return server


def measure(
    server: RunningServer, flood: Flood, call: Callable[[], object], pause_seconds: float = PAUSE_SECONDS
) -> Measured:
    """Calls again and again while the flood lasts."""
    measured, is_over = Measured(), threading.Event()
    before = memory_bytes(server)
    flooding = threading.Thread(target=flood, args=(server, is_over))
    flooding.start()
    try:
        end = time.monotonic() + FLOOD_SECONDS
        # The flood comes first.
        time.sleep(0.2)
        while time.monotonic() < end:
            started = time.perf_counter()
            try:
                call()
            except grpc.RpcError as error:
                measured.refusals[error.code().name] += 1
            else:
                measured.seconds.append(time.perf_counter() - started)
            measured.growth_bytes = max(measured.growth_bytes, memory_bytes(server) - before)
            time.sleep(pause_seconds)
    finally:
        is_over.set()
        flooding.join()
    return measured


def memory_bytes(server: RunningServer) -> int:
    """What the process that serves calls holds of the memory; 0 of one that has ended."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{server.process_id('rpc-0')}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))
    return 0


@contextlib.contextmanager
def connections(server: RunningServer, count: int, **options: int) -> Iterator[list[RawConnection]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(RawConnection(server.address, **options)) for _ in range(count)]


def answers_nobody_reads(server: RunningServer, is_over: threading.Event) -> None:
    request = framed_message(pb.ListCustomersRequest(page_size=1_000).SerializeToString())
    block = header_block(f"{CREDIT}/ListCustomers")
    with connections(server, 20, window_bytes=0) as opened:
        while not is_over.wait(0.05):
            for connection in opened:
                for _ in range(5):
                    connection.open_stream(block, request)


def headers_and_nothing_more(server: RunningServer, is_over: threading.Event) -> None:
    block = header_block(f"{CREDIT}/CheckEligibility")
    with connections(server, 20) as opened:
        for connection in opened:
            for _ in range(100):
                connection.open_stream(block)
        while not is_over.wait(0.05):
            for connection in opened:
                connection.take_in()
                # Others come for those that the server has ended.
                connection.open_stream(block)


def idle_streams(server: RunningServer, is_over: threading.Event) -> None:
    header = portfolio_pb.ImportHeader(kind=CUSTOMERS, file_name="a.csv")
    upload = framed_message(portfolio_pb.StartImportRequest(header=header).SerializeToString())
    with connections(server, 4) as opened:
        for connection in opened:
            for _ in range(20):
                connection.open_stream(header_block(REFLECTION))
                connection.open_stream(header_block(f"{PORTFOLIO}/StartImport"), upload, ends=False)
        is_over.wait()


def compressed_header_blocks(server: RunningServer, is_over: threading.Event) -> None:
    """Each of 8 KiB, and unpacked of 8,000 headers."""
    block = header_block(f"{CREDIT}/CheckEligibility") + indexed_header("x-note", "x") + repeated_header(8_000)
    with connections(server, 4) as opened:
        while not is_over.is_set():
            for connection in opened:
                connection.open_stream(block)


def compressed_messages(server: RunningServer, is_over: threading.Event) -> None:
    """Each unpacks to 4 MB."""
    message = framed_message(gzip.compress(bytes(4_000_000)), is_compressed=True)
    block = header_block(f"{CREDIT}/CheckEligibility", [("grpc-encoding", "gzip")])
    with connections(server, 2) as opened:
        while not is_over.wait(0.01):
            for connection in opened:
                connection.open_stream(block, message)
                connection.take_in()


def calls_that_are_cancelled_at_once(server: RunningServer, is_over: threading.Event) -> None:
    request = framed_message(check_of(1, 10_000).SerializeToString())
    block = header_block(f"{CREDIT}/CheckEligibility")
    with connections(server, 4) as opened:
        while not is_over.wait(0.02):
            for connection in opened:
                for _ in range(20):
                    connection.reset(connection.open_stream(block, request))
                connection.take_in()


@pytest.mark.parametrize(
    "flood",
    [
        answers_nobody_reads,
        headers_and_nothing_more,
        compressed_messages,
        calls_that_are_cancelled_at_once,
        idle_streams,
    ],
    ids=lambda flood: flood.__name__,
)
def test_checks_of_a_good_caller_are_answered_beside(
    server: RunningServer, flood: Flood, request: pytest.FixtureRequest
) -> None:
    customer_id = registered(server.credit, income=200_000).customer_id
    good = server.connect().credit
    measured = measure(server, flood, lambda: good.CheckEligibility(check_of(customer_id, 10_000), timeout=SECONDS))
    request.node.user_properties.append((f"good caller beside {flood.__name__}", str(measured)))
    assert measured.refusals == {}, measured
    assert measured.p99_seconds < MAX_P99_SECONDS, measured
    assert measured.growth_bytes < MAX_GROWTH_BYTES, measured
    assert_served_again(server)


def test_uploads_of_a_good_caller_are_taken_beside_idle_streams(
    server: RunningServer, request: pytest.FixtureRequest
) -> None:
    content = csv_file(CUSTOMER_HEADINGS, [])
    # Few, for the next import waits behind those of all.
    measured = measure(server, idle_streams, lambda: server.upload(CUSTOMERS, content), pause_seconds=0.3)
    request.node.user_properties.append(("uploads of a good caller beside idle_streams", str(measured)))
    assert measured.refusals == {}, measured
    assert_served_again(server)


def test_server_is_served_again_after_compressed_header_blocks(
    server: RunningServer, request: pytest.FixtureRequest
) -> None:
    """The library unpacks them before anybody is asked: only a process that is replaced gives the memory back."""
    customer_id = registered(server.credit, income=200_000).customer_id
    good = server.connect().credit
    check = check_of(customer_id, 10_000)
    measured = measure(server, compressed_header_blocks, lambda: good.CheckEligibility(check, timeout=SECONDS))
    request.node.user_properties.append(("good caller beside compressed_header_blocks", str(measured)))
    assert_served_again(server)


def assert_served_again(server: RunningServer) -> None:
    """Whatever was done, callers of all kinds are answered once it is over."""

    def is_served() -> bool:
        with contextlib.suppress(grpc.RpcError):
            return bool(registered(server.connect().credit).customer_id)
        return False

    eventually(is_served, 2 * SECONDS)
    assert server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, [customer_row(5_000)])).rows_total == 1
