"""Walks over the whole book, of simulations and of the book in figures: page by page, beside all other calls."""

import time
from dataclasses import replace
from datetime import date

import pytest
from support.book import INDIA
from support.recount import ASKED, DRAFT, SECONDS, customers_of, simulate, simulation, summarize, terms

from almeno_grpc.api import credit_service_pb2
from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.clock import Clock
from almeno_grpc.service import borrower_scan


def test_the_figures_do_not_depend_on_how_the_book_is_paged(sample, monkeypatch):
    whole = simulate(sample, policy=DRAFT), summarize(sample)
    monkeypatch.setattr(borrower_scan, "PAGE_CUSTOMERS", 7)
    customers = len(customers_of(sample))
    paged = simulate(sample, policy=DRAFT), summarize(sample)
    for (progress, *figures), (_, *figures_of_whole) in zip(paged, whole, strict=True):
        assert progress == [(min(done, customers), customers) for done in range(0, customers + 7, 7)]
        assert figures == figures_of_whole


@pytest.fixture
def slow_pages(monkeypatch):
    """Makes a walk take ten milliseconds a customer; gives the pages read so far."""
    visit, pages_read = borrower_scan.computed_in_slices, []

    def visit_slowly(visits):
        pages_read.append(visits)
        time.sleep(0.01)
        visit(visits)

    monkeypatch.setattr(borrower_scan, "PAGE_CUSTOMERS", 1)
    monkeypatch.setattr(borrower_scan, "computed_in_slices", visit_slowly)
    return pages_read


@pytest.mark.parametrize("rpc", ["SimulatePolicy", "SummarizePortfolio"])
def test_a_walk_ends_when_its_caller_leaves(sample, slow_pages, rpc):
    asked = simulation(policy=DRAFT) if rpc == "SimulatePolicy" else pb.SummarizePortfolioRequest()
    call = getattr(sample.portfolio, rpc)(asked, timeout=SECONDS)
    while next(call).progress.customers_done < 5:
        pass
    call.cancel()
    time.sleep(0.5)
    pages_read = len(slow_pages)
    assert 5 <= pages_read < 40
    time.sleep(0.2)
    assert len(slow_pages) == pages_read


def test_a_walk_ends_with_its_server(stubs, slow_pages):
    for _ in range(100):
        stubs.book.register()
    call = stubs.portfolio.SimulatePolicy(simulation(policy=DRAFT), timeout=SECONDS)
    while next(call).progress.customers_done < 5:
        pass
    stubs.application.drain()
    refusal = stubs.refusal(lambda: list(call))
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SERVER_STOPPING")
    assert len(slow_pages) < 100


def test_checks_and_bookings_go_on_beside_walks(sample, slow_pages):
    calls = [sample.portfolio.SimulatePolicy(simulation(policy=DRAFT), timeout=SECONDS) for _ in range(3)]
    for call in calls:
        next(call)
    pages_before = len(slow_pages)
    # The book has come to a later day than its server's.
    customer = replace(sample.book, clock=Clock(date(2026, 5, 1), INDIA)).register()
    check = credit_service_pb2.CheckEligibilityRequest(customer_id=customer.customer_id, **terms(**ASKED))
    for _ in range(20):
        assert sample.credit.CheckEligibility(check, timeout=SECONDS).decision.approved
    assert len(slow_pages) < pages_before + 200
    for call in calls:
        call.cancel()
