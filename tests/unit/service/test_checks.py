import math
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from almeno_grpc.bootstrap import load_policies
from almeno_grpc.clock import Clock
from almeno_grpc.deadline import Deadline, begin_deadline, current_deadline, end_deadline
from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.decision import Borrower, Decision, DecisionReason, LoanRequest
from almeno_grpc.domain.errors import CreditError, CustomerNotFound, StoreUnavailable
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.service.checks import CheckService
from almeno_grpc.service.policies import PolicyCalendar
from almeno_grpc.service.store import Store

PATIENCE_SECONDS = 10
LAKH = 100_000 * 100
NOBODY = 99
NOTHING_BORROWED = CreditPosition()


@dataclass
class BorrowersStore:
    """A store of borrowers; the first statement waits until it is let go, if it is to wait."""

    statements: list[list[int]] = field(default_factory=list)
    position: CreditPosition = NOTHING_BORROWED
    error: Exception | None = None
    first_has_begun: threading.Event = field(default_factory=threading.Event)
    first_may_end: threading.Event = field(default_factory=threading.Event)
    deadlines: list[float] = field(default_factory=list)

    def borrowers(self, customer_ids: Collection[int], _on: date) -> dict[int, Borrower]:
        self.statements.append(sorted(customer_ids))
        self.deadlines.append(current_deadline().seconds)
        self.first_has_begun.set()
        assert self.first_may_end.wait(PATIENCE_SECONDS)
        if self.error is not None:
            raise self.error
        return {number: Borrower(LAKH, 36 * LAKH, self.position) for number in customer_ids if number != NOBODY}


@pytest.fixture
def queue() -> Iterator[tuple[BorrowersStore, CheckService]]:
    """Checks, and the store that they read from."""
    store = BorrowersStore()
    checks = checks_on(store)
    yield store, checks
    store.first_may_end.set()
    checks.close()


def checks_on(store: BorrowersStore, today: date = date(2026, 4, 10)) -> CheckService:
    clock = Clock(today, ZoneInfo("Asia/Kolkata"))
    return CheckService(cast("Store", store), PolicyCalendar(load_policies()), clock)


def asked(customer_id: int) -> LoanRequest:
    return LoanRequest(customer_id, LAKH, Decimal(12), 12)


def answer_of(decision: Decision) -> bytes:
    return f"{decision.request.customer_id} {decision.approved}".encode()


def test_checks_that_wait_together_go_by_one_statement(queue: tuple[BorrowersStore, CheckService]) -> None:
    store, checks = queue
    answers = [checks.check(asked(1), answer_of)]
    assert store.first_has_begun.wait(PATIENCE_SECONDS)
    for number in (2, 3, 2):
        begin_deadline(Deadline(10 * number))
        answers.append(checks.check(asked(number), answer_of))
    end_deadline()
    store.first_may_end.set()
    assert [answer.result(PATIENCE_SECONDS) for answer in answers] == [b"1 True", b"2 True", b"3 True", b"2 True"]
    # The statement is for those who wait longest.
    assert store.deadlines == [math.inf, 30]
    assert store.statements == [[1], [2, 3]]


def test_a_check_that_cannot_be_decided_harms_no_other(queue: tuple[BorrowersStore, CheckService]) -> None:
    store, checks = queue
    answers = [checks.check(asked(1), answer_of)]
    assert store.first_has_begun.wait(PATIENCE_SECONDS)
    answers += [checks.check(asked(NOBODY), answer_of), checks.check(asked(3), answer_of)]
    store.first_may_end.set()
    assert isinstance(answers[1].exception(PATIENCE_SECONDS), CustomerNotFound)
    assert answers[2].result(PATIENCE_SECONDS) == b"3 True"


def test_checks_fail_together_where_the_database_is_out_of_reach(queue: tuple[BorrowersStore, CheckService]) -> None:
    store, checks = queue
    store.error = StoreUnavailable("out of reach")
    store.first_may_end.set()
    assert checks.check(asked(1), answer_of).exception(PATIENCE_SECONDS) is store.error


def test_an_answer_that_cannot_be_made_fails_its_own_check(queue: tuple[BorrowersStore, CheckService]) -> None:
    store, checks = queue
    store.first_may_end.set()

    def break_off(_decision: Decision) -> bytes:
        raise ValueError("no answer")

    assert isinstance(checks.check(asked(1), break_off).exception(PATIENCE_SECONDS), ValueError)
    assert checks.check(asked(2), answer_of).result(PATIENCE_SECONDS) == b"2 True"


@pytest.mark.parametrize(
    ("today", "reasons"),
    [
        (date(2026, 11, 30), ()),
        (date(2026, 12, 1), (DecisionReason.CUSTOMER_PAST_DUE, DecisionReason.CUSTOMER_NON_PERFORMING)),
    ],
)
def test_customer_187_days_past_due_is_declined_from_december_2026_on(
    today: date, reasons: tuple[DecisionReason, ...]
) -> None:
    position = CreditPosition(
        loan_count=1, active_loan_count=1, days_past_due=187, asset_class=AssetClass.NON_PERFORMING
    )
    store = BorrowersStore(position=position)
    store.first_may_end.set()
    (decision,) = checks_on(store, today).check_all([asked(1)])
    assert isinstance(decision, Decision)
    assert decision.reasons == reasons


def test_a_batch_of_checks_says_of_each_why_it_cannot_be_decided() -> None:
    store = BorrowersStore()
    store.first_may_end.set()
    outcomes = checks_on(store).check_all([asked(1), asked(NOBODY)])
    assert isinstance(outcomes[0], Decision)
    assert isinstance(outcomes[1], CreditError)
