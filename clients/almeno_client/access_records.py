"""Records of AccessService: principals, API keys, certificate names, the audit trail; frozen dataclasses.

The fields have the names and the meaning of the messages in `protos/`; amounts are rupees, instants in UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from almeno_client.values import Rupees


class AuditEventKind(StrEnum):
    """Kind of an audit event. `UNSPECIFIED` is a kind that is newer than this client."""

    UNSPECIFIED = "UNSPECIFIED"
    WRITE = "WRITE"
    REPEAT = "REPEAT"
    READ = "READ"
    REFUSAL = "REFUSAL"


@dataclass(frozen=True, slots=True)
class PrincipalLimits:
    """Limits of a principal. None does not limit, but for `max_streams`, which is then 8."""

    max_loan_amount: Rupees | None = None
    """Largest amount of a loan; a `Decimal` where the service answers it."""
    max_repayment: Rupees | None = None
    """Largest amount of a repayment; a `Decimal` where the service answers it."""
    calls_per_second: int | None = None
    """Calls a second, over a while, in each process of a server."""
    burst: int | None = None
    """Calls at once beyond that rate; as many as `calls_per_second` when None."""
    max_streams: int | None = None
    """Streams open at a time in each process of a server."""
    max_pii_reads_per_day: int | None = None
    """Customers a day whose names and phone numbers are shown in full."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is responsible for calls."""

    name: str
    scopes: tuple[str, ...]
    limits: PrincipalLimits
    disabled: bool
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key, without its secret."""

    key_id: str
    principal: str
    scopes: tuple[str, ...]
    """A part of the principal's; empty where the key has all of them."""
    create_time: datetime
    expire_time: datetime
    revoke_time: datetime | None
    last_use_time: datetime | None
    """Midnight UTC of the last day on which it was used."""


@dataclass(frozen=True, slots=True)
class CertificateName:
    """A name in client certificates that stands for a principal."""

    name: str
    principal: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """Who the caller is and what it may do: the answer of `who_am_i`."""

    principal: str
    """Empty where access control is off."""
    scopes: tuple[str, ...]
    limits: PrincipalLimits
    key_id: str
    certificate_name: str
    expire_time: datetime | None
    """Time from which the API key is refused; None without one."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What a caller has done, without any name, phone number or request."""

    stream_id: int
    sequence: int
    kind: AuditEventKind
    event_time: datetime
    principal: str
    credential: str
    method: str
    customer_id: int
    """0 where it is no single one."""
    subject: str
    request_id: str
    outcome: str
    count: int
    """Calls that the event stands for."""
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditCheckpoint:
    """A signed checkpoint over the heads of all chains of the audit trail."""

    number: int
    create_time: datetime
    root: bytes
    hash: bytes
    signature: bytes
    """Empty where the server has no key to sign with."""
    algorithm: str
