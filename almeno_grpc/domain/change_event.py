"""Events that other systems follow the book by: each says what has changed, and how it stands after the change."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from almeno_grpc.domain.charge import Charge
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.repayment import Repayment


class ChangeEventKind(StrEnum):
    """What has happened."""

    CUSTOMER_REGISTERED = "CUSTOMER_REGISTERED"
    CUSTOMER_IMPORTED = "CUSTOMER_IMPORTED"
    CUSTOMER_UPDATED = "CUSTOMER_UPDATED"
    CUSTOMER_LIMIT_SET = "CUSTOMER_LIMIT_SET"
    """Nothing but the approved limit of a customer has changed."""
    CUSTOMER_CLASS_CHANGED = "CUSTOMER_CLASS_CHANGED"
    """A payment or a reversal has made a customer non-performing, or standard again; the calendar makes no events."""
    LOAN_BOOKED = "LOAN_BOOKED"
    """Approved and disbursed at once."""
    LOAN_SANCTIONED = "LOAN_SANCTIONED"
    LOAN_DISBURSED = "LOAN_DISBURSED"
    LOAN_CANCELLED = "LOAN_CANCELLED"
    LOAN_EXITED = "LOAN_EXITED"
    LOAN_IMPORTED = "LOAN_IMPORTED"
    LOAN_UPDATED = "LOAN_UPDATED"
    """An import has brought other figures of a loan that it had brought before."""
    LOAN_PREPAID = "LOAN_PREPAID"
    LOAN_CLOSED = "LOAN_CLOSED"
    """Behind the event of the change that has closed the loan."""
    REPAYMENT_RECORDED = "REPAYMENT_RECORDED"
    REPAYMENT_REVERSED = "REPAYMENT_REVERSED"
    CHARGE_ADDED = "CHARGE_ADDED"
    CHARGES_WAIVED = "CHARGES_WAIVED"
    APPLICATION_DECLINED = "APPLICATION_DECLINED"
    """A loan that was asked for was declined: nothing but the decision was stored."""


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """A change of the book, with what it is about as it stood right after it."""

    number: int
    """Ascending in the order of commits, and not without gaps; above zero."""
    event_time: int
    """Microseconds since the epoch."""
    business_date: date
    principal: str
    """Who made the change; empty where callers are not known."""
    request_id: str
    import_id: str
    """The import that made the change; empty where it was a call."""
    kind: ChangeEventKind
    customer_id: int
    loan_id: int | None
    customer: Customer | None = None
    """Where the event is about a customer."""
    non_performing_since: date | None = None
    """Since when that customer has been non-performing."""
    loan: Loan | None = None
    repayment: Repayment | None = None
    charges: tuple[Charge, ...] = ()
    """Those of the loan that were added or waived, the oldest first."""
    decision_id: str = ""
    """The decision that declined; empty in events of other kinds: a loan has that of its own."""
