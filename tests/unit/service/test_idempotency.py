import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.memory_store import MemoryStore

from almeno_grpc.clock import Clock
from almeno_grpc.deadline import Deadline, begin_deadline, current_deadline, end_deadline
from almeno_grpc.domain.errors import (
    BusinessDateBehind,
    CommitOutcomeUnknown,
    CustomerNotFound,
    DeadlineExceeded,
    PhoneNumberTaken,
    RequestIdReused,
    StoreUnavailable,
    TooManyCalls,
    WriteConflict,
)
from almeno_grpc.service.idempotency import Idempotency, NotLocked, RequestContext, WriteQueue
from almeno_grpc.service.store import Changes

PATIENCE_SECONDS = 10
CLOCK = Clock(date(2026, 3, 31), ZoneInfo("Asia/Kolkata"))


@dataclass
class Numbering:
    """A use case that gives each request the next number; some requests fail by themselves, some break the write."""

    store: MemoryStore
    locked_by_others: set[str] = field(default_factory=set)
    numbers: int = 0
    waited_for: list[str] = field(default_factory=list)

    def load(self, _tx: Any, requests: Sequence[str], *, wait: bool) -> bool:
        self.store.log.append(f"load {', '.join(requests)}")
        if wait:
            self.waited_for += requests
        return wait

    def execute(self, state: bool, request: str, changes: Changes) -> str:
        if request in self.locked_by_others and not state:
            raise NotLocked
        if request.startswith("unknown"):
            raise CustomerNotFound(1)
        self.numbers += 1
        changes.policy_pins[request] = str(self.numbers)
        return f"{request} is {self.numbers}"


@dataclass
class Desk:
    """A queue, with its store and use case."""

    store: MemoryStore
    use_case: Numbering
    queue: WriteQueue[str, bool, str]
    done: list[str] = field(default_factory=list)

    def submit(
        self, request: str, request_id: str = "", fingerprint: str = "", is_active: Callable[[], bool] = lambda: True
    ) -> Future[bytes]:
        context = RequestContext(request_id=request_id, fingerprint=fingerprint or request, is_active=is_active)
        return self.queue.submit(request, context, str.encode, self.done.append)

    def submit_together(self, *requests: str) -> list[Future[bytes]]:
        """Submits requests that make one batch: they wait for the transaction of one before them."""
        entered, may_go_on = threading.Event(), threading.Event()

        def hold() -> None:
            self.store.on_begin = lambda: None
            entered.set()
            assert may_go_on.wait(PATIENCE_SECONDS)

        self.store.on_begin = hold
        answers = [self.submit(requests[0])]
        assert entered.wait(PATIENCE_SECONDS)
        answers += [self.submit(request) for request in requests[1:]]
        may_go_on.set()
        return answers


@contextmanager
def opened_desk() -> Iterator[Desk]:
    store = MemoryStore()
    use_case = Numbering(store)
    queue = WriteQueue("test", store.as_store(), CLOCK, use_case, key_of=str)
    try:
        yield Desk(store, use_case, queue)
    finally:
        queue.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with opened_desk() as desk:
        yield desk


def outcome(answer: Future[bytes]) -> bytes | BaseException:
    error = answer.exception(PATIENCE_SECONDS)
    return error if error is not None else answer.result()


def test_requests_that_wait_together_are_loaded_written_and_committed_once(desk: Desk) -> None:
    answers = desk.submit_together("a", "b", "c")
    assert [outcome(answer) for answer in answers] == [b"a is 1", b"b is 2", b"c is 3"]
    assert desk.store.log == ["begin", "load a, b, c", "write", "commit"]
    assert desk.done == ["a is 1", "b is 2", "c is 3"]


def test_answers_leave_after_the_commit(desk: Desk) -> None:
    answered_before_commit: list[bool] = []
    answers: list[Future[bytes]] = []
    desk.store.on_commit = lambda: answered_before_commit.append(any(answer.done() for answer in answers))
    answers += desk.submit_together("a", "b")
    assert [outcome(answer) for answer in answers] == [b"a is 1", b"b is 2"]
    assert answered_before_commit == [False]
    assert desk.done == ["a is 1", "b is 2"]


def test_server_behind_the_book_repeats_what_was_answered_and_refuses_the_rest_of_a_batch(desk: Desk) -> None:
    assert outcome(desk.submit("a", "id-1")) == b"a is 1"
    for latest in (CLOCK.today() - timedelta(days=1), CLOCK.today()):
        desk.store.latest_business_date = latest
        assert outcome(desk.submit("b")) == f"b is {desk.use_case.numbers}".encode()
    numbers, desk.store.latest_business_date = desk.use_case.numbers, CLOCK.today() + timedelta(days=1)
    repeated, refused = desk.submit("a", "id-1"), desk.submit("c", "id-2")
    assert outcome(repeated) == b"a is 1"
    assert isinstance(outcome(refused), BusinessDateBehind)
    assert (desk.use_case.numbers, "id-2" in desk.store.records) == (numbers, False)


