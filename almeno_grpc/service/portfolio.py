"""The summary of the whole book."""

from collections.abc import Iterator, Sequence

from almeno_grpc.clock import Clock
from almeno_grpc.domain.policy import Policy, policy_in_effect
from almeno_grpc.domain.portfolio import Portfolio
from almeno_grpc.service.borrower_scan import ScanProgress, scan_borrowers
from almeno_grpc.service.store import Store


class PortfolioSummaryService:
    """Summarizes the portfolio on the business date. Reads only."""

    def __init__(self, store: Store, policies: Sequence[Policy], clock: Clock) -> None:
        self._store = store
        self._policies = policies
        self._clock = clock

    def summarize(self) -> Iterator[ScanProgress | Portfolio]:
        """Yields the progress of the scan, several times; then the portfolio.

        Loans and decisions are aggregated by the database, in one read transaction.

        Raises:
            NoPolicyInEffect: No policy has taken effect by the business date.
        """
        today = self._clock.today()
        portfolio = Portfolio(policy_in_effect(self._policies, today), today)
        yield from scan_borrowers(self._store, today, lambda _, borrower: portfolio.add_customer(borrower))
        with self._store.read() as tx:
            for loans in tx.statistics.loans(today):
                portfolio.add_loans(loans)
            for decisions in tx.statistics.decisions(today):
                portfolio.add_decisions(decisions)
        yield portfolio
