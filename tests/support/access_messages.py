"""Principals, keys and audit events as the service answers them: samples for the tests of the client."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from almeno_grpc.api import access_pb2, access_service_pb2

MADE, LATER = Timestamp(seconds=1_767_225_600), Timestamp(seconds=1_775_001_600)


def principal(**changes: Any) -> access_pb2.Principal:
    facts: dict[str, Any] = {
        "name": "branch-pune",
        "scopes": ["customers:read", "loans:write"],
        "limits": access_pb2.PrincipalLimits(
            max_loan_amount=Money(currency_code="INR", units=5_00_000), calls_per_second=20, max_streams=4
        ),
        "create_time": MADE,
        "update_time": MADE,
    }
    return access_pb2.Principal(**(facts | changes))


def api_key(**changes: Any) -> access_pb2.ApiKey:
    facts: dict[str, Any] = {
        "key_id": "Ab3dE6gH9jK2",
        "principal": "branch-pune",
        "scopes": ["customers:read"],
        "create_time": MADE,
        "expire_time": LATER,
    }
    return access_pb2.ApiKey(**(facts | changes))


def certificate_name(**changes: Any) -> access_pb2.CertificateName:
    facts: dict[str, Any] = {
        "name": "spiffe://lender.example/branch/pune",
        "principal": "branch-pune",
        "create_time": MADE,
    }
    return access_pb2.CertificateName(**(facts | changes))


def caller(**changes: Any) -> access_service_pb2.WhoAmIResponse:
    facts: dict[str, Any] = {
        "principal": "branch-pune",
        "scopes": ["customers:read", "loans:write"],
        "limits": access_pb2.PrincipalLimits(max_repayment=Money(currency_code="INR", units=50_000)),
        "key_id": "Ab3dE6gH9jK2",
        "expire_time": LATER,
    }
    return access_service_pb2.WhoAmIResponse(**(facts | changes))


def audit_event(**changes: Any) -> access_pb2.AuditEvent:
    facts: dict[str, Any] = {
        "stream_id": 7_043_961_132_504_327_151,
        "sequence": 12,
        "kind": access_pb2.AUDIT_EVENT_KIND_WRITE,
        "event_time": MADE,
        "principal": "branch-pune",
        "credential": "Ab3dE6gH9jK2",
        "method": "/almeno.credit.v1.CreditService/CreateLoan",
        "customer_id": 14,
        "subject": "1000000001",
        "request_id": "5f0c2c5a-3c2e-4a47-9d55-0c7a4a6f1a77",
        "outcome": "OK",
        "count": 1,
        "hash": bytes(range(32)),
    }
    return access_pb2.AuditEvent(**(facts | changes))


def checkpoint(**changes: Any) -> access_pb2.AuditCheckpoint:
    facts: dict[str, Any] = {
        "number": 9,
        "create_time": MADE,
        "root": bytes(32),
        "hash": bytes(range(32)),
        "signature": bytes(64),
        "algorithm": "ed25519",
    }
    return access_pb2.AuditCheckpoint(**(facts | changes))
