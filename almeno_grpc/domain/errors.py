"""The errors of the service, as one tree.

CreditError
├── InvalidArgument
│   ├── InvalidField
│   ├── TermsDoNotAmortize
│   ├── FeesExceedAmount
│   ├── InvalidPageToken
│   ├── UploadMismatch
│   └── RequestIdReused
├── NotFound
│   ├── CustomerNotFound
│   ├── LoanNotFound
│   ├── RepaymentNotFound
│   ├── DecisionNotFound
│   ├── PolicyNotFound
│   ├── TermsNotFound
│   ├── ImportNotFound
│   ├── PrincipalNotFound
│   ├── KeyNotFound
│   ├── CertificateNameNotFound
│   └── CheckpointNotFound
├── AlreadyExists
│   ├── PhoneNumberTaken
│   ├── ReferenceTaken
│   ├── PrincipalExists
│   └── KeyExists
├── Unauthenticated
│   ├── CredentialsMissing
│   ├── CredentialsInvalid
│   └── CredentialsExpired
├── PermissionDenied
│   ├── ScopeMissing
│   └── CallerLimitExceeded
├── FailedPrecondition
│   ├── BusinessDateBehind
│   ├── NoPolicyInEffect
│   ├── NoTermsInEffect
│   ├── PolicyChanged
│   ├── TermsChanged
│   ├── DecisionDeclined
│   ├── LimitIncreaseNotRequested
│   ├── LoanClosed
│   ├── WrongLoanState
│   │   ├── LoanNotDisbursed
│   │   ├── LoanDisbursed
│   │   ├── LoanCancelled
│   │   ├── NotReducingBalance
│   │   ├── PaidAhead
│   │   └── TooManyCharges
│   ├── SanctionExpired
│   ├── CoolingOffOver
│   ├── RepaymentExceedsPayoff
│   ├── TooManyRepayments
│   ├── AlreadyReversed
│   ├── LaterChange
│   ├── InstallmentsOverdue
│   ├── WaiverExceedsCharges
│   └── LastAdministrator
├── OutOfRange
│   ├── EventsRemoved
│   └── EventsNotReached
├── ResourceExhausted
│   ├── UploadTooLarge
│   ├── RateLimited
│   ├── ImportQueueFull
│   └── TooManyCalls
├── DeadlineExceeded
├── Aborted
│   └── WriteConflict
└── Unavailable
    ├── StoreUnavailable
    │   └── CommitOutcomeUnknown
    ├── AccessUnknown
    ├── AuditUnavailable
    ├── EventsUnsettled
    └── ServerStopping

The branches stand for status codes, which the RPC layer alone knows; the leaves carry the reason that callers see.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from almeno_grpc.domain.money import format_rupees


@dataclass(frozen=True)
class FieldViolation:
    """A field of a request and what is wrong with it."""

    field: str
    """Path of the field, such as `loan_amount.nanos`."""
    description: str
    """A sentence for the caller's engineer: what the field has to be."""


class CreditError(Exception):
    """Base of all errors that callers see.

    Attributes:
        reason: Stable name of the error, in upper case, for programs.
        message: One sentence for people; names no person and no phone number.
        violations: The invalid fields, if any.
        metadata: Further details for programs.
    """

    reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self, message: str, *, violations: tuple[FieldViolation, ...] = (), metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.violations = violations
        self.metadata = dict(metadata or {})


class InvalidArgument(CreditError):
    """The request is invalid, whatever the state of the book."""


class InvalidField(InvalidArgument):
    """One or more fields are missing, malformed or out of bounds."""

    reason = "INVALID_FIELD"

    def __init__(self, *violations: FieldViolation) -> None:
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in violations), violations=violations)

    @classmethod
    def of(cls, field: str, description: str) -> "InvalidField":
        """Makes the error for a single field."""
        return cls(FieldViolation(field, description))


class TermsDoNotAmortize(InvalidArgument):
    """Amount, rate and tenure give no schedule in which every instalment repays principal."""

    reason = "TERMS_DO_NOT_AMORTIZE"


