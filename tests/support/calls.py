"""Calls as a test writes them: requests in short, and refusals with all they carry."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from google.type import decimal_pb2, money_pb2
from grpc_status import rpc_status

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import credit_service_pb2_grpc, customer_pb2, decision_pb2

SECONDS = 30
NOBODY = 4_000_000_007
"""The number of no customer and no loan."""
ONLY_OF_STORED_DECISIONS = (
    "decision_id",
    "max_interest_rate",
    "gates",
    "policy_sha256",
    "monthly_income",
    "approved_limit",
    "create_time",
)
_phone_numbers = count(9_000_000_001)


def rupees(amount: int, paise: int = 0) -> money_pb2.Money:
    """An amount."""
    return money_pb2.Money(currency_code="INR", units=amount, nanos=paise * 10_000_000)


def paise_of(amount: money_pb2.Money) -> int:
    """An amount, in paise."""
    assert amount.currency_code == "INR"
    assert amount.nanos % 10_000_000 == 0
    return amount.units * 100 + amount.nanos // 10_000_000


def per_cent(rate: str) -> decimal_pb2.Decimal:
    """A rate."""
    return decimal_pb2.Decimal(value=rate)


def applicant(income: int = 50_000, **fields: Any) -> pb.RegisterCustomerRequest:
    """Somebody who registers, with a phone number that nobody has used."""
    request = {
        "first_name": "Asha",
        "last_name": "Rao",
        "age": 34,
        "monthly_income": rupees(income),
        "phone_number": f"+91{next(_phone_numbers)}",
    }
    return pb.RegisterCustomerRequest(**request | fields)


def registered(
    credit: credit_service_pb2_grpc.CreditServiceStub, income: int = 50_000, **fields: Any
) -> customer_pb2.Customer:
    """A new customer."""
    return credit.RegisterCustomer(applicant(income, **fields), timeout=SECONDS).customer


def check_of(customer_id: int, amount: int, rate: str = "10", months: int = 24) -> pb.CheckEligibilityRequest:
    """A question for a loan."""
    return pb.CheckEligibilityRequest(
        customer_id=customer_id, loan_amount=rupees(amount), interest_rate=per_cent(rate), tenure_months=months
    )


def loan_of(customer_id: int, amount: int, rate: str = "10", months: int = 24, **fields: Any) -> pb.CreateLoanRequest:
    """A request for a loan."""
    return pb.CreateLoanRequest(
        customer_id=customer_id,
        loan_amount=rupees(amount),
        interest_rate=per_cent(rate),
        tenure_months=months,
        **fields,
    )


def as_checked(decision: decision_pb2.Decision) -> decision_pb2.Decision:
    """A stored decision without what a check has not."""
    told = decision_pb2.Decision()
    told.CopyFrom(decision)
    for field in ONLY_OF_STORED_DECISIONS:
        told.ClearField(field)
    return told


@dataclass(frozen=True)
class Refusal:
    """What a caller gets to know of an error."""

    code: str
    reason: str
    fields: tuple[str, ...]
    message: str


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Reads an error, which has to carry exactly one ErrorInfo, of the project's domain."""
    status = rpc_status.from_call(error)
    assert status is not None, f"{error} carries no details"
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert sum(detail.Unpack(info) for detail in status.details) == 1
    assert info.domain == "almeno.credit"
    assert info.reason
    for detail in status.details:
        detail.Unpack(bad_request)
    fields = tuple(violation.field for violation in bad_request.field_violations)
    return Refusal(error.code().name, info.reason, fields, error.details())


def refused(call: Callable[..., object], *arguments: Any, **options: Any) -> Refusal:
    """How a call is refused; it must be."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **{"timeout": SECONDS} | options)
    return refusal_of(caught.value)
