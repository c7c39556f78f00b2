"""Exports of the whole book: its loans with their figures on a day, and the entries of the general ledger."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import NamedTuple

from almeno_grpc.clock import Clock
from almeno_grpc.domain.charge import LateTerms
from almeno_grpc.domain.journal import JournalEntry, LoanJournal
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.loan_figures import LoanFigures, figures_on
from almeno_grpc.domain.postings import account_on, before_cancellation
from almeno_grpc.domain.replay import History
from almeno_grpc.domain.sheet_versions import SheetChange, SheetVersion, sheet_versions
from almeno_grpc.domain.terms import Terms
from almeno_grpc.service.accounts import AccountReader, OpenAccount
from almeno_grpc.service.store import Store, Transaction
from almeno_grpc.service.time_slices import computed_in_slices, slices

PAGE_LOANS = 100
"""Loans read in one transaction: each may have thousands of repayments."""
_OVERLAP_MICROSECONDS = 300_000_000
"""How much earlier than it began an export asks to be continued: what was changed then may not have been committed."""
MAX_CHANGED_LOANS = 100_000
"""Of an export of what has changed. Where more have, the whole book is exported."""
MAX_EVENTS = 1_000_000
"""Of the audit trail, to look through for loans that have changed; likewise. It takes about a minute."""


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export has come."""

    loans_done: int
    loans_total: int
    """Loans to look at when the export began, or those looked at since, if they are more."""
    next_changed_since: int | None = None
    """Of an export of loans: from when on the next one has to look for changes. Microseconds since the epoch."""


class _Recorded(NamedTuple):
    """A loan with what its entries follow from."""

    loan: Loan
    history: History
    late_terms: LateTerms | None
    terms: Terms | None
    versions: Sequence[SheetVersion]