class FeesExceedAmount(InvalidArgument):
    """The fees of the lender's terms leave nothing of the loan amount to disburse."""

    reason = "FEES_EXCEED_AMOUNT"

    def __init__(self, loan_amount: int, fees: int) -> None:
        super().__init__(
            f"fees of {format_rupees(fees)} leave nothing of {format_rupees(loan_amount)} to disburse; ask for more",
            violations=(FieldViolation("loan_amount", f"must be above the fees of {format_rupees(fees)}"),),
        )


class InvalidPageToken(InvalidArgument):
    """The page token was not given out for this list."""

    reason = "INVALID_PAGE_TOKEN"

    def __init__(self) -> None:
        description = "is not a token this list has given out; leave it empty to start at the first page"
        super().__init__(f"page_token: {description}", violations=(FieldViolation("page_token", description),))


class UploadMismatch(InvalidArgument):
    """What was uploaded is not what the header says."""

    reason = "UPLOAD_MISMATCH"

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field}: {description}", violations=(FieldViolation(field, description),))


class RequestIdReused(InvalidArgument):
    """The request_id belongs to another request."""

    reason = "REQUEST_ID_REUSED"

    def __init__(self, field: str = "request_id") -> None:
        description = "was used with another request; a new request needs a new id"
        super().__init__(f"{field}: {description}", violations=(FieldViolation(field, description),))


class NotFound(CreditError):
    """The resource that the request asks for does not exist."""

    noun: ClassVar[str] = "resource"

    def __init__(self, resource_id: int | str) -> None:
        super().__init__(f"{self.noun} {resource_id} does not exist", metadata={f"{self.noun}_id": str(resource_id)})


class CustomerNotFound(NotFound):
    """No customer has the id."""

    reason = "CUSTOMER_NOT_FOUND"
    noun = "customer"


class LoanNotFound(NotFound):
    """No loan has the id."""

    reason = "LOAN_NOT_FOUND"
    noun = "loan"


class RepaymentNotFound(NotFound):
    """No repayment has the id."""

    reason = "REPAYMENT_NOT_FOUND"
    noun = "repayment"


class DecisionNotFound(NotFound):
    """No stored decision has the id."""

    reason = "DECISION_NOT_FOUND"
    noun = "decision"


class PolicyNotFound(NotFound):
    """No policy has the version."""

    reason = "POLICY_NOT_FOUND"
    noun = "policy"


class TermsNotFound(NotFound):
    """No terms have the version."""

    reason = "TERMS_NOT_FOUND"
    noun = "terms"


class ImportNotFound(NotFound):
    """No import has the id."""

    reason = "IMPORT_NOT_FOUND"
    noun = "import"


class PrincipalNotFound(NotFound):
    """No principal has the name."""

    reason = "PRINCIPAL_NOT_FOUND"
    noun = "principal"


class KeyNotFound(NotFound):
    """No API key has the id."""

    reason = "KEY_NOT_FOUND"
    noun = "key"


class CertificateNameNotFound(NotFound):
    """The name in certificates stands for nobody."""

    reason = "CERTIFICATE_NAME_NOT_FOUND"
    noun = "certificate_name"


class CheckpointNotFound(NotFound):
    """No checkpoint of the audit trail has the number, or there is none yet."""

    reason = "CHECKPOINT_NOT_FOUND"
    noun = "checkpoint"


class AlreadyExists(CreditError):
    """The resource that the request would create exists."""


class PrincipalExists(AlreadyExists):
    """Another principal has the name."""

    reason = "PRINCIPAL_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(f"principal {name} exists", metadata={"principal": name})


class KeyExists(AlreadyExists):
    """Another API key has the id or the hash."""

    reason = "KEY_EXISTS"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"API key {key_id}, or one with the same hash, exists", metadata={"key_id": key_id})


class Unauthenticated(CreditError):
    """Nobody is known to call."""


class CredentialsMissing(Unauthenticated):
    """The call carries no credential."""

    reason = "CREDENTIALS_MISSING"

    def __init__(self) -> None:
        super().__init__(
            "the call needs an API key, sent as the metadata `authorization: Bearer KEY`, or a certificate with a name"
        )


class CredentialsInvalid(Unauthenticated):
    """The credential is malformed, unknown, revoked or its principal disabled: strangers are not told which."""

    reason = "CREDENTIALS_INVALID"

    def __init__(self) -> None:
        super().__init__("the credentials of the call are not valid")


