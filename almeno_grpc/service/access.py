"""Principals, their API keys and certificate names: created, changed, listed."""

from collections.abc import Collection
from dataclasses import replace

from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import ADMIN, NO_LIMITS, ApiKey, CertificateName, Limits, Principal
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.errors import (
    CertificateNameNotFound,
    InvalidField,
    KeyExists,
    KeyNotFound,
    LastAdministrator,
    PrincipalExists,
    PrincipalNotFound,
)
from almeno_grpc.service.store import Changes, Store, Transaction

ADMINISTRATOR = "admin"
INIT = "access init"
"""The method of the audit event for the administrator that is made on the database itself."""
_ALL = 1_000_000
"""More principals than there are."""
MICROSECONDS_PER_DAY = 24 * 3600 * 1_000_000
MAX_KEY_DAYS = 365
DEFAULT_KEY_DAYS = 90


class AccessService:
    """The use cases around callers. What changes them runs in a transaction of the caller's."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create_principal(
        self, tx: Transaction, name: str, scopes: Collection[str], limits: Limits = NO_LIMITS
    ) -> Principal:
        """Creates a principal.

        Raises:
            PrincipalExists: One has the name.
        """
        tx.access.move_version()
        if tx.access.principal(name) is not None:
            raise PrincipalExists(name)
        now = self._clock.now_microseconds()
        principal = Principal(name, frozenset(scopes), limits, disabled=False, create_time=now, update_time=now)
        tx.access.put_principal(principal)
        return principal

    def update_principal(
        self,
        tx: Transaction,
        name: str,
        scopes: Collection[str] | None = None,
        limits: Limits | None = None,
        *,
        disabled: bool | None = None,
    ) -> Principal:
        """Changes a principal; None leaves what it has.

        Raises:
            PrincipalNotFound: None has the name.
            LastAdministrator: Nobody would be left who may change principals.
        """
        tx.access.move_version()
        before = _principal(tx, name)
        principal = replace(
            before,
            scopes=before.scopes if scopes is None else frozenset(scopes),
            limits=before.limits if limits is None else limits,
            disabled=before.disabled if disabled is None else disabled,
            update_time=self._clock.now_microseconds(),
        )
        tx.access.put_principal(principal)
        if _is_administrator(before) and not any(map(_is_administrator, tx.access.principals("", _ALL))):
            raise LastAdministrator
        return principal

    def create_key(
        self,
        tx: Transaction,
        principal: str,
        key_id: str,
        sha256: bytes,
        scopes: Collection[str] = (),
        expire_time: int | None = None,
    ) -> ApiKey:
        """Registers an API key; without an expiry it is good for 90 days.

        Raises:
            InvalidField: It has scopes that its principal has not, or expires in the past or too late.
            PrincipalNotFound: No principal has the name.
            KeyExists: A key has the id or the hash.
        """
        tx.access.move_version()
        owner = _principal(tx, principal)
        if missing := sorted(set(scopes) - owner.scopes):
            raise InvalidField.of("scopes", f"must be of the principal's, which has not got {', '.join(missing)}")
        now = self._clock.now_microseconds()
        if expire_time is None:
            expire_time = now + DEFAULT_KEY_DAYS * MICROSECONDS_PER_DAY
        if not now < expire_time <= now + MAX_KEY_DAYS * MICROSECONDS_PER_DAY:
            raise InvalidField.of("expire_time", f"must be in the future, and within {MAX_KEY_DAYS} days")
        if any(key.key_id == key_id or key.sha256 == sha256 for key in tx.access.all().keys):
            raise KeyExists(key_id)
        key = ApiKey(key_id, principal, sha256, frozenset(scopes), now, expire_time)
        tx.access.put_key(key)
        return key

    def revoke_key(self, tx: Transaction, key_id: str, expire_time: int | None = None) -> ApiKey:
        """Revokes an API key now, or has it expire at a time; one that is revoked or ends earlier stays as it is.

        Raises:
            InvalidField: The time is not in the future.
            KeyNotFound: None has the id.
        """
        if expire_time is not None and expire_time <= self._clock.now_microseconds():
            raise InvalidField.of("expire_time", "must be in the future")
        tx.access.move_version()
        key = tx.access.key(key_id)
        if key is None:
            raise KeyNotFound(key_id)
        if key.revoke_time is None:
            if expire_time is None:
                key = replace(key, revoke_time=self._clock.now_microseconds())
            else:
                key = replace(key, expire_time=min(key.expire_time, expire_time))
            tx.access.put_key(key)
        return key

    def set_certificate_name(self, tx: Transaction, name: str, principal: str) -> CertificateName:
        """Lets a name in certificates stand for a principal.

        Raises:
            PrincipalNotFound: No principal has the name.
        """
        tx.access.move_version()
        _principal(tx, principal)
        certificate_name = CertificateName(name, principal, self._clock.now_microseconds())
        tx.access.put_certificate_name(certificate_name)
        return certificate_name

    def remove_certificate_name(self, tx: Transaction, name: str) -> CertificateName:
        """Lets a name in certificates stand for nobody.

        Raises:
            CertificateNameNotFound: It is not set.
        """
        tx.access.move_version()
        certificate_name = tx.access.certificate_name(name)
        if certificate_name is None:
            raise CertificateNameNotFound(name)
        tx.access.remove_certificate_name(name)
        return certificate_name

    def create_administrator(self, tx: Transaction, key_id: str, sha256: bytes, *, recover: bool) -> None:
        """Creates the principal `admin`, who may change callers, with a key for as long as keys may last.

        Args:
            tx: The transaction.
            key_id: Id of the key.
            sha256: SHA-256 of the key.
            recover: Whether to do so where there are principals. One of the name gets its scope back and another key.

        Raises:
            PrincipalExists: There is a principal.
        """
        if (existing := tx.access.principals("", 1)) and not recover:
            raise PrincipalExists(existing[0].name)
        if tx.access.principal(ADMINISTRATOR) is None:
            self.create_principal(tx, ADMINISTRATOR, {ADMIN})
        else:
            scopes = _principal(tx, ADMINISTRATOR).scopes | {ADMIN}
            self.update_principal(tx, ADMINISTRATOR, scopes, disabled=False)
        expire_time = self._clock.now_microseconds() + (MAX_KEY_DAYS - 1) * MICROSECONDS_PER_DAY
        self.create_key(tx, ADMINISTRATOR, key_id, sha256, expire_time=expire_time)
        now = self._clock.now_microseconds()
        tx.write(Changes(event=AuditEntry(AuditEventKind.WRITE, now, "", "", INIT, subject=ADMINISTRATOR)))

    def page_of_principals(self, after: str, count: int) -> list[Principal]:
        """Up to `count` principals with a name behind `after`, by name."""
        with self._store.read() as tx:
            return tx.access.principals(after, count)

    def page_of_keys(self, principal: str, after: str, count: int) -> list[ApiKey]:
        """Up to `count` API keys with an id behind `after`, by id; of a principal, or of all where it is empty.

        Raises:
            PrincipalNotFound: No principal has the name.
        """
        with self._store.read() as tx:
            if principal:
                _principal(tx, principal)
            return tx.access.keys(principal, after, count)


def _principal(tx: Transaction, name: str) -> Principal:
    principal = tx.access.principal(name)
    if principal is None:
        raise PrincipalNotFound(name)
    return principal


def _is_administrator(principal: Principal) -> bool:
    return ADMIN in principal.scopes and not principal.disabled
