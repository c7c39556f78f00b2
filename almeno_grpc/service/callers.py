"""Who calls: what a process knows of all callers, in memory.

No database is asked before a caller is known, so that a stranger costs a hash. What is known is renewed when the
version of it has moved, which a thread looks at four times a second; a transaction that writes looks where it begins.
"""

import hashlib
import logging
import threading
import time
from dataclasses import dataclass, replace
from datetime import date

from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import AccessRecords, Caller
from almeno_grpc.domain.errors import (
    AccessUnknown,
    CredentialsExpired,
    CredentialsInvalid,
    ScopeMissing,
)
from almeno_grpc.logs import SparseLog
from almeno_grpc.service.store import Store, Transaction

_RENEWAL_SECONDS = 0.25
_NOTE_SECONDS = 1.0
KNOWN_EVERYWHERE_SECONDS = 2 * _RENEWAL_SECONDS
"""How long after its commit a change of callers is known in every process."""
_MAX_AGE_SECONDS = 15.0
"""How long a process goes by what it knew where it cannot read whether that still holds."""
_log = SparseLog(1)


@dataclass(frozen=True, slots=True)
class _Known:
    """All callers at a version. Revoked keys and disabled principals are not in it."""

    version: int
    by_sha256: dict[bytes, Caller]
    by_key_id: dict[str, Caller]
    by_certificate_name: dict[str, Caller]

    @classmethod
    def of(cls, records: AccessRecords) -> "_Known":
        principals = {each.name: each for each in records.principals if not each.disabled}
        by_sha256 = {}
        for key in records.keys:
            principal = principals.get(key.principal)
            if principal is not None and key.revoke_time is None:
                scopes = principal.scopes & key.scopes if key.scopes else principal.scopes
                by_sha256[key.sha256] = Caller(principal.name, key.key_id, scopes, principal.limits, key.expire_time)
        by_certificate_name = {
            each.name: Caller(principal.name, "", principal.scopes, principal.limits, certificate_name=each.name)
            for each in records.certificate_names
            if (principal := principals.get(each.principal)) is not None
        }
        by_key_id = {caller.key_id: caller for caller in by_sha256.values()}
        return cls(records.version, by_sha256, by_key_id, by_certificate_name)


class CallerDirectory:
    """Finds the caller of a credential. Its methods may be called from any thread."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: _Known | None = None
        self._renewed_seconds = 0.0
        self._used: set[str] = set()
        """Ids of the keys that were used since their use was noted."""
        self._noted: tuple[date, set[str]] = (date.min, set())
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._renew_often, name="callers", daemon=True),
            # To write may take long, and callers are renewed meanwhile.
            threading.Thread(target=self._note_use_often, name="key-use", daemon=True),
        ]

    def start(self) -> None:
        """Reads the callers, and begins to renew them."""
        self._renew()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends the threads."""
        self._closed.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def by_key(self, key: bytes) -> Caller:
        """The caller with an API key.

        Raises:
            CredentialsInvalid: The key is not known, or revoked, or its principal disabled.
            CredentialsExpired: It has expired.
            AccessUnknown: Who may call could not be read for a while.
        """
        caller = self._current().by_sha256.get(hashlib.sha256(key).digest())
        if caller is None:
            raise CredentialsInvalid
        self._raise_if_expired(caller)
        self._used.add(caller.key_id)
        return caller

    def by_certificate_name(self, name: str) -> Caller:
        """The caller with a client certificate of that name.

        Raises:
            CredentialsInvalid: It stands for no principal, or the principal is disabled.
            AccessUnknown: As above.
        """
        caller = self._current().by_certificate_name.get(name)
        if caller is None:
            raise CredentialsInvalid
        return caller

    def again(self, caller: Caller) -> Caller:
        """The caller as it is known now, who was known before.

        Raises:
            CredentialsInvalid: The credential is not valid any more.
            CredentialsExpired: It has expired meanwhile.
            AccessUnknown: As above.
        """
        known = self._current()
        credentials = []
        if caller.certificate_name:
            credentials.append(known.by_certificate_name.get(caller.certificate_name))
        if caller.key_id:
            credentials.append(known.by_key_id.get(caller.key_id))
        now = credentials[-1]
        if now is None or any(each is None or each.principal != caller.principal for each in credentials):
            raise CredentialsInvalid
        self._raise_if_expired(now)
        return replace(now, certificate_name=caller.certificate_name)

    def raise_if_refused(self, caller: Caller, scope: str) -> None:
        """Lets a call go on whose caller still may make it; raises as `again`.

        Raises:
            ScopeMissing: The scope was taken away.
        """
        if not self.again(caller).may(scope):
            raise ScopeMissing(scope)

    def renew_in(self, tx: Transaction) -> None:
        """Renews what is known where a transaction that begins to write sees another version."""
        known = self._known
        if known is None or tx.access.version() != known.version:
            self._take(tx.access.all())

    def _current(self) -> _Known:
        known = self._known
        if known is None or time.monotonic() - self._renewed_seconds > _MAX_AGE_SECONDS:
            raise AccessUnknown
        return known

    def _raise_if_expired(self, caller: Caller) -> None:
        if caller.expire_time is not None and caller.expire_time <= self._clock.now_microseconds():
            raise CredentialsExpired

    def _renew_often(self) -> None:
        while not self._closed.wait(_RENEWAL_SECONDS):
            self._renew()

    def _note_use_often(self) -> None:
        while not self._closed.wait(_NOTE_SECONDS):
            self._note_use()

    def _renew(self) -> None:
        seconds = time.monotonic()
        try:
            with self._store.read() as tx:
                known = self._known
                if known is None or tx.access.version() != known.version:
                    self._take(tx.access.all())
        # Whatever it is: a thread that ended here would have all calls refused for ever.
        except Exception as error:
            _log.log_event("callers_not_renewed", logging.ERROR, error=error)
        else:
            self._renewed_seconds = seconds

    def _take(self, records: AccessRecords) -> None:
        # Of two looks at the same time the later one may come first: then the next one sees another version again.
        self._known = _Known.of(records)

    def _note_use(self) -> None:
        """Notes once a day, for each key, that it was used."""
        today = self._clock.utc_date()
        if self._noted[0] != today:
            self._noted = today, set()
        key_ids = {self._used.pop() for _ in range(len(self._used))} - self._noted[1]
        if not key_ids:
            return
        try:
            self._store.write(lambda tx: tx.access.note_use(key_ids, today))
        except Exception as error:
            _log.log_event("key_use_not_noted", logging.WARNING, error=error)
            self._used |= key_ids
        else:
            self._noted[1].update(key_ids)