class CredentialsExpired(Unauthenticated):
    """The API key has expired."""

    reason = "CREDENTIALS_EXPIRED"

    def __init__(self) -> None:
        super().__init__("the API key has expired; ask for another one")


class PermissionDenied(CreditError):
    """The caller is known, and may not do what it asks for."""


class ScopeMissing(PermissionDenied):
    """The caller has not got the scope of the method."""

    reason = "SCOPE_MISSING"

    def __init__(self, scope: str) -> None:
        super().__init__(f"the call needs the scope {scope or 'of a method that has one'}", metadata={"scope": scope})


class CallerLimitExceeded(PermissionDenied):
    """The request is beyond a limit of the caller's principal."""

    reason = "CALLER_LIMIT_EXCEEDED"

    def __init__(self, limit: str, description: str) -> None:
        super().__init__(f"{limit} of the caller: {description}", metadata={"limit": limit})


class PhoneNumberTaken(AlreadyExists):
    """Another customer holds the phone number."""

    reason = "PHONE_NUMBER_TAKEN"

    def __init__(self) -> None:
        description = "is held by another customer"
        super().__init__(f"phone_number: {description}", violations=(FieldViolation("phone_number", description),))


class ReferenceTaken(AlreadyExists):
    """A repayment of the loan that stands has the external reference."""

    reason = "REFERENCE_TAKEN"

    def __init__(self, repayment_id: str) -> None:
        description = "is that of another repayment of the loan, which stands"
        super().__init__(
            f"external_reference: {description}",
            violations=(FieldViolation("external_reference", description),),
            metadata={"repayment_id": repayment_id},
        )


class FailedPrecondition(CreditError):
    """The request is valid, but the state of the book does not allow it."""


class BusinessDateBehind(FailedPrecondition):
    """The server's business date lies before the latest one on which a decision or a change of a loan was recorded."""

    reason = "BUSINESS_DATE_BEHIND"

    def __init__(self, business_date: date, latest: date) -> None:
        super().__init__(
            f"this server takes {business_date} for today, and the book has come to {latest}: it changes nothing until "
            "its clock or ALMENO_BUSINESS_DATE is set right",
            metadata={"business_date": str(business_date), "latest_business_date": str(latest)},
        )


class NoPolicyInEffect(FailedPrecondition):
    """No policy has taken effect by the business date."""

    reason = "NO_POLICY_IN_EFFECT"


class NoTermsInEffect(FailedPrecondition):
    """No terms of the lender have taken effect by the business date."""

    reason = "NO_TERMS_IN_EFFECT"


class PolicyChanged(FailedPrecondition):
    """The policy's file is not the one under which earlier decisions were taken."""

    reason = "POLICY_CHANGED"


class TermsChanged(FailedPrecondition):
    """The file of the terms is not the one under which earlier loans were booked."""

    reason = "TERMS_CHANGED"


class DecisionDeclined(FailedPrecondition):
    """The decision declined: there is no loan to tell anything of."""

    reason = "DECISION_DECLINED"

    def __init__(self, decision_id: str) -> None:
        super().__init__(f"decision {decision_id} declined the loan", metadata={"decision_id": decision_id})


class LimitIncreaseNotRequested(FailedPrecondition):
    """The approved limit would rise, and the customer has not asked for it."""

    reason = "LIMIT_INCREASE_NOT_REQUESTED"

    def __init__(self, customer_id: int, before: int, after: int) -> None:
        super().__init__(
            f"{format_rupees(after)} is more than the {format_rupees(before)} that customer {customer_id} has: a limit "
            "is raised at the customer's request alone, whose day is the customer_request_date",
            metadata={"customer_id": str(customer_id), "approved_limit_paise": str(before)},
        )


class LoanClosed(FailedPrecondition):
    """Every instalment of the loan is paid."""

    reason = "LOAN_CLOSED"

    def __init__(self, loan_id: int) -> None:
        super().__init__(f"loan {loan_id} is closed: nothing is left to pay", metadata={"loan_id": str(loan_id)})


