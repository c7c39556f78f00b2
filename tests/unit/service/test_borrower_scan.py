"""The scan of borrowers, on a store that keeps customers in a list."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from almeno_grpc.clock import Clock
from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.errors import NoPolicyInEffect, PolicyNotFound
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.norms import Norms
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.portfolio import DecisionGroup, LoanGroup, Month, Portfolio
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.domain.simulation import Flip, LoanTerms, SimulationSummary
from almeno_grpc.service.borrower_scan import PAGE_CUSTOMERS, ScanProgress, scan_borrowers
from almeno_grpc.service.portfolio import PAGE_LOANS, PortfolioSummaryService
from almeno_grpc.service.simulation import SimulationService
from almeno_grpc.service.store import Store

TODAY = date(2026, 6, 30)
LAKH = 10_000_000
TERMS = LoanTerms(LAKH, Decimal("10.5"), 24)
CLOCK = Clock(TODAY, ZoneInfo("Asia/Kolkata"))


class ListStore:
    """A store with customers of ₹1 lakh a month, by their ids; counts its reads."""

    def __init__(self, *ids: int) -> None:
        self.ids = list(ids)
        self.reads = 0
        self.late_loans: list[Loan] = []

    @contextmanager
    def read(self) -> Iterator[Any]:
        self.reads += 1
        yield SimpleNamespace(
            customers=SimpleNamespace(count=lambda: len(self.ids)),
            borrowers=SimpleNamespace(page=self._page),
            statistics=SimpleNamespace(
                loans=lambda on, _norms: [
                    LoanGroup(Month.of(on), LoanState.ACTIVE, on, None, 1, LAKH, LAKH, (1, 2, 3))
                ],
                disbursements=lambda _: [],
                repayments=lambda _: [],
                late_loans=self._late_loans,
                decisions=lambda on: [DecisionGroup(on, (), 1)],
            ),
        )

    def _page(self, after: int, count: int, on: date) -> list[tuple[int, Borrower]]:
        assert on == TODAY
        position = CreditPosition()
        later = sorted(customer_id for customer_id in self.ids if customer_id > after)
        return [(customer_id, Borrower(LAKH, 36 * LAKH, position)) for customer_id in later[:count]]

    def _late_loans(self, after: Loan | None, count: int, on: date) -> list[Loan]:
        assert on == TODAY
        begin = 0 if after is None else self.late_loans.index(after) + 1
        return self.late_loans[begin : begin + count]


def ignore(_customer_id: int, _borrower: Borrower) -> None:
    """Visits without looking."""


def scanned(store: ListStore, visit: Callable[[int, Borrower], None]) -> Iterator[ScanProgress]:
    return scan_borrowers(cast(Store, store), TODAY, visit)


@pytest.mark.parametrize("customers", [0, 1, 9, 10, 11, PAGE_CUSTOMERS - 1, PAGE_CUSTOMERS, 2 * PAGE_CUSTOMERS + 1])
def test_every_customer_is_visited_once_by_ascending_id(customers: int) -> None:
    visited: list[int] = []
    ids = [7 * number for number in range(customers, 0, -1)]
    progress = list(scanned(ListStore(*ids), lambda customer_id, _: visited.append(customer_id)))
    assert visited == sorted(ids)
    assert progress[0] == ScanProgress(0, customers)
    assert progress[-1] == ScanProgress(customers, customers)
    assert len(progress) == 1 + -(-customers // PAGE_CUSTOMERS)
    assert all(earlier.customers_done < later.customers_done for earlier, later in pairwise(progress))


def test_customers_registered_during_the_scan_are_visited_when_their_ids_are_still_ahead() -> None:
    store = ListStore(*range(1, PAGE_CUSTOMERS + 1))
    visited: list[int] = []
    scan = scanned(store, lambda customer_id, _: visited.append(customer_id))
    assert [next(scan), next(scan)] == [
        ScanProgress(0, PAGE_CUSTOMERS),
        ScanProgress(PAGE_CUSTOMERS, PAGE_CUSTOMERS),
    ]
    store.ids.append(5_000_000)
    assert list(scan) == [ScanProgress(PAGE_CUSTOMERS + 1, PAGE_CUSTOMERS + 1)]
    assert visited[-1] == 5_000_000


def test_scan_that_is_not_continued_reads_no_further() -> None:
    store = ListStore(*range(1, 3 * PAGE_CUSTOMERS))
    scan = scanned(store, ignore)
    next(scan)
    next(scan)
    scan.close()
    assert store.reads == 2


def test_scan_that_fails_does_not_block_the_next() -> None:
    def fail(_customer_id: int, _borrower: Borrower) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(scanned(ListStore(1), fail))
    assert list(scanned(ListStore(1), ignore))[-1] == ScanProgress(1, 1)


def simulations(*policies: Policy) -> SimulationService:
    return SimulationService(cast(Store, ListStore(3, 1, 2)), policies, CLOCK)


def test_simulation_yields_progress_then_the_summary_then_the_flips(policy: Policy) -> None:
    harsh = replace(policy, version="harsh", bands=(replace(policy.bands[0], above=99),))
    updates = list(simulations(policy).simulate(TERMS, harsh, ""))
    assert [type(update) for update in updates] == [ScanProgress] * 2 + [SimulationSummary] + [Flip] * 3
    summary = updates[2]
    assert isinstance(summary, SimulationSummary)
    assert (summary.before.policy_version, summary.after.policy_version) == ("2026-01", "harsh")
    assert (summary.customers, summary.newly_declined, summary.business_date) == (3, 3, TODAY)
    assert [flip.customer_id for flip in updates[3:] if isinstance(flip, Flip)] == [1, 2, 3]


def test_a_simulation_compares_with_the_version_named_or_else_the_one_in_effect(policy: Policy) -> None:
    old = replace(policy, version="old", effective_date=date(1960, 1, 1))
    later = replace(policy, version="later", effective_date=date(2026, 7, 1))
    for candidate, against, versions in (
        ("later", "", ("2026-01", "later")),
        ("old", "later", ("later", "old")),
        (replace(policy, version="draft"), "old", ("old", "draft")),
    ):
        updates = simulations(later, policy, old).simulate(TERMS, candidate, against)
        (summary,) = (update for update in updates if isinstance(update, SimulationSummary))
        assert (summary.before.policy_version, summary.after.policy_version) == versions


def test_a_version_that_nobody_published_cannot_be_simulated(policy: Policy) -> None:
    for candidate, against in (("2025-01", ""), ("2026-01", "2025-01"), (policy, "2025-01")):
        with pytest.raises(PolicyNotFound, match="2025-01"):
            next(simulations(policy).simulate(TERMS, candidate, against))


def test_before_any_policy_takes_effect_a_simulation_has_to_name_what_it_compares_with(policy: Policy) -> None:
    later = replace(policy, effective_date=date(2026, 7, 1))
    with pytest.raises(NoPolicyInEffect):
        next(simulations(later).simulate(TERMS, "2026-01", ""))
    assert next(simulations(later).simulate(TERMS, "2026-01", "2026-01")) == ScanProgress(0, 3)


def test_summary_yields_progress_then_customers_loans_and_decisions(policy: Policy, norms: Norms) -> None:
    service = PortfolioSummaryService(cast(Store, ListStore(1, 2)), [policy], [norms], CLOCK)
    *progress, portfolio = service.summarize()
    assert progress == [ScanProgress(0, 2), ScanProgress(2, 2)]
    assert isinstance(portfolio, Portfolio)
    assert (portfolio.business_date, portfolio.policy.version) == (TODAY, "2026-01")
    assert (portfolio.customers, portfolio.scores, portfolio.loans.loans) == (2, {55: 2}, 1)
    assert portfolio.decisions[2026, 6].approvals == 1
    assert (portfolio.provision, portfolio.late_loans.count) == (1, 0)


@pytest.mark.parametrize("loans", [1, PAGE_LOANS - 1, PAGE_LOANS, 2 * PAGE_LOANS + 1])
def test_summary_reads_every_late_loan_once(policy: Policy, norms: Norms, loans: int) -> None:
    method, approved = InstallmentMethod.ANNUAL_COMPOUND, date(2026, 5, 29)
    store = ListStore(1)
    store.late_loans = [
        Loan(number, 1, LAKH, Decimal(0), 1, LAKH, method, 0, 0, LAKH, approved, source_loan_id=number)
        for number in range(1, loans + 1)
    ]
    service = PortfolioSummaryService(cast(Store, store), [policy], [norms], CLOCK)
    *_, portfolio = service.summarize()
    assert isinstance(portfolio, Portfolio)
    assert (portfolio.late_loans.count, portfolio.late_loans.overdue_amount) == (loans, loans * LAKH)
    assert [late.loan_id for late in portfolio.late_loans.listed()] == list(range(1, min(loans, 1000) + 1))
