"""What was recorded on a loan, posted day by day: how its account stood on each day.

Facts are posted in the order they were recorded in, each on its own day, or on that of a fact before it where that is
later: a payment dated back behind a reversal is posted with the reversal. So what is posted by a day is always the
beginning of the history, and the account then is one that there has been.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from almeno_grpc.domain.account import Account
from almeno_grpc.domain.charge import ChargeEntry, LateTerms
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.repayment import Repayment, Reversal
from almeno_grpc.domain.replay import History, Replay, in_order, opening_account, repaid, replay_from, with_entry

Fact = Repayment | ChargeEntry
"""What is recorded. A repayment with its reversal stands for the reversal, one without for the payment itself."""


class Posting(NamedTuple):
    """A fact in its place."""

    day: date
    fact: Fact
    before: Account
    after: Replay
    """The account, and the repayments that stand, once it is posted."""


def postings(loan: Loan, history: History, late_terms: LateTerms | None = None) -> Iterator[Posting]:
    """Everything that was recorded on a disbursed loan, in the order it is posted in.

    Args:
        loan: As it stands.
        history: All of it.
        late_terms: Those the loan was booked under.
    """
    opening = opening_account(loan, history, late_terms)
    now, day = Replay(opening, ()), loan.schedule_begin
    posted = History()
    for fact in _facts(history):
        day = max(day, _own_day(fact))
        posted = _with(posted, fact)
        try:
            after = _posted(now, fact, opening, posted)
        except CreditError:
            # The clocks of two servers have differed: what made room for it is posted next, and both with that.
            continue
        yield Posting(day, fact, now.account, after)
        now = after


def account_on(loan: Loan, history: History, late_terms: LateTerms | None, on: date) -> Account:
    """The account of a loan as it stood on a day, not before its approval.

    Of an imported loan nothing is known of the time before its import: it stands as its sheet has left it.
    """
    account = opening_account(loan, history, late_terms)
    if loan.disbursed_on is not None and loan.disbursed_on > on:
        return replace(account, loan=replace(account.loan, disbursed_on=None))
    for posting in postings(loan, history, late_terms):
        if posting.day > on:
            break
        account = posting.after.account
    return account


def before_cancellation(loan: Loan) -> Loan:
    """A cancelled loan as it was sanctioned."""
    return replace(loan, ended_as=None, outstanding_principal=loan.loan_amount)


def _facts(history: History) -> list[Fact]:
    """Repayments, charges and waivers in the order they were recorded in, and reversals among them by their time."""
    recorded = in_order(history)
    facts = [replace(each, reversal=None) if isinstance(each, Repayment) else each for each in recorded]
    reversed_ones = [(each.reversal, each) for each in history.repayments if each.reversal is not None]
    for reversal, each in sorted(reversed_ones, key=lambda pair: pair[0].create_time):
        own = next(place for place, fact in enumerate(facts) if _is_payment(fact, each.number))
        later = (place for place in range(own + 1, len(facts)) if _time(facts[place]) > reversal.create_time)
        facts.insert(next(later, len(facts)), each)
    return facts


def _is_payment(fact: Fact, number: int) -> bool:
    return isinstance(fact, Repayment) and fact.number == number and fact.reversal is None


def _reversal(fact: Fact) -> Reversal | None:
    return fact.reversal if isinstance(fact, Repayment) else None


def _time(fact: Fact) -> int:
    return (_reversal(fact) or fact).create_time


def _own_day(fact: Fact) -> date:
    if isinstance(fact, ChargeEntry):
        return fact.entry_date
    return fact.reversal.reversal_date if fact.reversal else fact.payment_date


def _with(history: History, fact: Fact) -> History:
    """The history with a fact more."""
    if isinstance(fact, ChargeEntry):
        return History(history.repayments, [*history.charges, fact])
    if fact.reversal is None:
        return History([*history.repayments, fact], history.charges)
    return History([fact if each.number == fact.number else each for each in history.repayments], history.charges)


def _posted(now: Replay, fact: Fact, opening: Account, posted: History) -> Replay:
    if isinstance(fact, ChargeEntry):
        return Replay(with_entry(now.account, fact), now.repayments)
    if fact.reversal is not None:
        return replay_from(opening, posted)
    account, repayment = repaid(now.account, fact)
    return Replay(account, [*now.repayments, repayment])