class WrongLoanState(FailedPrecondition):
    """The loan is in a state that does not allow it; its leaves say in which."""

    text: ClassVar[str]

    def __init__(self, loan_id: int) -> None:
        super().__init__(f"loan {loan_id} {self.text}", metadata={"loan_id": str(loan_id)})


class LoanNotDisbursed(WrongLoanState):
    """The loan is sanctioned, and nothing is owed on it yet."""

    reason = "LOAN_NOT_DISBURSED"
    text = "has not been disbursed: nothing is owed on it yet"


class LoanDisbursed(WrongLoanState):
    """The loan has been disbursed already."""

    reason = "LOAN_DISBURSED"
    text = "has been disbursed already"


class LoanCancelled(WrongLoanState):
    """The loan was cancelled before its disbursement."""

    reason = "LOAN_CANCELLED"
    text = "was cancelled"


class SanctionExpired(FailedPrecondition):
    """The sanctioned loan was not disbursed while that was possible."""

    reason = "SANCTION_EXPIRED"

    def __init__(self, loan_id: int, valid_until: date) -> None:
        super().__init__(
            f"the sanction of loan {loan_id} was valid until {valid_until}",
            metadata={"loan_id": str(loan_id), "valid_until": str(valid_until)},
        )


class CoolingOffOver(FailedPrecondition):
    """The loan has no cooling-off period, or it is over."""

    reason = "COOLING_OFF_OVER"

    def __init__(self, loan_id: int, last_day: date | None) -> None:
        text = "has no cooling-off period" if last_day is None else f"could be exited until {last_day}"
        super().__init__(
            f"loan {loan_id} {text}",
            metadata={"loan_id": str(loan_id)} | ({} if last_day is None else {"last_day": str(last_day)}),
        )


class AlreadyReversed(FailedPrecondition):
    """The repayment was reversed before."""

    reason = "ALREADY_REVERSED"

    def __init__(self, repayment_id: str) -> None:
        super().__init__(f"repayment {repayment_id} has been reversed already", metadata={"repayment_id": repayment_id})


class LaterChange(FailedPrecondition):
    """A prepayment or an exit that stands came after the repayment."""

    reason = "LATER_CHANGE"

    def __init__(self, repayment_id: str) -> None:
        super().__init__(
            f"repayment {repayment_id} came later and has changed the schedule; the newest is reversed first",
            metadata={"repayment_id": repayment_id},
        )


class NotReducingBalance(WrongLoanState):
    """The loan's instalments do not follow from a reducing balance."""

    reason = "NOT_REDUCING_BALANCE"
    text = "has no reducing balance, so that it cannot be prepaid"


class InstallmentsOverdue(FailedPrecondition):
    """Instalments that have fallen due, or charges, are unpaid."""

    reason = "INSTALLMENTS_OVERDUE"

    def __init__(self, loan_id: int, overdue: int, charges: int) -> None:
        super().__init__(
            f"instalments of {format_rupees(overdue)} and charges of {format_rupees(charges)} are unpaid on loan "
            f"{loan_id}; they come first",
            metadata={"loan_id": str(loan_id), "overdue_paise": str(overdue), "charges_paise": str(charges)},
        )


class PaidAhead(WrongLoanState):
    """More than the running instalment is paid already."""

    reason = "PAID_AHEAD"
    text = "is paid ahead beyond the running instalment; prepay it when that has fallen due"


class WaiverExceedsCharges(FailedPrecondition):
    """The waiver is more than the charges that are open."""

    reason = "WAIVER_EXCEEDS_CHARGES"

    def __init__(self, amount: int, charges: int) -> None:
        super().__init__(
            f"{format_rupees(amount)} is more than the open charges, {format_rupees(charges)}",
            metadata={"charges_paise": str(charges)},
        )


class TooManyCharges(WrongLoanState):
    """The loan has as many charges and waivers as one may have; it takes more waivers than charges."""

    reason = "TOO_MANY_CHARGES"
    text = "has as many charges and waivers as a loan may have"


class RepaymentExceedsPayoff(FailedPrecondition):
    """The repayment is more than the payoff amount."""

    reason = "REPAYMENT_EXCEEDS_PAYOFF"

    def __init__(self, amount: int, payoff: int, on: date) -> None:
        super().__init__(
            f"{format_rupees(amount)} is more than the {format_rupees(payoff)} that close the loan on {on}",
            metadata={"payoff_paise": str(payoff), "payoff_date": str(on)},
        )


