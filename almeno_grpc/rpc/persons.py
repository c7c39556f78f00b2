"""Persons in answers: who may see them in full, and the record that somebody did."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date

from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import PII, Caller
from almeno_grpc.domain.errors import AuditUnavailable, CallerLimitExceeded
from almeno_grpc.rpc.conversion.values import quotes_cells
from almeno_grpc.rpc.runtime.current_call import current_caller, current_method
from almeno_grpc.service.audit_queue import AuditQueue


class Persons:
    """Decides, for the call that a thread runs, whether persons are shown in full.

    What is shown to a caller who is known is an event of the audit trail, written by a thread soon after: where it
    cannot be written for long, nothing is shown.
    """

    def __init__(self, audit: AuditQueue | None, clock: Clock) -> None:
        """Makes it.

        Args:
            audit: Records what is shown; None where nobody is known.
            clock: The day, by which what is shown is counted.
        """
        self._audit = audit
        self._clock = clock
        self._lock = threading.Lock()
        self._shown: tuple[date, Counter[str]] = (date.min, Counter())

    def are_shown(self, customer_ids: Iterable[int]) -> bool:
        """Whether the customers are shown in full, which is recorded then.

        Raises:
            CallerLimitExceeded: The principal has seen as many today as it may.
            AuditUnavailable: It cannot be recorded.
        """
        ids = list(customer_ids)
        return self._are_shown(len(ids), lambda audit, caller, method: audit.add_read(caller, method, ids))

    def is_shown_after_change(self, customer_id: int) -> bool:
        """As `are_shown`, for the answer to a change that was made: beyond the limit, or unrecorded, it is redacted."""
        try:
            return self.are_shown([customer_id])
        except (CallerLimitExceeded, AuditUnavailable):
            return False

    def shown_within_limit(self, customer_ids: Iterable[int]) -> frozenset[int]:
        """Those customers who are shown in full, which is recorded then: the first, as many as may be seen today.

        For events: one that is refused would hold up all behind it, also those that show nobody.

        Raises:
            AuditUnavailable: It cannot be recorded.
        """
        caller = current_caller()
        ids = list(dict.fromkeys(customer_ids)) if caller.may(PII) else []
        if self._audit is not None and ids:
            with self._lock:
                shown = self._shown_today()
                most = caller.limits.max_pii_reads_per_day
                if most is not None:
                    ids = ids[: max(most - shown[caller.principal], 0)]
                if ids:
                    self._audit.add_read(caller, current_method().path, ids)
                    shown[caller.principal] += len(ids)
        return frozenset(ids)

    def are_found(self, customer_ids: Iterable[int]) -> bool:
        """Whether customers whom a name or a number has found are shown in full; raises as above.

        They are recorded and counted as shown either way: that they were found tells their names or whose a number is.
        """
        ids = list(customer_ids)
        return self._are_shown(
            len(ids), lambda audit, caller, method: audit.add_read(caller, method, ids), tells_anyway=True
        )

    def are_quoted(self, import_id: str, texts: Iterable[str]) -> bool:
        """Whether texts about a file are shown with what they quote of it, which is recorded then; raises as above.

        Each text with a quote counts as a customer: it may hold the name of one.
        """
        count = sum(map(quotes_cells, texts))
        return self._are_shown(count, lambda audit, caller, method: audit.add_quote(caller, method, import_id))

    def _are_shown(
        self, count: int, record: Callable[[AuditQueue, Caller, str], None], *, tells_anyway: bool = False
    ) -> bool:
        caller = current_caller()
        in_full = caller.may(PII)
        if not in_full and not tells_anyway:
            return False
        if self._audit is not None and count:
            with self._lock:
                shown = self._shown_today()
                most = caller.limits.max_pii_reads_per_day
                if most is not None and shown[caller.principal] + count > most:
                    raise CallerLimitExceeded("max_pii_reads_per_day", f"more than {most} customers in full")
                record(self._audit, caller, current_method().path)
                shown[caller.principal] += count
        return in_full

    def _shown_today(self) -> Counter[str]:
        """How many persons were shown to each principal since midnight in UTC."""
        today = self._clock.utc_date()
        if self._shown[0] != today:
            self._shown = today, Counter()
        return self._shown[1]
