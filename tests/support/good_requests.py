"""A request for each RPC that the service takes, with every field set: for tests that walk all of them.

A new RPC gets a line here: its fields, made anew for each call, as a function of a lender who has what it needs.
"""

import time
import uuid
from collections.abc import Callable
from datetime import date
from itertools import count
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.type import decimal_pb2

from almeno_grpc.api import (
    access_service_pb2,
    credit_service_pb2,
    loan_service_pb2,
    portfolio_service_pb2,
)
from support.book import LAKH
from support.loan_calls import Lender, amount, day

BUSINESS_DATE = date(2027, 1, 15)
TODAY = day(BUSINESS_DATE)
FILES = (access_service_pb2, credit_service_pb2, loan_service_pb2, portfolio_service_pb2)
METHODS: list[MethodDescriptor] = [
    method for module in FILES for service in module.DESCRIPTOR.services_by_name.values() for method in service.methods
]
PAGE = {"page_size": 7}
RATE = decimal_pb2.Decimal(value="10.5")
OUTSIDE = {"monthly_obligations": amount(100), "bureau_score": 750, "report_date": TODAY}
PAID = {"payment_date": TODAY, "external_reference": "UTR 1", "channel": 1}
PREPAID = {"amount": amount(LAKH), "effect": 1}
LIMITS = {
    "max_loan_amount": amount(LAKH),
    "max_repayment": amount(LAKH),
    "calls_per_second": 9,
    "burst": 9,
    "max_streams": 9,
    "max_pii_reads_per_day": 9,
}
_numbers = count(1)


def _terms() -> dict[str, Any]:
    return {"loan_amount": amount(5 * LAKH), "interest_rate": RATE, "tenure_months": 60, "outside": OUTSIDE}


def _person() -> dict[str, Any]:
    income, phone_number = amount(85_000_00), f"+91{8_000_000_000 + next(_numbers)}"
    return {
        "first_name": "Asha",
        "last_name": "Rao",
        "age": 30,
        "monthly_income": income,
        "phone_number": phone_number,
    }


def _import_id(lender: Lender) -> str:
    return lender.server.upload(b"Customer ID\n").import_id


def _decision_id(lender: Lender) -> str:
    return lender.book().decision.decision_id


def _charged(lender: Lender) -> int:
    loan_id = lender.lend()
    lender.charge(loan_id, 100_00)
    return loan_id


def _access(lender: Lender, method: str, **fields: Any) -> Any:
    descriptor = next(each for each in METHODS if each.name == method)
    path = f"/{descriptor.containing_service.full_name}/{method}"
    answer = GetMessageClass(descriptor.output_type).FromString
    call = lender.server.channel.unary_unary(path, GetMessageClass(descriptor.input_type).SerializeToString, answer)
    return call(GetMessageClass(descriptor.input_type)(**fields), timeout=20)


def _principal(lender: Lender) -> str:
    name = f"branch-{next(_numbers)}"
    return _access(lender, "CreatePrincipal", name=name, scopes=["loans:read", "customers:read"]).principal.name


def _key(principal: str) -> dict[str, Any]:
    number = next(_numbers)
    return {"principal": principal, "key_id": f"{number:012}", "key_sha256": number.to_bytes(32)}


def _key_id(lender: Lender) -> str:
    return _access(lender, "CreateKey", **_key(_principal(lender))).key.key_id


def _certificate_name(lender: Lender) -> str:
    name = f"name-{next(_numbers)}"
    return _access(lender, "SetCertificateName", name=name, principal=_principal(lender)).certificate_name.name


