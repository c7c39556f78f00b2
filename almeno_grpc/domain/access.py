"""Access control: who calls, and what callers may do.

A principal is responsible for calls; API keys and names in client certificates are its credentials. Idempotency,
limits and the audit trail go by the principal, so that a new key changes nothing else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

SCOPES = frozenset(
    {
        "access:admin",
        "audit:read",
        "charges:write",
        "customers:limit",
        "customers:list",
        "customers:pii",
        "customers:read",
        "customers:write",
        "decisions:read",
        "events:read",
        "imports:read",
        "imports:write",
        "loans:check",
        "loans:read",
        "loans:write",
        "policies:read",
        "portfolio:export",
        "portfolio:read",
        "portfolio:simulate",
        "repayments:reverse",
        "repayments:write",
    }
)
"""What a principal may be allowed to do; each method names one of them."""

PII = "customers:pii"
"""The scope that shows names and phone numbers in full."""

ADMIN = "access:admin"
"""The scope that changes principals and their credentials."""

ANY_CALLER = "*"
"""What a method names that any caller may call who has a credential."""

_COUNTER = {"customers:read", "customers:write", "customers:pii", "loans:check", "loans:read", "repayments:write"}
_READS = {"customers:read", "customers:list", "loans:read", "decisions:read", "imports:read", "policies:read"}

ROLES: dict[str, frozenset[str]] = {
    "origination": frozenset(_COUNTER - {"repayments:write"} | {"loans:write", "decisions:read"}),
    "counter": frozenset(_COUNTER),
    "collections": frozenset(
        {"customers:read", "customers:pii", "loans:read", "repayments:write", "repayments:reverse", "charges:write"}
    ),
    "analyst": frozenset(_READS | {"portfolio:read", "portfolio:simulate"}),
    "loader": frozenset({"imports:read", "imports:write"}),
    "auditor": frozenset(_READS | {"audit:read", "portfolio:read"}),
    "operator": frozenset({"access:admin", "audit:read", "imports:read", "policies:read"}),
}
"""Scopes that are granted together. A role is expanded when it is granted: who has it keeps the scopes of that day."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a principal may do at most; None does not limit."""

    max_loan_amount: int | None = None
    """In paise."""
    max_repayment: int | None = None
    """In paise."""
    calls_per_second: int | None = None
    """In each process."""
    burst: int | None = None
    """Calls at once beyond that rate."""
    max_streams: int | None = None
    """Streams open at a time in each process; 8 where it is not set."""
    max_pii_reads_per_day: int | None = None
    """Customers shown in full."""


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call, by which credentials.

    Attributes:
        principal: Name of the principal; empty where access control is off.
        key_id: Id of the API key; empty where the certificate stands for it.
        scopes: What this credential may do.
        limits: What the principal may do at most.
        expire_time: Instant from which the API key is refused, in microseconds since the epoch.
        certificate_name: Name in the client certificate; empty where that was not asked for.
    """

    principal: str
    key_id: str
    scopes: frozenset[str]
    limits: Limits = NO_LIMITS
    expire_time: int | None = None
    certificate_name: str = ""

    @property
    def credential(self) -> str:
        """Id of the API key, or else the name in the certificate."""
        return self.key_id or self.certificate_name

    def may(self, scope: str) -> bool:
        """Whether the caller may call a method that names the scope; none that names no scope, the empty one."""
        return scope in self.scopes or scope == ANY_CALLER


ANYONE = Caller("", "", SCOPES)
"""The caller where access control is off."""

NOBODY = Caller("", "", frozenset())
"""The caller of whom nothing is known yet."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is responsible for calls. Times are in microseconds since the epoch."""

    name: str
    scopes: frozenset[str]
    limits: Limits
    disabled: bool
    create_time: int
    update_time: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret. Times are in microseconds since the epoch."""

    key_id: str
    principal: str
    sha256: bytes
    """Of the whole key, as it is sent."""
    scopes: frozenset[str]
    """A part of the principal's; empty for all that it has."""
    create_time: int
    expire_time: int
    revoke_time: int | None = None
    last_use_date: date | None = None


@dataclass(frozen=True, slots=True)
class CertificateName:
    """A name in client certificates that stands for a principal."""

    name: str
    principal: str
    create_time: int


@dataclass(frozen=True, slots=True)
class AccessRecords:
    """All callers, as they are stored."""

    version: int
    principals: Sequence[Principal]
    keys: Sequence[ApiKey]
    certificate_names: Sequence[CertificateName]


def expanded(names: Iterable[str]) -> frozenset[str]:
    """The scopes that scopes and roles stand for.

    Raises:
        KeyError: One is unknown; the argument is its name.
    """
    found: set[str] = set()
    for name in names:
        found |= {name} if name in SCOPES else ROLES[name]
    return frozenset(found)