class TooManyRepayments(FailedPrecondition):
    """The loan has had as many repayments as it may, or so many that the next one has to complete an instalment."""

    reason = "TOO_MANY_REPAYMENTS"


class LastAdministrator(FailedPrecondition):
    """No principal would be left that may change principals."""

    reason = "LAST_ADMINISTRATOR"

    def __init__(self) -> None:
        super().__init__("no principal would be left with the scope access:admin")


class OutOfRange(CreditError):
    """What is asked for lies beyond what is kept."""


class EventsRemoved(OutOfRange):
    """Events behind the number were removed: to go on as if there had been none would leave out changes."""

    reason = "EVENTS_REMOVED"

    def __init__(self, after: int, first_after: int) -> None:
        super().__init__(
            f"events behind number {after} were removed, for they are kept for a time: read the book again, and follow "
            f"the events from number {first_after} on",
            metadata={"first_after": str(first_after)},
        )


class EventsNotReached(OutOfRange):
    """No event has had the number yet, so that it is of another book, or of one that was restored from a backup."""

    reason = "EVENTS_NOT_REACHED"

    def __init__(self, after: int, last: int) -> None:
        super().__init__(
            f"no event has number {after} yet, the last is {last}: the database is another one, or was restored from a "
            "backup; ask with newest=0 where to follow the events from, and then read the book again",
            metadata={"last": str(last)},
        )


class ResourceExhausted(CreditError):
    """A limit of the server is reached."""


class RateLimited(ResourceExhausted):
    """The principal calls more often than it may.

    Attributes:
        retry_delay_milliseconds: How long to wait before the next call.
    """

    reason = "RATE_LIMITED"

    def __init__(self, retry_delay_milliseconds: int) -> None:
        super().__init__("the caller's principal calls more often than it may; try again later")
        self.retry_delay_milliseconds = retry_delay_milliseconds


class UploadTooLarge(ResourceExhausted):
    """The uploaded file is larger than the server accepts."""

    reason = "UPLOAD_TOO_LARGE"


class ImportQueueFull(ResourceExhausted):
    """As many files, or as many bytes of them, wait for their import as the server keeps."""

    reason = "IMPORT_QUEUE_FULL"


class TooManyCalls(ResourceExhausted):
    """More calls are in flight than the server admits."""

    reason = "TOO_MANY_CALLS"


class DeadlineExceeded(CreditError):
    """The caller's deadline passed, or the caller went away, before the work was done; nothing was changed."""

    reason = "DEADLINE_EXCEEDED"


class Aborted(CreditError):
    """The transaction conflicted with another one and was rolled back; the same request may be sent again."""


class WriteConflict(Aborted):
    """Another transaction changed the same rows first."""

    reason = "WRITE_CONFLICT"


class Unavailable(CreditError):
    """The service is unavailable at the moment; the same request may be sent again."""


class StoreUnavailable(Unavailable):
    """The database is locked for too long, out of reach or out of space."""

    reason = "STORE_UNAVAILABLE"


class CommitOutcomeUnknown(StoreUnavailable):
    """The database was lost during the commit: whether the request took effect is not known.

    Callers see the reason of `StoreUnavailable`: the same request_id finds out, and takes effect once.
    """


class AccessUnknown(Unavailable):
    """The process has not been able for a while to read who may call."""

    reason = "ACCESS_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("the server cannot read from its database who may call; try again later")


class AuditUnavailable(Unavailable):
    """Reads of personal data cannot be recorded at the moment, and so nothing of it is shown."""

    reason = "AUDIT_UNAVAILABLE"


class EventsUnsettled(Unavailable):
    """A transaction that is open for long may have given smaller numbers to events than the last in the book."""

    reason = "EVENTS_UNSETTLED"

    def __init__(self, last: int) -> None:
        super().__init__(
            f"a change that takes long may come before event {last}, so that who followed the book from there would "
            "miss it; try again"
        )


class ServerStopping(Unavailable):
    """The server is shutting down; another one, or this one after its restart, takes the request."""

    reason = "SERVER_STOPPING"
