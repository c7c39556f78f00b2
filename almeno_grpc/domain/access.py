"""Access control: who calls, and what callers may do.

A principal is responsible for calls; API keys and names in client certificates are its credentials. Idempotency,
limits and the audit trail go by the principal, so that a new key changes nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass

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
    max_streams: int = 8
    """Streams open at a time in each process."""
    max_pii_reads_per_day: int | None = None
    """Customers shown in full."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call, by which credential.

    Attributes:
        principal: Name of the principal; empty where access control is off.
        credential: Id of the API key, or the name in the client certificate.
        scopes: What this credential may do.
        limits: What the principal may do at most.
        expire_time: Instant from which the credential is refused, in microseconds since the epoch.
    """

    principal: str
    credential: str
    scopes: frozenset[str]
    limits: Limits = Limits()
    expire_time: int | None = None

    def may(self, scope: str) -> bool:
        """Whether the caller has a scope."""
        return scope in self.scopes


ANYONE = Caller("", "", SCOPES)
"""The caller where access control is off."""


def expanded(names: Iterable[str]) -> frozenset[str]:
    """The scopes that scopes and roles stand for.

    Raises:
        KeyError: One is unknown; the argument is its name.
    """
    found: set[str] = set()
    for name in names:
        found |= {name} if name in SCOPES else ROLES[name]
    return frozenset(found)
