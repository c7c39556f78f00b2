"""Simulations and summaries of a large book on a real server: by each process, cut short, beside calls."""

import threading
import time

import grpc
import pytest
from support.book_files import CUSTOMER_HEADINGS, LOAN_HEADINGS, csv_file, customer_row, loan_row
from support.calls import SECONDS, check_of, loan_of, per_cent, refusal_of, registered, rupees
from support.servers import CUSTOMERS, LOANS, ROOT, SEVERAL_PROCESSES, RunningServer, StartServer, eventually

from almeno_grpc.api import portfolio_service_pb2 as pb

CUSTOMERS_IN_BOOK = 12_000
DRAFT = (
    (ROOT / "almeno_grpc" / "policies" / "2026-01.toml")
    .read_text(encoding="utf-8")
    .replace('max_emi_share_of_income = "0.50"', 'max_emi_share_of_income = "0.10"')
)
ASKED = pb.SimulatePolicyRequest(
    policy=DRAFT, loan_amount=rupees(200_000), interest_rate=per_cent("11"), tenure_months=36
)
SUMMARIZED = pb.SummarizePortfolioRequest()
WALKS = ["SimulatePolicy", "SummarizePortfolio"]


def begun(stub, walk: str):
    """A walk over the book whose first page has been dealt with."""
    call = getattr(stub, walk)(ASKED if walk == "SimulatePolicy" else SUMMARIZED, timeout=SECONDS)
    while next(call).progress.customers_done == 0:
        pass
    return call


@pytest.fixture(scope="module")
def large(start_shared_server: StartServer) -> RunningServer:
    """A server with customers who each have a loan."""
    server = start_shared_server(ALMENO_METRICS_ADDRESS="127.0.0.1:0", **SEVERAL_PROCESSES)
    numbers = range(1, CUSTOMERS_IN_BOOK + 1)
    server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, [customer_row(number) for number in numbers]))
    server.load(LOANS, csv_file(LOAN_HEADINGS, [loan_row(number, number) for number in numbers]))
    return server


def test_every_process_comes_to_the_same(large: RunningServer) -> None:
    connections = [large.connect() for _ in range(4)]
    simulations = [list(each.portfolio.SimulatePolicy(ASKED, timeout=SECONDS)) for each in connections]
    summaries = [list(each.portfolio.SummarizePortfolio(SUMMARIZED, timeout=SECONDS)) for each in connections]
    assert all(answers == simulations[0] for answers in simulations)
    assert all(answers == summaries[0] for answers in summaries)
    *_, summarized = summaries[0]
    assert summarized.summary.loans == summarized.summary.customers >= CUSTOMERS_IN_BOOK
    flips = [answer.flip.customer_id for answer in simulations[0] if answer.HasField("flip")]
    assert flips[:CUSTOMERS_IN_BOOK] == list(range(1, CUSTOMERS_IN_BOOK + 1))


@pytest.mark.parametrize("walk", WALKS)
def test_walk_of_a_caller_who_leaves_is_counted_as_cancelled(large: RunningServer, walk: str) -> None:
    # The values of grpc_code, grpc_method, grpc_service and grpc_type.
    key = ("grpc_server_handled_total", "CANCELLED", walk, "almeno.credit.v1.PortfolioService", "server_stream")
    before = large.metrics().get(key, 0)
    begun(large.portfolio, walk).cancel()
    eventually(lambda: large.metrics().get(key, 0) == before + 1)


@pytest.mark.parametrize("walk", WALKS)
def test_walk_ends_when_its_deadline_has_passed(large: RunningServer, walk: str) -> None:
    asked = ASKED if walk == "SimulatePolicy" else SUMMARIZED
    with pytest.raises(grpc.RpcError) as caught:
        list(getattr(large.portfolio, walk)(asked, timeout=0.1))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert large.portfolio.ListImports(pb.ListImportsRequest(), timeout=SECONDS).imports


def test_customers_are_checked_and_lent_to_while_the_book_is_walked_through(large: RunningServer) -> None:
    stop, walks = threading.Event(), []

    def walk_again_and_again() -> None:
        portfolio = large.connect().portfolio
        while not stop.is_set():
            walks.append(list(portfolio.SimulatePolicy(ASKED, timeout=SECONDS))[-1])

    walkers = [threading.Thread(target=walk_again_and_again) for _ in range(4)]
    for walker in walkers:
        walker.start()
    customer_id = registered(large.credit).customer_id
    started = time.monotonic()
    for _ in range(20):
        assert large.credit.CheckEligibility(check_of(customer_id, 50_000), timeout=SECONDS).decision.approved
    assert large.credit.CreateLoan(loan_of(customer_id, 50_000), timeout=SECONDS).HasField("loan")
    seconds = time.monotonic() - started
    stop.set()
    for walker in walkers:
        walker.join(SECONDS)
    assert len(walks) >= len(walkers)
    # Behind four walks that kept the interpreter to themselves it would be many times as long.
    assert seconds < 10


@pytest.mark.parametrize("walk", WALKS)
def test_stopping_server_ends_a_walk_and_says_so(start_server: StartServer, walk: str) -> None:
    server = start_server()
    server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, [customer_row(number) for number in range(1, 12_001)]))
    call = begun(server.portfolio, walk)
    server.process.terminate()
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    refusal = refusal_of(caught.value)
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SERVER_STOPPING")
    assert server.stop() == 0