def test_a_request_that_fails_by_itself_harms_no_other_of_its_batch(desk: Desk) -> None:
    first, failed, last = desk.submit_together("a", "unknown", "c")
    assert (outcome(first), outcome(last)) == (b"a is 1", b"c is 2")
    assert isinstance(outcome(failed), CustomerNotFound)
    assert desk.store.log.count("commit") == 1
    assert [sorted(changes.policy_pins) for changes in desk.store.committed] == [["a", "c"]]


def test_when_a_batch_cannot_be_written_its_requests_run_one_by_one_and_one_failure_harms_no_other(desk: Desk) -> None:
    def refuse_poison(changes: Changes) -> None:
        if "poison" in changes.policy_pins:
            raise ValueError("a check of the schema")

    desk.store.on_write = refuse_poison
    first, poison, last = desk.submit_together("a", "poison", "c")
    assert isinstance(outcome(first), bytes)
    assert isinstance(outcome(last), bytes)
    assert isinstance(outcome(poison), ValueError)
    assert sorted(name for changes in desk.store.committed for name in changes.policy_pins) == ["a", "c"]


def test_an_end_of_the_thread_that_a_request_asks_for_ends_that_request_alone(desk: Desk) -> None:
    def end_thread(changes: Changes) -> None:
        if "poison" in changes.policy_pins:
            raise SystemExit

    desk.store.on_write = end_thread
    first, poison = desk.submit_together("a", "poison")
    assert isinstance(outcome(first), bytes)
    assert isinstance(outcome(poison), SystemExit)
    assert isinstance(outcome(desk.submit("c")), bytes)