GOOD: dict[str, Callable[[Lender], dict[str, Any]]] = {
    # CreditService
    "RegisterCustomer": lambda _: _person(),
    "GetCustomer": lambda lender: {"customer_id": lender.register()},
    "ListCustomers": lambda _: PAGE,
    "ListCustomerChanges": lambda lender: {"customer_id": lender.register(), **PAGE},
    "UpdateCustomer": lambda lender: {"customer_id": lender.register(), **_person()},
    "SetApprovedLimit": lambda lender: {
        "customer_id": lender.register(),
        "approved_limit": amount(LAKH),
        "reason": "Asked for",
        "customer_request_date": TODAY,
    },
    "FindCustomers": lambda _: {"name_prefix": "as", **PAGE},
    "CheckEligibility": lambda lender: {"customer_id": lender.register(), **_terms()},
    "BatchCheckEligibility": lambda lender: {"requests": [{"customer_id": lender.register(), **_terms()}]},
    "CreateLoan": lambda lender: {
        "customer_id": lender.register(),
        **_terms(),
        "max_interest_rate": decimal_pb2.Decimal(value="100"),
        "disburse_later": True,
    },
    "GetLoan": lambda lender: {"loan_id": lender.lend()},
    "ListLoans": lambda lender: {"customer_id": lender.register(), "state": 1, **PAGE},
    "GetRepaymentSchedule": lambda lender: {"loan_id": lender.lend()},
    "RecordRepayment": lambda lender: {"loan_id": lender.lend(), "amount": amount(100), **PAID},
    "ListRepayments": lambda lender: {"loan_id": lender.lend(), **PAGE},
    "GetPayoff": lambda lender: {"loan_id": lender.lend(), "payoff_date": TODAY},
    "GetKeyFacts": lambda lender: {"loan_id": lender.lend()},
    "GetDecision": lambda lender: {"decision_id": _decision_id(lender)},
    "ListDecisions": lambda lender: {"customer_id": lender.register(), **PAGE},
    "ReplayDecision": lambda lender: {"decision_id": _decision_id(lender)},
    # LoanService
    "DisburseLoan": lambda lender: {
        "loan_id": lender.lend(disburse_later=True),
        "disbursement_date": TODAY,
        "external_reference": "UTR 2",
    },
    "CancelLoan": lambda lender: {"loan_id": lender.lend(disburse_later=True), "reason": 1},
    "ExitLoan": lambda lender: {"loan_id": lender.lend(), "exit_date": TODAY},
    "ReverseRepayment": lambda lender: {
        "repayment_id": lender.repay(lender.lend(), 100).repayment.repayment_id,
        "reason": 1,
        "reversal_date": TODAY,
        "return_code": "01",
    },
    "PreviewPrepayment": lambda lender: {"loan_id": lender.lend(), **PREPAID, "payment_date": TODAY},
    "PrepayLoan": lambda lender: {"loan_id": lender.lend(), **PREPAID, **PAID},
    "AddCharge": lambda lender: {"loan_id": lender.lend(), "kind": 2, "amount": amount(100), "reason": "returned"},
    "WaiveCharges": lambda lender: {"loan_id": _charged(lender), "amount": amount(100), "reason": "goodwill"},
    "ListCharges": lambda lender: {"loan_id": lender.lend(), **PAGE},
    "GetStatement": lambda lender: {"loan_id": lender.lend(), "from": TODAY, "to": TODAY},
    # PortfolioService
    "StartImport": lambda _: {
        "header": {
            "kind": 1,
            "file_name": "book.csv",
            "book_date": TODAY,
            "request_id": str(uuid.uuid4()),
            "size_bytes": 0,
            "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "columns": {"Age": "years"},
        }
    },
    "GetImport": lambda lender: {"import_id": _import_id(lender)},
    "CancelImport": lambda lender: {"import_id": _import_id(lender)},
    "ListImports": lambda _: PAGE,
    "WatchImport": lambda lender: {"import_id": _cancelled_import_id(lender)},
    "ListImportIssues": lambda lender: {"import_id": _import_id(lender), **PAGE},
    "ListPolicies": lambda _: {},
    "GetPolicy": lambda _: {"version": "2026-12"},
    "ListTerms": lambda _: {},
    "GetTerms": lambda _: {"version": "2026-12-example"},
    "SimulatePolicy": lambda _: {"version": "2026-12", "against_version": "2026-01", **_terms()},
    "ListEvents": lambda _: {"after": 0, "page_size": 7},
    "WatchEvents": lambda _: {"after": 0},
    "ExportLoans": lambda _: {"as_of": TODAY, "changed_since": {"seconds": 1}},
    "ExportJournal": lambda _: {"from": TODAY, "to": TODAY},
    "SummarizePortfolio": lambda _: {},
    # AccessService
    "CreatePrincipal": lambda _: {"name": f"branch-{next(_numbers)}", "scopes": ["loans:read"], "limits": LIMITS},
    "UpdatePrincipal": lambda lender: {
        "name": _principal(lender),
        "scopes": ["loans:read"],
        "limits": LIMITS,
        "disabled": True,
    },
    "ListPrincipals": lambda _: PAGE,
    "CreateKey": lambda lender: {
        **_key(_principal(lender)),
        "scopes": ["loans:read"],
        "expire_time": _soon(),
    },
    "RevokeKey": lambda lender: {"key_id": _key_id(lender), "expire_time": _soon()},
    "ListKeys": lambda lender: {"principal": _principal(lender), **PAGE},
    "SetCertificateName": lambda lender: {"name": f"name-{next(_numbers)}", "principal": _principal(lender)},
    "RemoveCertificateName": lambda lender: {"name": _certificate_name(lender)},
    "WhoAmI": lambda _: {},
    "ListAuditEvents": lambda _: {
        "principal": "admin",
        "customer_id": 7,
        "start_time": {"seconds": 1},
        "end_time": {"seconds": 2},
        **PAGE,
    },
    "GetAuditCheckpoint": lambda _: {"number": 1},
}


def _soon() -> dict[str, int]:
    return {"seconds": int(time.time()) + 3600}


def _cancelled_import_id(lender: Lender) -> str:
    request = portfolio_service_pb2.CancelImportRequest(import_id=_import_id(lender))
    return lender.server.portfolio.CancelImport(request, timeout=20).book_import.import_id


def good_request(method: MethodDescriptor, lender: Lender) -> Message:
    """A request that the method takes, of the book that the lender has; its first one where it takes a stream."""
    assert method.name in GOOD, f"{method.full_name} needs a line in GOOD of tests/support/good_requests.py"
    request_id = {"request_id": str(uuid.uuid4())} if "request_id" in method.input_type.fields_by_name else {}
    return GetMessageClass(method.input_type)(**request_id, **GOOD[method.name](lender))
