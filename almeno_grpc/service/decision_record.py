"""Decisions as they are stored: whole, exact, readable without this program."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

from almeno_grpc.domain.decision import Decision
from almeno_grpc.service.store import DecisionRecord

_to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def decision_record(decision_id: str, decision: Decision, create_time: int) -> DecisionRecord:
    """The record of a decision."""
    return DecisionRecord(
        decision_id=decision_id,
        customer_id=decision.request.customer_id,
        business_date=decision.business_date,
        policy_version=decision.policy_version,
        policy_sha256=decision.policy_sha256,
        approved=decision.approved,
        credit_score=decision.credit_score,
        snapshot=_to_json(decision_snapshot(decision)),
        create_time=create_time,
    )


def decision_snapshot(decision: Decision) -> dict[str, Any]:
    """What the decision was taken from and came to. Amounts in paise; rates and fractions exact, as text."""
    request, borrower, position = decision.request, decision.borrower, decision.borrower.position
    return {
        "request": {
            "customer_id": request.customer_id,
            "loan_amount": request.loan_amount,
            "interest_rate": _exact(request.interest_rate),
            "tenure_months": request.tenure_months,
            "max_interest_rate": None if request.max_interest_rate is None else _exact(request.max_interest_rate),
        },
        "borrower": {"monthly_income": borrower.monthly_income, "approved_limit": borrower.approved_limit},
        "position": {
            "loan_count": position.loan_count,
            "active_loan_count": position.active_loan_count,
            "loans_this_year": position.loans_this_year,
            "approved_volume": position.approved_volume,
            "current_debt": position.current_debt,
            "monthly_obligation": position.monthly_obligation,
            "emis_due": position.emis_due,
            "emis_paid_on_time": position.emis_paid_on_time,
        },
        "score_components": [
            {
                "name": component.name,
                "points": _exact(component.points),
                "max_points": component.max_points,
                "observed": component.observed,
            }
            for component in decision.score_components
        ],
        "corrected_interest_rate": _exact(decision.corrected_interest_rate),
        "monthly_installment": decision.monthly_installment,
        "installment_method": decision.installment_method.value,
        "reasons": [reason.value for reason in decision.reasons],
        "counter_offer": decision.counter_offer,
    }


def _exact(number: Decimal | Fraction | int) -> str:
    return f"{number:f}" if isinstance(number, Decimal) else str(number)
