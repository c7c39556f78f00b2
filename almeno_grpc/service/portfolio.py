"""The summary of the whole book."""

from collections.abc import Iterator, Sequence

from almeno_grpc.clock import Clock
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.norms import Norms, norms_in_effect
from almeno_grpc.domain.policy import Policy, policy_in_effect
from almeno_grpc.domain.portfolio import Portfolio
from almeno_grpc.service.borrower_scan import ScanProgress, scan_borrowers
from almeno_grpc.service.store import Store
from almeno_grpc.service.time_slices import computed_in_slices

PAGE_LOANS = 1000
"""Late loans read in one statement."""


class PortfolioSummaryService:
    """Summarizes the portfolio on the business date. Reads only."""

    def __init__(self, store: Store, policies: Sequence[Policy], norms: Sequence[Norms], clock: Clock) -> None:
        self._store = store
        self._policies = policies
        self._norms = norms
        self._clock = clock

    def summarize(self) -> Iterator[ScanProgress | Portfolio]:
        """Yields the progress of the scan, several times; then the portfolio.

        Loans, repayments and decisions are aggregated by the database, in one read transaction. Late loans are read
        page by page, as customers are: those of later pages as they stand later.

        Raises:
            NoPolicyInEffect: No policy, or no norms, have taken effect by the business date.
        """
        today = self._clock.today()
        portfolio = Portfolio(policy_in_effect(self._policies, today), norms_in_effect(self._norms, today), today)
        yield from scan_borrowers(self._store, today, lambda _, borrower: portfolio.add_customer(borrower))
        with self._store.read() as tx:
            for loans in tx.statistics.loans(today, portfolio.norms):
                portfolio.add_loans(loans)
            for disbursements in tx.statistics.disbursements(today):
                portfolio.add_disbursements(disbursements)
            for repayments in tx.statistics.repayments(today):
                portfolio.add_repayments(repayments)
            for decisions in tx.statistics.decisions(today):
                portfolio.add_decisions(decisions)
        self._add_late_loans(portfolio)
        yield portfolio

    def _add_late_loans(self, portfolio: Portfolio) -> None:
        last: Loan | None = None
        while True:
            with self._store.read() as tx:
                page = tx.statistics.late_loans(last, PAGE_LOANS, portfolio.business_date)
            computed_in_slices(map(portfolio.late_loans.add, page))
            if len(page) < PAGE_LOANS:
                return
            last = page[-1]
