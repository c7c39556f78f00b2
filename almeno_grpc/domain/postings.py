"""What was recorded on a loan, posted day by day: how its account stood on each day.

A fact is posted on its own day, whenever it was recorded: a payment on its payment date, a reversal on its reversal
date. What was recorded behind a reversal is posted with it at the earliest, for it may stand only without what the
reversal took back. What is posted by a day is replayed in the order it was recorded in, as all of the history is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import accumulate
from typing import NamedTuple

from almeno_grpc.domain.account import Account
from almeno_grpc.domain.charge import ChargeEntry, LateTerms
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.repayment import Repayment
from almeno_grpc.domain.replay import History, Step, in_order, opening_account, step_of

Fact = Repayment | ChargeEntry
"""What is recorded. A repayment with its reversal stands for the reversal, one without for the payment itself."""


class Posting(NamedTuple):
    """A fact in its place."""

    day: date
    fact: Fact
    after: Account
    steps: Sequence[Step]
    """What stands once it is posted, in the order it was recorded in."""


def postings(loan: Loan, history: History, late_terms: LateTerms | None = None) -> Iterator[Posting]:
    """Everything that was recorded on a disbursed loan, by ascending days.

    Args:
        loan: As it stands.
        history: All of it.
        late_terms: Those the loan was booked under.
    """
    for day, fact, posted in _posted_by_day(opening_account(loan, history, late_terms), history):
        yield Posting(day, fact, posted.account, posted.steps)


def account_on(loan: Loan, history: History, late_terms: LateTerms | None, on: date) -> Account:
    """The account of a loan as it stood on a day, not before its approval.

    Of an imported loan nothing is known of the time before its import: it stands as its sheet has left it.
    """
    account = opening_account(loan, history, late_terms)
    if loan.disbursed_on is not None and loan.disbursed_on > on:
        return replace(account, loan=replace(account.loan, disbursed_on=None))
    for day, _, posted in _posted_by_day(account, history):
        if day > on:
            break
        account = posted.account
    return account


def before_cancellation(loan: Loan) -> Loan:
    """A cancelled loan as it was sanctioned."""
    return replace(loan, ended_as=None, outstanding_principal=loan.loan_amount)


class _Posted:
    """The facts that are posted, in the order they were recorded in, and what each has done to the account."""

    def __init__(self, opening: Account) -> None:
        self._places: list[int] = []
        self._facts: list[Fact] = []
        self._accounts = [opening]
        """Before each that is replayed, and after the last of these."""
        self._steps: list[Step | None] = []
        """None of a payment that is reversed."""

    @property
    def account(self) -> Account:
        """After all of them."""
        return self._accounts[-1]

    @property
    def steps(self) -> list[Step]:
        """Those of the facts that stand."""
        return [step for step in self._steps if step is not None]

    def add(self, place: int, fact: Fact) -> None:
        """Posts a fact.

        Args:
            place: Of an entry in its history, or of the payment that is reversed.
            fact: The entry, or the payment with its reversal.

        Raises:
            CreditError: The account does not take all of them. The next fact is posted together with this one.
        """
        at = bisect_left(self._places, place)
        if self._places[at : at + 1] == [place]:
            self._facts[at] = fact
        else:
            self._places.insert(at, place)
            self._facts.insert(at, fact)
        del self._accounts[at + 1 :], self._steps[at:]
        for each in self._facts[len(self._steps) :]:
            step = step_of(self.account, each)
            self._steps.append(step)
            self._accounts.append(step.after if step else self.account)


def _posted_by_day(opening: Account, history: History) -> Iterator[tuple[date, Fact, _Posted]]:
    """Yields each fact with its day and all that is posted then: as that stands until the next is asked for."""
    posted = _Posted(opening)
    for day, place, fact in _by_day(history):
        try:
            posted.add(place, fact)
        except CreditError:
            # The clocks of two servers have differed: what made room for it is posted next, and both with that.
            continue
        yield day, fact, posted


def _by_day(history: History) -> list[tuple[date, int, Fact]]:
    """The facts with the days that they are posted on, and their places in the history."""
    recorded = in_order(history)
    latest_times = list(accumulate((entry.create_time for entry in recorded), max))
    entries = [
        (place, 1, 0, place, replace(entry, reversal=None) if isinstance(entry, Repayment) else entry)
        for place, entry in enumerate(recorded)
    ]
    # A reversal was recorded behind its payment, and behind what is not younger. Those between the same two entries
    # come from the newest payment back: then what is replayed behind each is least.
    reversals = [
        (max(place + 1, bisect_right(latest_times, entry.reversal.create_time)), 0, -place, place, entry)
        for place, entry in enumerate(recorded)
        if isinstance(entry, Repayment) and entry.reversal is not None
    ]
    posted: list[tuple[date, int, Fact]] = []
    days = dict[int, date]()
    reversed_on = date.min
    facts: list[tuple[int, int, int, int, Fact]] = [*entries, *reversals]
    for _, is_entry, _, place, fact in sorted(facts, key=lambda each: each[:3]):
        day = max(_own_day(fact), reversed_on if is_entry else days[place])
        if is_entry:
            days[place] = day
        else:
            reversed_on = max(reversed_on, day)
        posted.append((day, place, fact))
    return sorted(posted, key=lambda each: each[0])


def _own_day(fact: Fact) -> date:
    if isinstance(fact, ChargeEntry):
        return fact.entry_date
    return fact.reversal.reversal_date if fact.reversal else fact.payment_date
