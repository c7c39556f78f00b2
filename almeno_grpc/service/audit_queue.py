"""Events of reads and refusals, which wait a moment and are written together, by a thread of the process."""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic

from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import Caller
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.errors import AuditUnavailable, CreditError
from almeno_grpc.logs import log_event
from almeno_grpc.service.store import Changes, Store

FLUSH_SECONDS = 0.2
REFUSAL_SECONDS = 10
"""How long refusals that are alike are folded into one event."""
MAX_EVENTS_PER_WRITE = 500
MAX_QUEUED_EVENTS = 10_000
MAX_FOLDED_REFUSALS = 1_000
"""Kinds of refusals within that time; those beyond are folded into one of nobody's."""
_RETRY_SECONDS = 1
_MAX_SUBJECT = 255
_MAX_METHOD = 128

_Refusal = tuple[str, str, str, str]
"""Principal, credential, method and reason."""


class AuditQueue:
    """Reads and refusals of a process. Its methods may be called from any thread, and do not wait for the database."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Makes the queue; its thread starts with the first event."""
        self._store = store
        self._clock = clock
        self._reads: deque[AuditEntry] = deque()
        self._refusals: dict[_Refusal, int] = {}
        self._refusals_due = 0.0
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def add_read(self, caller: Caller, method: str, customer_ids: Iterable[int], request_id: str = "") -> None:
        """Records that a call shows persons in full; before its answer leaves.

        Args:
            caller: Who calls.
            method: Full name of the method.
            customer_ids: The persons.
            request_id: Of the call, if it has one.

        Raises:
            AuditUnavailable: Events could not be written for long; nothing may be shown.
        """
        self._add_reads(caller, method, _subjects(sorted(set(customer_ids))), request_id)

    def add_quote(self, caller: Caller, method: str, subject: str) -> None:
        """Records that a call shows what a file quotes, which may be of persons; before its answer leaves.

        Args:
            caller: Who calls.
            method: Full name of the method.
            subject: The id of the file's import.

        Raises:
            AuditUnavailable: As for `add_read`.
        """
        self._add_reads(caller, method, [(0, subject)])

    def _add_reads(
        self, caller: Caller, method: str, subjects: Iterable[tuple[int, str]], request_id: str = ""
    ) -> None:
        now, kind = self._clock.now_microseconds(), AuditEventKind.READ
        entries = [
            AuditEntry(kind, now, caller.principal, caller.credential, method, customer_id, subject, request_id)
            for customer_id, subject in subjects
        ]
        with self._condition:
            if len(self._reads) + len(entries) > MAX_QUEUED_EVENTS:
                raise AuditUnavailable("reads of personal data cannot be recorded at the moment; send the call again")
            self._reads.extend(entries)
            self._wake()

    def add_refusal(self, caller: Caller | None, method: str, reason: str) -> None:
        """Records that a call was refused.

        Args:
            caller: Who called; None where nobody was known.
            method: Full name of the method, as the caller gave it.
            reason: The reason of the error.
        """
        principal, credential = (caller.principal, caller.credential) if caller else ("", "")
        refusal = (principal, credential, method[:_MAX_METHOD], reason)
        with self._condition:
            if refusal not in self._refusals and len(self._refusals) >= MAX_FOLDED_REFUSALS:
                refusal = ("", "", "", reason)
            if not self._refusals:
                self._refusals_due = monotonic() + REFUSAL_SECONDS
                self._wake()
            self._refusals[refusal] = self._refusals.get(refusal, 0) + 1

    def close(self) -> None:
        """Writes what waits, if the database takes it, and ends the thread."""
        with self._condition:
            self._is_closed = True
            self._condition.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _wake(self) -> None:
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._run, name="audit-queue", daemon=True)
            self._thread.start()
        self._condition.notify()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            with self._condition:
                self._condition.wait_for(lambda: self._is_closed or self._reads or self._refusals)
                if self._reads:
                    self._condition.wait_for(self._is_full, FLUSH_SECONDS)
                else:
                    until_due = max(0, self._refusals_due - monotonic())
                    self._condition.wait_for(lambda: self._is_closed or self._reads, until_due)
                is_last = self._is_closed
            if not self._flush():
                with self._condition:
                    self._condition.wait_for(lambda: self._is_closed, _RETRY_SECONDS)

    def _is_full(self) -> bool:
        return self._is_closed or len(self._reads) >= MAX_EVENTS_PER_WRITE

    def _flush(self) -> bool:
        """Writes what is due; tells whether the database has taken it, or is not known not to have."""
        try:
            while entries := self._due():
                self._write(entries)
                self._forget(entries)
        # Whatever it is: a thread that ended here would leave reads without a trail.
        except Exception as error:
            log_event("audit_delayed", error=error, is_expected=isinstance(error, CreditError))
            return False
        return True

    def _write(self, entries: Sequence[AuditEntry]) -> None:
        """Writes events; one that the database refuses for what it holds is dropped, for it would stop all others."""
        parts = [Changes(event=entry) for entry in entries]
        try:
            self._store.write(lambda tx: tx.write(*parts))
        except CreditError:
            raise
        except Exception as error:
            if len(entries) == 1:
                log_event("audit_event_dropped", logging.ERROR, error=error)
                return
            for entry in entries:
                self._write([entry])

    def _due(self) -> list[AuditEntry]:
        with self._condition:
            # While the database is away refusals go on being folded: they must not take the room of reads.
            has_room = len(self._reads) < MAX_QUEUED_EVENTS // 2
            if self._refusals and has_room and (self._is_closed or monotonic() >= self._refusals_due):
                now = self._clock.now_microseconds()
                self._reads.extendleft(
                    AuditEntry(AuditEventKind.REFUSAL, now, principal, credential, method, outcome=reason, calls=calls)
                    for (principal, credential, method, reason), calls in self._refusals.items()
                )
                self._refusals.clear()
            return [self._reads[place] for place in range(min(len(self._reads), MAX_EVENTS_PER_WRITE))]

    def _forget(self, entries: list[AuditEntry]) -> None:
        with self._condition:
            for _ in entries:
                self._reads.popleft()


def _subjects(customer_ids: list[int]) -> Iterator[tuple[int, str]]:
    """The customer_id and the subject of each event that names the persons, who are given in order."""
    if len(customer_ids) == 1:
        yield customer_ids[0], str(customer_ids[0])
        return
    subject = ""
    for first, last in _runs(customer_ids):
        part = str(first) if first == last else f"{first}-{last}"
        if subject and len(subject) + 1 + len(part) > _MAX_SUBJECT:
            yield 0, subject
            subject = ""
        subject = f"{subject},{part}" if subject else part
    if subject:
        yield 0, subject


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """The runs of consecutive numbers, each by its first and its last."""
    first = last = numbers[0] if numbers else 0
    for number in numbers[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    if numbers:
        yield first, last
