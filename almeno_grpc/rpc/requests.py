"""Requests, checked and turned into values of the domain."""

import hashlib
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import grpc
from google.protobuf.message import Message

from almeno_grpc.api import credit_service_pb2, decision_pb2, loan_pb2, portfolio_service_pb2
from almeno_grpc.domain import limits
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.errors import CallerLimitExceeded, CreditError
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.money import format_rupees
from almeno_grpc.domain.names import holds_controls, name_key
from almeno_grpc.domain.outside_credit import OutsideCredit
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.policy_file import parse_policy
from almeno_grpc.domain.rule_file import RuleFileError
from almeno_grpc.rpc.conversion.loans import LOAN_STATES
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.runtime.current_call import current_caller, current_method
from almeno_grpc.service.customer_changes import CustomerUpdate, LimitRequest
from almeno_grpc.service.customers import Applicant
from almeno_grpc.service.idempotency import RequestContext


def request_context(
    fields: FieldReader,
    method: str,
    request: Message,
    request_id: str,
    context: grpc.ServicerContext,
    *,
    request_id_field: str = "request_id",
    uploaded_sha256: str = "",
    is_of_book: bool = True,
) -> RequestContext:
    """What the store has to know of a call that changes something."""
    return RequestContext(
        request_id=fields.request_id(request_id_field, request_id),
        request_id_field=request_id_field,
        fingerprint=fingerprint(method, request, uploaded_sha256) if request_id else "",
        is_active=context.is_active,
        method=current_method().path,
        caller=current_caller(),
        scope=current_method().scope,
        is_of_book=is_of_book,
    )


def raise_if_beyond(limit: str, value: int) -> None:
    """Lets an amount, in paise, pass that the caller's principal may ask for.

    Args:
        limit: Name of the limit: an attribute of `Limits`.
        value: The amount.

    Raises:
        CallerLimitExceeded: It is beyond the limit.
    """
    most = getattr(current_caller().limits, limit)
    if most is not None and value > most:
        raise CallerLimitExceeded(limit, f"{format_rupees(value)} is more than {format_rupees(most)}")


def fingerprint(method: str, request: Message, uploaded_sha256: str = "") -> str:
    """SHA-256 over method, request and what was uploaded with it.

    The request_id is left out: the same one may be written in capitals or not.
    """
    without_id = type(request)()
    without_id.CopyFrom(request)
    without_id.ClearField("request_id")
    digest = hashlib.sha256(f"{method}\0{uploaded_sha256}\0".encode())
    digest.update(without_id.SerializeToString(deterministic=True))
    return digest.hexdigest()


def applicant(fields: FieldReader, request: credit_service_pb2.RegisterCustomerRequest) -> Applicant:
    """Who registers."""
    return Applicant(
        first_name=fields.name("first_name", request.first_name),
        last_name=fields.name("last_name", request.last_name),
        age=fields.number("age", request.age, limits.MIN_AGE, limits.MAX_AGE),
        monthly_income=_monthly_income(fields, request),
        phone_number=fields.phone_number("phone_number", request.phone_number),
    )


def _monthly_income(
    fields: FieldReader,
    request: credit_service_pb2.RegisterCustomerRequest | credit_service_pb2.UpdateCustomerRequest,
) -> int:
    return fields.amount("monthly_income", request.monthly_income, min_paise=1, max_paise=limits.MAX_MONTHLY_INCOME)


def customer_update(fields: FieldReader, request: credit_service_pb2.UpdateCustomerRequest) -> CustomerUpdate:
    """What is to be changed of a customer."""
    has = request.HasField
    return CustomerUpdate(
        customer_id=fields.identifier("customer_id", request.customer_id),
        first_name=fields.name("first_name", request.first_name) if has("first_name") else None,
        last_name=fields.name("last_name", request.last_name) if has("last_name") else None,
        age=fields.number("age", request.age, limits.MIN_AGE, limits.MAX_AGE) if has("age") else None,
        monthly_income=_monthly_income(fields, request) if has("monthly_income") else None,
        phone_number=fields.phone_number("phone_number", request.phone_number) if has("phone_number") else None,
    )


def limit_request(fields: FieldReader, request: credit_service_pb2.SetApprovedLimitRequest) -> LimitRequest:
    """The approved limit that is to be set."""
    approved_limit = None
    if request.WhichOneof("limit") == "approved_limit":
        approved_limit = fields.amount(
            "approved_limit", request.approved_limit, min_paise=0, max_paise=limits.MAX_APPROVED_LIMIT
        )
    elif not request.recalculate:
        fields.add_violation("approved_limit", "must be set, unless recalculate is true")
    return LimitRequest(
        customer_id=fields.identifier("customer_id", request.customer_id),
        approved_limit=approved_limit,
        reason=fields.reason("reason", request.reason),
        customer_request_date=fields.optional_date("customer_request_date", request),
    )


