"""Persons in answers: who may see them in full, and the record that somebody did."""

import threading
from collections import Counter
from collections.abc import Iterable
from datetime import date

from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import PII
from almeno_grpc.domain.errors import CallerLimitExceeded
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
        caller = current_caller()
        if not caller.may(PII):
            return False
        ids = list(customer_ids)
        if self._audit is not None and ids:
            with self._lock:
                shown = self._shown_today()
                most = caller.limits.max_pii_reads_per_day
                if most is not None and shown[caller.principal] + len(ids) > most:
                    raise CallerLimitExceeded("max_pii_reads_per_day", f"more than {most} customers in full")
                self._audit.add_read(caller, current_method().path, ids)
                shown[caller.principal] += len(ids)
        return True

    def _shown_today(self) -> Counter[str]:
        """How many persons were shown to each principal since midnight in UTC."""
        today = self._clock.utc_date()
        if self._shown[0] != today:
            self._shown = today, Counter()
        return self._shown[1]
