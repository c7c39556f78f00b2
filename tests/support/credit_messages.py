"""Customers, decisions, loans and imports as the service answers them: samples for the tests of the client."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money

from almeno_grpc.api import asset_class_pb2, charge_pb2, customer_pb2, decision_pb2, import_pb2, loan_pb2, repayment_pb2


def rupees(units: int, paise: int = 0) -> Money:
    return Money(currency_code="INR", units=units, nanos=paise * 10_000_000)


def position(**changes: Any) -> customer_pb2.CreditPosition:
    figures: dict[str, Any] = {
        "loan_count": 3,
        "active_loan_count": 2,
        "loans_this_year": 1,
        "approved_volume": rupees(12_34_567),
        "current_debt": rupees(4_56_789, 25),
        "monthly_obligation": rupees(21_500, 50),
        "emis_due": 36,
        "emis_paid_on_time": 34,
        "available_limit": rupees(13_43_210, 75),
    }
    return customer_pb2.CreditPosition(**(figures | changes))


def customer(**changes: Any) -> customer_pb2.Customer:
    facts: dict[str, Any] = {
        "customer_id": 14,
        "first_name": "Asha",
        "last_name": "Verma",
        "age": 34,
        "phone_number": "+919629317944",
        "monthly_income": rupees(50_000),
        "approved_limit": rupees(18_00_000),
        "create_time": Timestamp(seconds=1_767_225_600),
    }
    return customer_pb2.Customer(**(facts | changes))


def customer_change(**changes: Any) -> customer_pb2.CustomerChange:
    facts: dict[str, Any] = {
        "number": 1,
        "change_time": Timestamp(seconds=1_767_225_600),
        "customer_id": 14,
        "loan_id": 5,
        "field": "loan_amount",
        "old_value": "500000.00",
        "new_value": "1000.00",
        "import_id": "i-0001",
        "row_number": 6,
        "principal": "loader",
    }
    return customer_pb2.CustomerChange(**(facts | changes))


def decision(**changes: Any) -> decision_pb2.Decision:
    component = decision_pb2.ScoreComponent
    facts: dict[str, Any] = {
        "customer_id": 14,
        "approved": True,
        "credit_score": 74,
        "score_components": [
            component(name="on_time_payments", points=49.2063492063492, max_points=50, observed="34/36"),
            component(name="past_loans", points=10, max_points=15, observed="3"),
            component(name="current_year_activity", points=10, max_points=15, observed="1"),
            component(name="approved_volume", points=5, max_points=20, observed="0.6859"),
        ],
        "loan_amount": rupees(5_00_000),
        "interest_rate": Decimal(value="10.5"),
        "corrected_interest_rate": Decimal(value="10.5"),
        "tenure_months": 60,
        "monthly_installment": rupees(10_746, 95),
        "message": "The loan of ₹5,00,000 over 60 months is approved at 10.5 %.",
        "position": position(),
        "policy_version": "2026-01",
        "business_date": Date(year=2026, month=1, day=31),
    }
    return decision_pb2.Decision(**(facts | changes))


def decline(**changes: Any) -> decision_pb2.Decision:
    facts: dict[str, Any] = {
        "approved": False,
        "credit_score": 31,
        "corrected_interest_rate": Decimal(value="12"),
        "reasons": [
            decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT,
            decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH,
        ],
        "message": "Declined: the loan exceeds the limit and the instalments exceed half of the income.",
        "counter_offer": rupees(1_23_456),
    }
    return decision(**(facts | changes))


def stored_decision(**changes: Any) -> decision_pb2.Decision:
    gate = decision_pb2.DecisionGate
    facts: dict[str, Any] = {
        "decision_id": "d-0001",
        "max_interest_rate": Decimal(value="14"),
        "gates": [
            gate(
                reason=decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT,
                passed=False,
                observed="current debt ₹4,56,789.25 and the new loan ₹15,00,000",
                allowed="approved limit ₹18,00,000",
            ),
            gate(reason=decision_pb2.DECISION_REASON_RATE_ABOVE_MAXIMUM, passed=True, observed="12 %", allowed="14 %"),
        ],
        "policy_sha256": "c0ffee" * 10 + "c0ff",
        "monthly_income": rupees(50_000),
        "approved_limit": rupees(18_00_000),
        "create_time": Timestamp(seconds=1_767_225_600),
    }
    return decline(**(facts | changes))


def damaged_decision(**changes: Any) -> decision_pb2.Decision:
    """As the service answers for what it cannot read: without the terms, the parts, the position and the day."""
    facts: dict[str, Any] = {
        "decision_id": "d-0003",
        "customer_id": 14,
        "credit_score": 31,
        "reasons": [decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT],
        "message": "What is stored of this decision is damaged: snapshot is no JSON.",
        "policy_version": "2026-01",
        "policy_sha256": "c0ffee" * 10 + "c0ff",
    }
    return decision_pb2.Decision(**(facts | changes))


def loan(**changes: Any) -> loan_pb2.Loan:
    facts: dict[str, Any] = {
        "loan_id": 1_000_000_001,
        "customer_id": 14,
        "loan_amount": rupees(5_00_000),
        "interest_rate": Decimal(value="10.5"),
        "tenure_months": 60,
        "monthly_installment": rupees(10_746, 95),
        "repayments_left": 60,
        "outstanding_principal": rupees(5_00_000),
        "approval_date": Date(year=2026, month=1, day=31),
        "end_date": Date(year=2031, month=1, day=31),
        "state": loan_pb2.LOAN_STATE_ACTIVE,
        "installment_method": loan_pb2.INSTALLMENT_METHOD_REDUCING_BALANCE,
        "decision_id": "d-0001",
        "paid_toward_next": rupees(0),
        "disbursement_date": Date(year=2026, month=1, day=31),
        "booked_terms": loan_pb2.BookedTerms(tenure_months=60, monthly_installment=rupees(10_746, 95)),
        "terms_version": "2026-12",
        "asset_class": asset_class_pb2.ASSET_CLASS_STANDARD,
    }
    return loan_pb2.Loan(**(facts | changes))


def installment(number: int, **changes: Any) -> loan_pb2.Installment:
    facts: dict[str, Any] = {
        "number": number,
        "due_date": Date(year=2026, month=number + 1, day=28),
        "amount": rupees(8884, 88),
        "principal": rupees(7884, 88),
        "interest": rupees(1000),
        "balance_after": rupees(92_115, 12),
        "state": loan_pb2.INSTALLMENT_STATE_DUE_LATER,
    }
    return loan_pb2.Installment(**(facts | changes))


def repayment(number: int, **changes: Any) -> repayment_pb2.Repayment:
    facts: dict[str, Any] = {
        "repayment_id": f"r-{number:04}",
        "loan_id": 1_000_000_001,
        "amount": rupees(10_746, 95),
        "payment_date": Date(year=2026, month=3, day=number),
        "emis_completed": 1,
        "outstanding_principal": rupees(4_93_628, 5),
        "create_time": Timestamp(seconds=1_767_225_600),
        "kind": repayment_pb2.REPAYMENT_KIND_REPAYMENT,
        "charges_paid": rupees(0),
        "state": repayment_pb2.REPAYMENT_STATE_RECORDED,
    }
    return repayment_pb2.Repayment(**(facts | changes))


def reversed_repayment(number: int, **changes: Any) -> repayment_pb2.Repayment:
    reversal = repayment_pb2.Reversal(
        reversal_date=Date(year=2026, month=3, day=20),
        reason=repayment_pb2.REVERSAL_REASON_RETURNED,
        return_code="04",
        create_time=Timestamp(seconds=1_767_225_600),
    )
    facts: dict[str, Any] = {"state": repayment_pb2.REPAYMENT_STATE_REVERSED, "reversal": reversal}
    return repayment(number, **(facts | changes))


def prepayment(**changes: Any) -> repayment_pb2.Prepayment:
    facts: dict[str, Any] = {
        "principal": rupees(99_578, 40),
        "accrued_interest": rupees(421, 60),
        "installments_left": 35,
        "monthly_installment": rupees(10_746, 95),
        "last_installment": rupees(7_182, 27),
        "interest_left": rupees(52_409, 64),
    }
    return repayment_pb2.Prepayment(**(facts | changes))


def prepaid_loan(**changes: Any) -> loan_pb2.Loan:
    """The loan after the prepayment, which has made it shorter."""
    facts: dict[str, Any] = {
        "emis_paid": 12,
        "emis_paid_on_time": 12,
        "tenure_months": 47,
        "repayments_left": 35,
        "outstanding_principal": rupees(3_20_168, 93),
        "end_date": Date(year=2029, month=12, day=31),
    }
    return loan(**(facts | changes))


def charge(number: int = 1, **changes: Any) -> charge_pb2.Charge:
    """The late charge of an instalment."""
    facts: dict[str, Any] = {
        "kind": charge_pb2.CHARGE_KIND_LATE_PAYMENT,
        "installment_number": number,
        "charge_date": Date(year=2026, month=2, day=28),
        "amount": rupees(162, 53),
        "paid": rupees(100),
        "waived": rupees(0),
        "open": rupees(62, 53),
    }
    return charge_pb2.Charge(**(facts | changes))


def bounce(**changes: Any) -> charge_pb2.Charge:
    facts: dict[str, Any] = {
        "kind": charge_pb2.CHARGE_KIND_BOUNCE,
        "installment_number": 0,
        "amount": rupees(500),
        "paid": rupees(0),
        "open": rupees(500),
        "reason": "debit of March returned",
    }
    return charge(**(facts | changes))


def payoff(**changes: Any) -> repayment_pb2.Payoff:
    facts: dict[str, Any] = {
        "payoff_date": Date(year=2026, month=3, day=15),
        "amount": rupees(5_03_000, 25),
        "overdue_amount": rupees(10_746, 95),
        "principal": rupees(4_93_628, 5),
        "accrued_interest": rupees(2_000),
        "advance": rupees(3_374, 75),
        "charges": rupees(0),
    }
    return repayment_pb2.Payoff(**(facts | changes))


def import_(state: str, **changes: Any) -> import_pb2.Import:
    facts: dict[str, Any] = {
        "import_id": "i-0001",
        "kind": import_pb2.IMPORT_KIND_LOANS,
        "file_name": "loans.xlsx",
        "sha256": "0" * 64,
        "book_date": Date(year=2026, month=1, day=31),
        "state": f"IMPORT_STATE_{state}",
        "create_time": Timestamp(seconds=1_767_225_600),
    }
    return import_pb2.Import(**(facts | changes))
