"""Key facts and terms as the service answers them: samples for the tests of the client."""

from typing import Any

from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal

from almeno_grpc.api import key_facts_pb2, terms_pb2
from support.credit_messages import rupees


def late_charge(percent: str = "24") -> terms_pb2.LateChargeTerms:
    return terms_pb2.LateChargeTerms(
        charge_percent_a_year=Decimal(value=percent),
        grace_days=3,
        charge_max_percent_of_installment=Decimal(value="10"),
    )


def terms(version: str = "2026-12-example", **changes: Any) -> terms_pb2.Terms:
    facts: dict[str, Any] = {
        "version": version,
        "effective_date": Date(year=2026, month=12, day=1),
        "sha256": "ab" * 32,
        "in_effect": version == "2026-12-example",
        "toml": f'# What a loan costs.\nversion = "{version}"\n',
        "valid_days": 30,
        "cooling_off_days": 1,
        "processing_percent": Decimal(value="1"),
        "processing_min": rupees(0),
        "processing_max": rupees(25_000),
        "gst_percent": Decimal(value="18"),
        "refunded_on_exit": True,
        "late": late_charge(),
    }
    return terms_pb2.Terms(**(facts | changes))


def key_facts(**changes: Any) -> key_facts_pb2.KeyFacts:
    row = key_facts_pb2.ScheduledInstallment
    facts: dict[str, Any] = {
        "loan_id": 1_000_000_001,
        "decision_id": "d-0001",
        "loan_amount": rupees(5_00_000),
        "tenure_months": 60,
        "monthly_installment": rupees(10_746, 95),
        "interest_rate": Decimal(value="10.5"),
        "processing_fee": rupees(5_000),
        "gst": rupees(900),
        "net_disbursed": rupees(4_94_100),
        "total_interest": rupees(1_44_816, 99),
        "total_to_pay": rupees(6_44_816, 99),
        "apr": Decimal(value="11.02"),
        "terms_version": "2026-12-example",
        "late": late_charge(),
        "cooling_off_days": 1,
        "valid_days": 30,
        "valid_until": Date(year=2027, month=2, day=14),
        "installments": [
            row(
                number=number,
                due_date=Date(year=2027, month=number + 1, day=15),
                amount=rupees(10_746, 95),
                principal=rupees(6_371 + number, 95),
                interest=rupees(4_375 - number),
                balance_after=rupees(4_93_628 - number, 5),
            )
            for number in (1, 2)
        ],
    }
    return key_facts_pb2.KeyFacts(**(facts | changes))


def key_facts_without_terms() -> key_facts_pb2.KeyFacts:
    facts = key_facts(terms_version="", cooling_off_days=0, valid_days=0, decision_id="")
    for field in ("late", "valid_until"):
        facts.ClearField(field)
    return facts
