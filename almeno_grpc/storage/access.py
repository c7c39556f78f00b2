"""Callers in the database: principals, their API keys and certificate names, and the version of all of them."""

import secrets
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from sqlalchemy import delete, insert, select, update

from almeno_grpc.domain.access import AccessRecords, ApiKey, CertificateName, Limits, Principal
from almeno_grpc.storage.audit_rows import API_KEY, CERTIFICATE_NAME, PRINCIPAL, RowForm
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.tables import access_state, api_key, certificate_name, principal

_VERSION_BITS = 63
_VERSION = CompiledStatement(select(access_state.c.version))


class Callers:
    """The callers, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._transaction = transaction
        self._connection = transaction.connection

    def version(self) -> int:
        """As a transaction that writes has read it where it began."""
        if self._transaction.writes:
            return self._transaction.backend.access_version(self._connection)
        [(version,)] = _VERSION.rows(self._connection)
        return int(version)

    def all(self) -> AccessRecords:
        """There are some hundreds. The version first: what is changed meanwhile is then read again."""
        return AccessRecords(
            self.version(),
            [_principal_of(row) for row in self._connection.execute(select(principal))],
            [_key_of(row) for row in self._connection.execute(select(api_key))],
            [CertificateName(*row) for row in self._connection.execute(select(certificate_name))],
        )

    def move_version(self) -> None:
        """To a random number, by an update that locks the row.

        A database that has lost its latest change, as one may that was restored, would count to the same number again.
        """
        self._connection.execute(update(access_state).values(version=secrets.randbits(_VERSION_BITS)))

    def principal(self, name: str) -> Principal | None:
        """By primary key."""
        row = self._connection.execute(select(principal).where(principal.c.name == name)).one_or_none()
        return None if row is None else _principal_of(row)

    def put_principal(self, new: Principal) -> None:
        """By an update, or else an insert."""
        limits = new.limits
        self._put(
            PRINCIPAL,
            {"name": new.name},
            {
                "scopes": _joined(new.scopes),
                "max_loan_amount_paise": limits.max_loan_amount,
                "max_repayment_paise": limits.max_repayment,
                "calls_per_second": limits.calls_per_second,
                "burst": limits.burst,
                "max_streams": limits.max_streams,
                "max_pii_reads_per_day": limits.max_pii_reads_per_day,
                "disabled": new.disabled,
                "create_time_us": new.create_time,
                "update_time_us": new.update_time,
            },
        )

    def principals(self, after: str, count: int) -> list[Principal]:
        """By primary key."""
        some = select(principal).where(principal.c.name > after).order_by(principal.c.name).limit(count)
        return [_principal_of(row) for row in self._connection.execute(some)]

    def key(self, key_id: str) -> ApiKey | None:
        """By primary key."""
        row = self._connection.execute(select(api_key).where(api_key.c.key_id == key_id)).one_or_none()
        return None if row is None else _key_of(row)

    def put_key(self, key: ApiKey) -> None:
        """By an update, or else an insert."""
        self._put(
            API_KEY,
            {"key_id": key.key_id},
            {
                "principal": key.principal,
                "sha256": key.sha256,
                "scopes": _joined(key.scopes),
                "create_time_us": key.create_time,
                "expire_time_us": key.expire_time,
                "revoke_time_us": key.revoke_time,
                "last_use_date": key.last_use_date,
            },
        )

    def keys(self, of_principal: str, after: str, count: int) -> list[ApiKey]:
        """By primary key."""
        some = select(api_key).where(api_key.c.key_id > after).order_by(api_key.c.key_id).limit(count)
        if of_principal:
            some = some.where(api_key.c.principal == of_principal)
        return [_key_of(row) for row in self._connection.execute(some)]

    def note_use(self, key_ids: Collection[str], on: date) -> None:
        """Does not move the version: no caller may do more or less for it."""
        used = update(api_key).where(api_key.c.key_id.in_(sorted(key_ids))).values(last_use_date=on)
        self._connection.execute(used)

    def certificate_name(self, name: str) -> CertificateName | None:
        """By primary key."""
        found = select(certificate_name).where(certificate_name.c.name == name)
        row = self._connection.execute(found).one_or_none()
        return None if row is None else CertificateName(*row)

    def put_certificate_name(self, name: CertificateName) -> None:
        """By an update, or else an insert."""
        values = {"principal": name.principal, "create_time_us": name.create_time}
        self._put(CERTIFICATE_NAME, {"name": name.name}, values)

    def remove_certificate_name(self, name: str) -> None:
        """By primary key."""
        before = self._row(CERTIFICATE_NAME, {"name": name})
        self._connection.execute(delete(certificate_name).where(certificate_name.c.name == name))
        if before is not None:
            # From its digest to that of a row which does not exist, which is 0.
            self._transaction.audit.note(CERTIFICATE_NAME.inserted([before]))

    def _put(self, form: RowForm, key: dict[str, str], values: dict[str, Any]) -> None:
        """Updates the row with the key or inserts it, and notes that for the audit trail."""
        before = self._row(form, key)
        if before is None:
            self._connection.execute(insert(form.table).values(**key, **values))
        else:
            self._connection.execute(update(form.table).filter_by(**key).values(**values))
        after = self._row(form, key)
        if after is not None:
            changes = form.inserted([after]) if before is None else form.updated([before], [after])
            self._transaction.audit.note(changes)

    def _row(self, form: RowForm, key: dict[str, str]) -> Row | None:
        row = self._connection.execute(select(*form.columns).filter_by(**key)).one_or_none()
        return None if row is None else tuple(row)


def _principal_of(row: Any) -> Principal:
    return Principal(
        name=row.name,
        scopes=_split(row.scopes),
        limits=Limits(
            max_loan_amount=row.max_loan_amount_paise,
            max_repayment=row.max_repayment_paise,
            calls_per_second=row.calls_per_second,
            burst=row.burst,
            max_streams=row.max_streams,
            max_pii_reads_per_day=row.max_pii_reads_per_day,
        ),
        disabled=row.disabled,
        create_time=row.create_time_us,
        update_time=row.update_time_us,
    )


def _key_of(row: Any) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        principal=row.principal,
        sha256=row.sha256,
        scopes=_split(row.scopes),
        create_time=row.create_time_us,
        expire_time=row.expire_time_us,
        revoke_time=row.revoke_time_us,
        last_use_date=row.last_use_date,
    )


def _joined(scopes: Iterable[str]) -> str:
    return " ".join(sorted(scopes))


def _split(text: str) -> frozenset[str]:
    return frozenset(text.split())
