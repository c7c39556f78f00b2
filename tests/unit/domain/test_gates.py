"""The gates of a decision, in words."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from almeno_grpc.domain.decision import Borrower, DecisionReason, LoanRequest, decide
from almeno_grpc.domain.gates import Gate, gates_of
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition

TODAY = date(2026, 6, 30)
RUPEE = 100
LAKH = 100_000 * RUPEE


def gates_on(
    policy: Policy,
    *,
    amount: int = LAKH,
    max_rate: str | None = None,
    income: int = 20_000 * RUPEE,
    limit: int = 10 * LAKH,
    **position: int,
) -> tuple[Gate, ...]:
    """The gates of a loan at 12 % over 12 months, whose instalment for a lakh is ₹8,884.88."""
    asked = LoanRequest(7, amount, Decimal(12), 12, None if max_rate is None else Decimal(max_rate))
    return gates_of(decide(asked, Borrower(income, limit, CreditPosition(**position)), policy, TODAY), policy)


def test_every_gate_has_the_values_compared_in_the_order_of_the_reasons(policy: Policy) -> None:
    assert gates_on(policy, max_rate="12.5", current_debt=25_000_050, monthly_obligation=111_512) == (
        Gate(DecisionReason.DEBT_EXCEEDS_LIMIT, True, "current debt ₹2,50,000.50", "approved limit ₹10,00,000"),
        Gate(DecisionReason.CREDIT_SCORE_TOO_LOW, True, "55", "above 10"),
        Gate(
            DecisionReason.LOAN_EXCEEDS_LIMIT,
            True,
            "current debt ₹2,50,000.50 and the new loan ₹1,00,000",
            "approved limit ₹10,00,000",
        ),
        Gate(
            DecisionReason.EMI_BURDEN_TOO_HIGH,
            True,
            "instalments with the new one ₹10,000 a month",
            "₹10,000, 50 % of the monthly income ₹20,000",
        ),
        Gate(DecisionReason.RATE_ABOVE_MAXIMUM, True, "12 % a year", "at most 12.5 % a year"),
    )


@pytest.mark.parametrize(
    ("values", "failed"),
    [
        ({}, set()),
        ({"current_debt": 9 * LAKH}, set()),
        ({"current_debt": 9 * LAKH + 1}, {DecisionReason.LOAN_EXCEEDS_LIMIT}),
        (
            {"current_debt": 10 * LAKH + 1},
            {
                DecisionReason.DEBT_EXCEEDS_LIMIT,
                DecisionReason.CREDIT_SCORE_TOO_LOW,
                DecisionReason.LOAN_EXCEEDS_LIMIT,
            },
        ),
        ({"income": 17_769_76}, set()),
        ({"income": 17_769_75}, {DecisionReason.EMI_BURDEN_TOO_HIGH}),
        ({"max_rate": "12"}, set()),
        ({"max_rate": "11.9999"}, {DecisionReason.RATE_ABOVE_MAXIMUM}),
    ],
)
def test_gate_that_was_not_passed_gives_its_reason_and_no_other_does(
    policy: Policy, values: dict, failed: set[DecisionReason]
) -> None:
    gates = gates_on(policy, **values)
    assert {gate.reason for gate in gates if not gate.passed} == failed


def test_rule_that_the_policy_does_not_have_is_left_out(policy: Policy) -> None:
    lenient = replace(policy, gates=replace(policy.gates, debt_within_limit=False, new_loan_within_limit=False))
    reasons = [gate.reason for gate in gates_on(lenient, current_debt=20 * LAKH)]
    assert reasons == [DecisionReason.CREDIT_SCORE_TOO_LOW, DecisionReason.EMI_BURDEN_TOO_HIGH]


def test_gate_of_the_instalments_names_the_policys_share_and_whether_the_new_one_counts(policy: Policy) -> None:
    third = replace(policy.gates, max_emi_share_of_income=Fraction("0.333333"), new_emi_counts=False)
    gate = gates_on(replace(policy, gates=third), monthly_obligation=500_000, income=1_500_001)[-1]
    assert gate == Gate(
        DecisionReason.EMI_BURDEN_TOO_HIGH,
        False,
        "instalments without the new one ₹5,000 a month",
        "₹4,999.99, 33.3333 % of the monthly income ₹15,000.01",
    )