def test_a_request_for_which_no_thread_is_left_fails_and_takes_no_effect(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    outcome(desk.submit("b"))
    desk.use_case.locked_by_others = {"a"}
    with monkeypatch.context() as patch:
        # That of the batches runs already.
        patch.setattr(threading.Thread, "start", refuse)
        assert isinstance(outcome(desk.submit("a")), TooManyCalls)
    assert desk.use_case.numbers == 1


def test_an_answer_that_cannot_be_made_after_the_commit_fails_its_own_call(desk: Desk) -> None:
    def break_off(_result: str) -> bytes:
        raise ValueError("no answer")

    answer = desk.queue.submit("a", RequestContext(), break_off)
    assert isinstance(outcome(answer), ValueError)
    assert outcome(desk.submit("b")) == b"b is 2"


def test_a_caller_that_leaves_while_its_request_runs_alone_changes_nothing(desk: Desk) -> None:
    desk.use_case.locked_by_others = {"a"}
    is_active = iter([True, True, False])
    assert isinstance(outcome(desk.submit("a", is_active=lambda: next(is_active))), DeadlineExceeded)
    assert [changes.policy_pins for changes in desk.store.committed] == [{}]


@pytest.mark.parametrize("error", [CommitOutcomeUnknown("lost"), StoreUnavailable("out of space")])
def test_when_the_database_is_lost_no_request_of_the_batch_is_run_again(desk: Desk, error: Exception) -> None:
    def lose() -> None:
        raise error

    desk.store.on_commit = lose
    answers = desk.submit_together("a", "b")
    assert [outcome(answer) for answer in answers] == [error, error]
    assert desk.store.log.count("begin") == 1
    assert desk.done == []


def test_the_database_out_of_reach_fails_the_calls_that_wait_and_not_those_after(desk: Desk) -> None:
    def refuse() -> None:
        desk.store.on_begin = lambda: None
        raise StoreUnavailable("out of reach")

    desk.store.on_begin = refuse
    assert isinstance(outcome(desk.submit("a")), StoreUnavailable)
    assert outcome(desk.submit("b")) == b"b is 1"


def test_a_conflict_is_tried_again_until_it_is_over(desk: Desk) -> None:
    conflicts = iter([WriteConflict("first"), WriteConflict("second")])

    def meet(_changes: Changes) -> None:
        if (conflict := next(conflicts, None)) is not None:
            raise conflict

    desk.store.on_write = meet
    assert outcome(desk.submit("a")) == b"a is 3"
    assert desk.store.log.count("commit") == 1


def test_a_phone_number_that_was_taken_since_it_was_looked_up_is_looked_up_again(desk: Desk) -> None:
    taken = iter([PhoneNumberTaken(), PhoneNumberTaken()])

    def meet(_changes: Changes) -> None:
        if (error := next(taken, None)) is not None:
            raise error

    desk.store.on_write = meet
    assert outcome(desk.submit("a")) == b"a is 3"


def test_a_request_whose_rows_are_locked_by_others_goes_alone_and_waits_while_the_others_go_on(desk: Desk) -> None:
    desk.use_case.locked_by_others = {"b"}
    first, locked, last = desk.submit_together("a", "b", "c")
    assert (outcome(first), outcome(last)) == (b"a is 1", b"c is 2")
    assert outcome(locked) == b"b is 3"
    assert desk.use_case.waited_for == ["b"]


def test_the_same_request_gets_its_first_answer_and_takes_effect_once(desk: Desk) -> None:
    first = outcome(desk.submit("a", "id-1"))
    assert outcome(desk.submit("a", "id-1")) == first == b"a is 1"
    assert desk.use_case.numbers == 1
    assert desk.done == ["a is 1"]


def test_two_requests_of_one_request_id_are_not_in_one_batch(desk: Desk) -> None:
    entered, may_go_on = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert may_go_on.wait(PATIENCE_SECONDS)

    desk.store.on_begin = hold
    answers = [desk.submit("a", "id-1")]
    assert entered.wait(PATIENCE_SECONDS)
    answers += [desk.submit("b", "id-1", fingerprint="a"), desk.submit("c", "id-2")]
    may_go_on.set()
    assert [outcome(answer) for answer in answers] == [b"a is 1", b"a is 1", b"c is 2"]


def test_another_request_with_a_used_request_id_is_refused_and_has_no_effect(desk: Desk) -> None:
    outcome(desk.submit("a", "id-1"))
    assert isinstance(outcome(desk.submit("b", "id-1")), RequestIdReused)
    assert desk.use_case.numbers == 1


def test_a_request_that_failed_is_not_remembered(desk: Desk) -> None:
    assert isinstance(outcome(desk.submit("unknown", "id-1")), CustomerNotFound)
    assert desk.store.records == {}
    assert outcome(desk.submit("a", "id-1")) == b"a is 1"


def test_records_are_looked_up_behind_the_locks(desk: Desk) -> None:
    outcome(desk.submit("a", "id-1"))
    assert desk.store.log == ["begin", "load a", "look up records", "write", "commit"]


def test_a_caller_that_is_gone_changes_nothing(desk: Desk) -> None:
    assert isinstance(outcome(desk.submit("a", is_active=lambda: False)), DeadlineExceeded)
    assert desk.use_case.numbers == 0


def test_an_answer_that_cannot_be_made_undoes_a_request_that_is_to_be_remembered(desk: Desk) -> None:
    context = RequestContext(request_id="id-1", fingerprint="a")

    def break_off(_result: str) -> bytes:
        raise ValueError("no answer")

    assert isinstance(outcome(desk.queue.submit("a", context, break_off)), ValueError)
    assert desk.store.committed == []


def test_a_rare_request_takes_effect_once_too() -> None:
    store = MemoryStore()
    idempotency = Idempotency(store.as_store(), CLOCK)
    done: list[int] = []

    def work(_tx: object) -> int:
        return len(store.committed)

    def encode(result: int) -> bytes:
        return b"%d" % result

    context = RequestContext(request_id="id-1", fingerprint="a")
    assert [idempotency.execute(context, work, encode, done.append) for _ in range(2)] == [b"0", b"0"]
    assert done == [0]
    with pytest.raises(RequestIdReused):
        idempotency.execute(
            RequestContext(request_id="id-1", request_id_field="header.request_id", fingerprint="b"), work, encode
        )


def test_a_rare_request_whose_work_fails_raises_what_it_raised() -> None:
    def work(_tx: object) -> int:
        raise CustomerNotFound(1)

    store = MemoryStore()
    with pytest.raises(CustomerNotFound):
        Idempotency(store.as_store(), CLOCK).execute(RequestContext(request_id="id-1"), work, lambda _result: b"")
    assert store.records == {}


def test_batch_has_the_deadline_of_its_call_that_waits_longest_and_a_call_that_goes_alone_its_own(desk: Desk) -> None:
    seen: list[float] = []
    desk.store.on_write = lambda _: seen.append(current_deadline().seconds)
    desk.use_case.locked_by_others.add("d")
    submit = desk.submit

    def submit_with_deadline(request: str) -> Future[bytes]:
        begin_deadline(Deadline({"a": 10, "b": 30, "c": 20, "d": 25}[request]))
        try:
            return submit(request)
        finally:
            end_deadline()

    desk.submit = submit_with_deadline  # type: ignore[method-assign, assignment] # of one argument here
    assert [outcome(answer) for answer in desk.submit_together("a", "b", "c", "d")] == [
        b"a is 1",
        b"b is 2",
        b"c is 3",
        b"d is 4",
    ]
    assert seen == [30, 25]
