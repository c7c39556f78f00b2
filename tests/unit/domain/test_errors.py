"""What callers can rely on in the errors of the domain: their reasons and the fields they name."""

import inspect
from datetime import date

import pytest

from almeno_grpc.domain import errors
from almeno_grpc.domain.errors import CreditError, FieldViolation, InvalidField


def leaves() -> list[type[CreditError]]:
    classes = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, CreditError)]
    return [kind for kind in classes if not kind.__subclasses__()]


@pytest.mark.parametrize(
    ("error", "branch", "reason", "message"),
    [
        (InvalidField.of("age", "must be 18 or more"), errors.InvalidArgument, "INVALID_FIELD", "age: must be 18 or"),
        (errors.TermsDoNotAmortize("x"), errors.InvalidArgument, "TERMS_DO_NOT_AMORTIZE", "x"),
        (errors.InvalidPageToken(), errors.InvalidArgument, "INVALID_PAGE_TOKEN", "page_token: is not a token"),
        (errors.RequestIdReused(), errors.InvalidArgument, "REQUEST_ID_REUSED", "request_id: was used with another"),
        (errors.CustomerNotFound(7), errors.NotFound, "CUSTOMER_NOT_FOUND", "customer 7 does not exist"),
        (errors.LoanNotFound(8), errors.NotFound, "LOAN_NOT_FOUND", "loan 8 does not exist"),
        (errors.ImportNotFound("a"), errors.NotFound, "IMPORT_NOT_FOUND", "import a does not exist"),
        (errors.PhoneNumberTaken(), errors.AlreadyExists, "PHONE_NUMBER_TAKEN", "phone_number: is held by another"),
        (
            errors.BusinessDateBehind(date(2026, 4, 10), date(2026, 4, 11)),
            errors.FailedPrecondition,
            "BUSINESS_DATE_BEHIND",
            "this server takes 2026-04-10 for today, and the book has come to 2026-04-11",
        ),
        (errors.NoPolicyInEffect("x"), errors.FailedPrecondition, "NO_POLICY_IN_EFFECT", "x"),
        (errors.LoanClosed(8), errors.FailedPrecondition, "LOAN_CLOSED", "loan 8 is closed: nothing is left to pay"),
        (
            errors.RepaymentExceedsPayoff(100_01, 100_00, date(2026, 4, 10)),
            errors.FailedPrecondition,
            "REPAYMENT_EXCEEDS_PAYOFF",
            "₹100.01 is more than the ₹100 that close the loan on 2026-04-10",
        ),
        (errors.TooManyRepayments("x"), errors.FailedPrecondition, "TOO_MANY_REPAYMENTS", "x"),
        (errors.UploadTooLarge("x"), errors.ResourceExhausted, "UPLOAD_TOO_LARGE", "x"),
        (errors.ImportQueueFull("x"), errors.ResourceExhausted, "IMPORT_QUEUE_FULL", "x"),
        (errors.TooManyCalls("x"), errors.ResourceExhausted, "TOO_MANY_CALLS", "x"),
        (errors.RateLimited(250), errors.ResourceExhausted, "RATE_LIMITED", "the caller's principal calls more often"),
        (errors.CredentialsMissing(), errors.Unauthenticated, "CREDENTIALS_MISSING", "the call needs an API key"),
        (errors.CallerLimitExceeded("max_repayment", "x"), errors.PermissionDenied, "CALLER_LIMIT_EXCEEDED", "max_rep"),
        (errors.DeadlineExceeded("x"), CreditError, "DEADLINE_EXCEEDED", "x"),
        (errors.WriteConflict("x"), errors.Aborted, "WRITE_CONFLICT", "x"),
        (errors.StoreUnavailable("x"), errors.Unavailable, "STORE_UNAVAILABLE", "x"),
        (errors.CommitOutcomeUnknown("x"), errors.StoreUnavailable, "STORE_UNAVAILABLE", "x"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, CreditError) else "",
)
def test_error_has_its_reason_and_its_message(
    error: CreditError, branch: type[CreditError], reason: str, message: str
) -> None:
    assert isinstance(error, branch)
    assert error.reason == reason
    assert error.message == str(error)
    assert error.message.startswith(message)


def test_every_error_has_a_reason_of_its_own() -> None:
    reasons = [kind.reason for kind in leaves()]
    assert len(reasons) == len(set(reasons)) > 10
    assert CreditError.reason not in reasons


def test_every_error_stands_in_the_tree_that_the_module_draws() -> None:
    drawn = {line.strip("│├└─ ") for line in (errors.__doc__ or "").splitlines()}
    named = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, CreditError)}
    assert named <= drawn


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (
            InvalidField(FieldViolation("age", "a"), FieldViolation("loan_amount.nanos", "b")),
            ["age", "loan_amount.nanos"],
        ),
        (errors.InvalidPageToken(), ["page_token"]),
        (errors.RequestIdReused(), ["request_id"]),
        (errors.RequestIdReused("header.request_id"), ["header.request_id"]),
        (errors.PhoneNumberTaken(), ["phone_number"]),
        (errors.TooManyCalls("x"), []),
    ],
)
def test_error_names_the_fields_at_fault(error: CreditError, fields: list[str]) -> None:
    assert [violation.field for violation in error.violations] == fields


def test_error_of_a_missing_resource_carries_its_id_for_programs() -> None:
    assert errors.CustomerNotFound(7).metadata == {"customer_id": "7"}
    assert errors.TooManyCalls("x").metadata == {}
