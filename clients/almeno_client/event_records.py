"""Records of the events by which other systems follow the book; frozen dataclasses, as in `records`."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from almeno_client.records import Customer, Loan
from almeno_client.repayment_records import Charge, Repayment


class ChangeEventKind(StrEnum):
    """What has happened. `UNSPECIFIED` is a kind that is newer than this client."""

    UNSPECIFIED = "UNSPECIFIED"
    CUSTOMER_REGISTERED = "CUSTOMER_REGISTERED"
    CUSTOMER_IMPORTED = "CUSTOMER_IMPORTED"
    CUSTOMER_UPDATED = "CUSTOMER_UPDATED"
    CUSTOMER_LIMIT_SET = "CUSTOMER_LIMIT_SET"
    CUSTOMER_CLASS_CHANGED = "CUSTOMER_CLASS_CHANGED"
    LOAN_BOOKED = "LOAN_BOOKED"
    LOAN_SANCTIONED = "LOAN_SANCTIONED"
    LOAN_DISBURSED = "LOAN_DISBURSED"
    LOAN_CANCELLED = "LOAN_CANCELLED"
    LOAN_EXITED = "LOAN_EXITED"
    LOAN_IMPORTED = "LOAN_IMPORTED"
    LOAN_UPDATED = "LOAN_UPDATED"
    LOAN_PREPAID = "LOAN_PREPAID"
    LOAN_CLOSED = "LOAN_CLOSED"
    REPAYMENT_RECORDED = "REPAYMENT_RECORDED"
    REPAYMENT_REVERSED = "REPAYMENT_REVERSED"
    CHARGE_ADDED = "CHARGE_ADDED"
    CHARGES_WAIVED = "CHARGES_WAIVED"
    APPLICATION_DECLINED = "APPLICATION_DECLINED"


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """A change of the book, with what it is about as it stood right after it."""

    sequence: int
    """Ascending, not without gaps: give the last one seen as `after` to go on behind it."""
    event_time: datetime
    business_date: date
    kind: ChangeEventKind
    customer_id: int
    loan_id: int | None
    request_id: str
    """That of the request; empty where it had none."""
    principal: str
    """Who has made the change; empty where access control is off."""
    import_id: str
    """The import that has made the change; empty where it was a call."""
    customer: Customer | None
    customer_non_performing_since: date | None
    loan: Loan | None
    repayment: Repayment | None
    charges: tuple[Charge, ...]
    """Those that were added or waived."""
    decision_id: str
    """The decision that declined a loan, for `get_decision`; empty in events of other kinds."""