class ExportService:
    """Exports the book. Reads only.

    Each page is a transaction of its own: one as long as the export would hold back checkpoints and vacuum.
    """

    def __init__(self, store: Store, accounts: AccountReader, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock

    @property
    def today(self) -> date:
        """The business date."""
        return self._clock.today()

    def loans(self, as_of: date | None, changed_since: int | None) -> Iterator[ExportProgress | LoanFigures]:
        """Yields the progress, before the first loan and after each page, and the loans by ascending loan_id.

        Args:
            as_of: The day of the figures, not after the business date; then loans approved later are left out. None
                for the business date, and every loan.
            changed_since: Only loans that were added or changed at or after this time, and perhaps others; in
                microseconds since the epoch. None for all.
        """
        next_changed_since = self._clock.now_microseconds() - _OVERLAP_MICROSECONDS
        on = self.today if as_of is None else as_of
        for page in self._pages(changed_since, next_changed_since):
            if isinstance(page, ExportProgress):
                yield page
                continue
            in_book = [loan for loan in page if as_of is None or loan.approval_date <= as_of]
            with self._store.read() as tx:
                figures = self._figures(tx, in_book, on)
            yield from figures

    def journal(self, begin: date, end: date) -> Iterator[ExportProgress | JournalEntry]:
        """Yields the progress, as `loans`, and the entries between two days, both included, loan by loan."""
        for page in self._pages(None, None):
            if isinstance(page, ExportProgress):
                yield page
                continue
            with self._store.read() as tx:
                recorded = self._recorded(tx, page)
            for each in recorded:
                # Slice by slice: a loan may have thousands of entries, and its caller may go away.
                yield from chain.from_iterable(slices(LoanJournal(*each).entries(begin, end)))

    def _pages(
        self, changed_since: int | None, next_changed_since: int | None
    ) -> Iterator[ExportProgress | list[Loan]]:
        """Yields the progress and the loans, page by page."""
        changed = None
        if changed_since is not None:
            yield ExportProgress(0, 0, next_changed_since)
            changed = yield from self._changed_loans(changed_since, next_changed_since)
        with self._store.read() as tx:
            total = tx.loans.count() if changed is None else len(changed)
        done = 0
        yield ExportProgress(0, total, next_changed_since)
        for page in self._every_loan() if changed is None else self._loans_with(changed):
            yield page
            done += len(page)
            yield ExportProgress(done, max(done, total), next_changed_since)

    def _changed_loans(
        self, since: int, next_changed_since: int | None
    ) -> Generator[ExportProgress, None, list[tuple[int, int]] | None]:
        """The keys (customer_id, loan_id) of loans that were added or changed at or after a time, by loan_id.

        By the audit trail: every write of a loan has its event, in the same transaction. None where there are too many,
        or an event does not say what it was of: then any loan may have changed. Yields the progress meanwhile.
        """
        changed, seen, place = set[tuple[int, int]](), 0, (since, 0, 0)
        while True:
            with self._store.read() as tx:
                events = tx.audit.written_since(*place)
                try:
                    for event in events:
                        for table, key, _ in tx.audit.row_changes(event):
                            if table == "loan":
                                customer_id, loan_id = map(int, key)
                                changed.add((customer_id, loan_id))
                except ValueError:
                    return None
            seen += len(events)
            if len(changed) > MAX_CHANGED_LOANS or seen > MAX_EVENTS:
                return None
            if not events:
                return sorted(changed, key=lambda key: key[1])
            place = (events[-1].entry.time, events[-1].stream_id, events[-1].sequence)
            yield ExportProgress(0, len(changed), next_changed_since)

    def _every_loan(self) -> Iterator[list[Loan]]:
        last_id = 0
        while True:
            with self._store.read() as tx:
                page = tx.loans.behind(last_id, PAGE_LOANS)
            if page:
                yield page
                last_id = page[-1].loan_id
            if len(page) < PAGE_LOANS:
                return

    def _loans_with(self, keys: list[tuple[int, int]]) -> Iterator[list[Loan]]:
        for start in range(0, len(keys), PAGE_LOANS):
            with self._store.read() as tx:
                found = tx.loans.get_many(keys[start : start + PAGE_LOANS])
            yield [found[loan_id] for loan_id in sorted(found)]

    def _figures(self, tx: Transaction, loans: list[Loan], on: date) -> list[LoanFigures]:
        """The figures of loans on a day, in their order."""
        opened, in_past = dict[int, OpenAccount](), loans
        if on == self.today:
            active = [loan for loan in loans if loan.state is LoanState.ACTIVE]
            opened = self._accounts.open_accounts(tx, active)
            # The business date of a server may be behind what another one has recorded.
            in_past = [loan for loan in active if opened[loan.loan_id].earliest > on]
        histories, changes = self._accounts.histories(tx, in_past), _sheet_changes(tx, in_past)

        def figures(loan: Loan) -> LoanFigures:
            if loan.loan_id in histories:
                return self._figures_in_past(tx, loan, histories[loan.loan_id], changes.get(loan.loan_id, ()), on)
            return figures_on(opened[loan.loan_id].account, on) if loan.loan_id in opened else LoanFigures(loan, on)

        return computed_in_slices(map(figures, loans))

    def _figures_in_past(
        self, tx: Transaction, loan: Loan, history: History, changes: Sequence[SheetChange], on: date
    ) -> LoanFigures:
        if loan.ended_as is LoanState.CANCELLED:
            end = tx.loans.sanction_end(loan)
            return LoanFigures(loan if end is None or end.end_date <= on else before_cancellation(loan), on)
        versions = sheet_versions(loan, history, changes)
        of_day = next((version.loan for version in versions if on < version.until), None)
        if of_day is not None:
            loan, history = of_day, History()
        if loan.repayments_left == 0 and not history.repayments and not history.charges:
            return LoanFigures(loan, on)
        return figures_on(account_on(loan, history, self._accounts.late_terms_of(tx, loan), on), on)

    def _recorded(self, tx: Transaction, loans: list[Loan]) -> list[_Recorded]:
        histories, changes = self._accounts.histories(tx, loans), _sheet_changes(tx, loans)
        return [
            _Recorded(
                loan,
                histories[loan.loan_id],
                self._accounts.late_terms_of(tx, loan),
                self._accounts.terms_of(tx, loan),
                sheet_versions(loan, histories[loan.loan_id], changes.get(loan.loan_id, ())),
            )
            for loan in loans
        ]


def _sheet_changes(tx: Transaction, loans: list[Loan]) -> dict[int, list[SheetChange]]:
    """What sheets have changed of the loans, by loan_id."""
    imported = {loan.customer_id for loan in loans if loan.source_loan_id is not None}
    return tx.customer_changes.of_sheets(imported) if imported else {}