def name_prefix(fields: FieldReader, text: str) -> str:
    """What the name of a customer begins with, as a name key."""
    minimum, maximum = limits.MIN_NAME_PREFIX_CHARACTERS, limits.MAX_NAME_PREFIX_CHARACTERS
    key = name_key(text) if len(text) <= maximum else ""
    if not minimum <= len(key) or holds_controls(text):
        fields.add_violation(
            "name_prefix", f"must be {minimum} to {maximum} characters, spaces around them not counted, and no controls"
        )
    return key


def loan_request(
    fields: FieldReader,
    request: credit_service_pb2.CheckEligibilityRequest | credit_service_pb2.CreateLoanRequest,
    today: Callable[[], date],
) -> LoanRequest:
    """What a customer asks for; `today` gives the business date, which only some requests need."""
    max_interest_rate = None
    if isinstance(request, credit_service_pb2.CreateLoanRequest) and request.HasField("max_interest_rate"):
        max_interest_rate = fields.rate("max_interest_rate", request.max_interest_rate)
    customer_id = fields.identifier("customer_id", request.customer_id)
    outside = outside_credit(fields, request.outside, today) if request.HasField("outside") else None
    return LoanRequest(customer_id, *loan_terms(fields, request), max_interest_rate, outside)


def loan_terms(
    fields: FieldReader,
    request: credit_service_pb2.CheckEligibilityRequest
    | credit_service_pb2.CreateLoanRequest
    | portfolio_service_pb2.SimulatePolicyRequest,
) -> tuple[int, Decimal, int]:
    """What is asked for, whoever asks: amount in paise, rate in per cent a year, months."""
    return (
        fields.amount(
            "loan_amount", request.loan_amount, min_paise=limits.MIN_LOAN_AMOUNT, max_paise=limits.MAX_LOAN_AMOUNT
        ),
        fields.rate("interest_rate", request.interest_rate),
        fields.number("tenure_months", request.tenure_months, limits.MIN_TENURE_MONTHS, limits.MAX_TENURE_MONTHS),
    )


def outside_credit(
    fields: FieldReader, outside: decision_pb2.OutsideCredit, today: Callable[[], date]
) -> OutsideCredit:
    """The credit with other lenders, as the field `outside` of a request states it."""
    obligations, score, report_date = 0, None, None
    if outside.HasField("monthly_obligations"):
        obligations = fields.amount(
            "outside.monthly_obligations",
            outside.monthly_obligations,
            min_paise=0,
            max_paise=limits.MAX_MONTHLY_OBLIGATIONS,
        )
    if outside.HasField("bureau_score"):
        score = fields.number(
            "outside.bureau_score", outside.bureau_score, limits.MIN_BUREAU_SCORE, limits.MAX_BUREAU_SCORE
        )
    if outside.HasField("report_date"):
        report_date = fields.date("outside.report_date", outside.report_date)
        if report_date > today():
            fields.add_violation("outside.report_date", "must not be after the business date")
    return OutsideCredit(obligations, score, report_date)


def candidate_policy(fields: FieldReader, request: portfolio_service_pb2.SimulatePolicyRequest) -> Policy | str:
    """The policy that a simulation tries: a draft, or the version it names."""
    match request.WhichOneof("candidate"):
        case "policy":
            return _draft(fields, request.policy)
        case "version":
            return fields.rule_version("version", request.version)
    fields.add_violation("policy", "must be set to a draft, unless version names a policy")
    return ""


def _draft(fields: FieldReader, toml: str) -> Policy | str:
    content = toml.encode()
    if len(content) > limits.MAX_POLICY_BYTES:
        fields.add_violation("policy", f"must have at most {limits.MAX_POLICY_BYTES} bytes")
        return ""
    try:
        return parse_policy(content)
    except RuleFileError as error:
        fields.add_violation("policy", str(error))
        return ""


def key_facts_subject(fields: FieldReader, request: credit_service_pb2.GetKeyFactsRequest) -> tuple[int, str]:
    """The loan_id or the decision_id that key facts are asked of; the other one is 0 or empty."""
    match request.WhichOneof("subject"):
        case "loan_id":
            return fields.identifier("loan_id", request.loan_id), ""
        case "decision_id":
            return 0, fields.uuid("decision_id", request.decision_id)
    fields.add_violation("loan_id", "must be set, unless decision_id is")
    return 0, ""


def loan_request_or_error(
    request: credit_service_pb2.CheckEligibilityRequest, today: Callable[[], date]
) -> LoanRequest | CreditError:
    """What a customer asks for, or what is wrong with the fields; for a batch, where one error leaves the others."""
    fields = FieldReader()
    asked = loan_request(fields, request, today)
    try:
        fields.raise_if_invalid()
    except CreditError as error:
        return error
    return asked


def loan_state(fields: FieldReader, state: loan_pb2.LoanState) -> LoanState | None:
    """The state a list is filtered by; None for every state."""
    if state == loan_pb2.LOAN_STATE_UNSPECIFIED:
        return None
    return fields.member("state", state, LOAN_STATES, loan_pb2.LoanState)
