"""The lender's terms: which are in effect on a day, and those of a version, also when its file is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import TermsNotFound
from almeno_grpc.domain.rule_file import RuleFileError, newest_in_effect
from almeno_grpc.domain.terms import Terms
from almeno_grpc.domain.terms_file import parse_terms
from almeno_grpc.service.store import Store, Transaction


class TermsCalendar:
    """The terms of the files, which stay as they are for as long as the process lives, and those of the pins."""

    def __init__(self, terms: Sequence[Terms], store: Store) -> None:
        self._terms = {each.version: each for each in terms}
        self._pinned: dict[str, Terms] = {}
        """Those whose file is gone, as far as somebody has asked for them."""
        self._store = store
        self.in_effect = lru_cache(maxsize=8)(partial(newest_in_effect, terms))
        """The terms under which a loan is booked on a business date; None where all take effect later."""

    def of_version(self, version: str) -> Terms:
        """The terms of the file, or those that loans were booked under where it is gone.

        Raises:
            TermsNotFound: There are none.
            RuleFileError: What is pinned is not sound; a server does not start on such a database.
        """
        with self._store.read() as tx:
            return self.read(tx, version)

    def read(self, tx: Transaction, version: str) -> Terms:
        """The same by a transaction that is open; raises the same."""
        terms = self._terms.get(version) or self._pinned.get(version)
        if terms is None:
            content = tx.terms_pins.content(version)
            if content is None:
                raise TermsNotFound(version)
            terms = self._pinned[version] = _parse_pinned(version, content)
        return terms

    def all(self) -> list[Terms]:
        """All terms of files and pins, by their effective dates.

        Raises:
            RuleFileError: As `of_version`.
        """
        with self._store.read() as tx:
            versions = {*self._terms, *tx.terms_pins.all()}
            found = [self.read(tx, version) for version in versions]
        return sorted(found, key=lambda terms: (terms.effective_date, terms.version))


def _parse_pinned(version: str, content: str) -> Terms:
    try:
        return parse_terms(content.encode())
    except RuleFileError as error:
        raise RuleFileError(f"terms {version} have booked loans, but what is stored of their file: {error}") from error


@dataclass(frozen=True, slots=True)
class TermsEntry:
    """Terms, and whether loans are booked under them."""

    terms: Terms
    in_effect: bool


class TermsService:
    """The use cases of listing and fetching terms."""

    def __init__(self, calendar: TermsCalendar, clock: Clock) -> None:
        self._calendar = calendar
        self._clock = clock

    def all(self) -> list[TermsEntry]:
        """All terms by their effective dates, the oldest first."""
        return list(map(self._entry, self._calendar.all()))

    def get(self, version: str) -> TermsEntry:
        """The terms with the version.

        Raises:
            TermsNotFound: None have it.
        """
        return self._entry(self._calendar.of_version(version))

    def _entry(self, terms: Terms) -> TermsEntry:
        return TermsEntry(terms, terms is self._calendar.in_effect(self._clock.today()))
