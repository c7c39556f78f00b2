"""Lending by what a customer owes and pays elsewhere, and by arrears here: the gates that a policy need not have."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.decision import Borrower, Decision, DecisionReason, LoanRequest, decide
from almeno_grpc.domain.gates import Gate, gates_of
from almeno_grpc.domain.outside_credit import OutsideCredit
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition

TODAY = date(2026, 12, 15)
RUPEE = 100
LAKH = 100_000 * RUPEE
INCOME, LIMIT = 85_000 * RUPEE, 31 * LAKH
# A loan of ₹5,00,000 at 10.5 % over 60 months, as most of these customers have one.
OWN_EMI = 1_074_695
ONE_LOAN = CreditPosition(
    loan_count=1, active_loan_count=1, approved_volume=5 * LAKH, current_debt=3 * LAKH, monthly_obligation=OWN_EMI
)
NON_PERFORMING = ONE_LOAN._replace(days_past_due=187, asset_class=AssetClass.NON_PERFORMING)
ON_CONDUCT = tuple(DecisionReason)[5:]


def decision_on(
    policy: Policy,
    position: CreditPosition = ONE_LOAN,
    outside: OutsideCredit | None = None,
    *,
    amount: int = LAKH,
    rate: str = "10.5",
    months: int = 60,
) -> Decision:
    asked = LoanRequest(7, amount, Decimal(rate), months, outside=outside)
    return decide(asked, Borrower(INCOME, LIMIT, position), policy, TODAY)


def with_gates(policy: Policy, **gates: Any) -> Policy:
    return replace(policy, gates=replace(policy.gates, **gates))


def test_customer_187_days_past_due_is_lent_to_under_2026_01_and_not_under_2026_12(
    policy: Policy, policy_2026_12: Policy
) -> None:
    """24 instalments paid on time and none of the seven since."""
    late = NON_PERFORMING._replace(emis_due=31, emis_paid_on_time=24)
    before = decision_on(policy, late, amount=5 * LAKH)
    assert (before.approved, before.credit_score, before.corrected_interest_rate) == (True, 75, Decimal("10.5"))
    after = decision_on(policy_2026_12, late, amount=5 * LAKH)
    assert after.credit_score == 75
    assert after.reasons == (DecisionReason.CUSTOMER_PAST_DUE, DecisionReason.CUSTOMER_NON_PERFORMING)
    assert after.message == "Declined: an instalment is too long past due; the customer is non-performing."


def test_policy_2026_12_is_2026_01_with_three_gates_more(policy: Policy, policy_2026_12: Policy) -> None:
    assert (policy_2026_12.version, policy_2026_12.effective_date) == ("2026-12", date(2026, 12, 1))
    three = {"max_days_past_due": 29, "non_performing_declines": True, "outside_obligations_count": True}
    assert policy_2026_12.gates == replace(policy.gates, **three)
    alike = ("on_time_payments", "past_loans", "current_year_activity", "approved_volume")
    # The tables of points compare by identity.
    assert [repr(getattr(policy_2026_12, name)) for name in alike] == [repr(getattr(policy, name)) for name in alike]
    same = ("bands", "rounding", "installment_method", "debt_above_limit_scores_zero", "volume_points_without_loans")
    assert [getattr(policy_2026_12, name) for name in same] == [getattr(policy, name) for name in same]


@pytest.mark.parametrize(
    ("most", "days", "asset_class", "passes"),
    [
        pytest.param(0, 0, AssetClass.SMA_0, True, id="an instalment due today and unpaid"),
        pytest.param(0, 1, AssetClass.SMA_0, False, id="an instalment due yesterday and unpaid"),
        (29, 29, AssetClass.SMA_0, True),
        (29, 30, AssetClass.SMA_1, False),
        (None, 4_000, AssetClass.NON_PERFORMING, True),
    ],
)
def test_days_past_due_up_to_the_most_pass_and_a_day_more_declines(
    policy: Policy, most: int | None, days: int, asset_class: AssetClass, *, passes: bool
) -> None:
    position = ONE_LOAN._replace(days_past_due=days, asset_class=asset_class)
    decision = decision_on(with_gates(policy, max_days_past_due=most), position)
    assert decision.reasons == (() if passes else (DecisionReason.CUSTOMER_PAST_DUE,))


@pytest.mark.parametrize("asset_class", AssetClass)
def test_non_performing_customer_is_declined_however_few_days_are_past_due(
    policy: Policy, asset_class: AssetClass
) -> None:
    position = ONE_LOAN._replace(days_past_due=1, asset_class=asset_class)
    declining = decision_on(with_gates(policy, non_performing_declines=True), position)
    is_declined = asset_class is AssetClass.NON_PERFORMING
    assert declining.reasons == ((DecisionReason.CUSTOMER_NON_PERFORMING,) if is_declined else ())
    assert decision_on(policy, position).approved


# Of ₹85,000 instalments may take ₹42,500: here ₹10,746.95, elsewhere ₹25,000, for the new loan ₹6,753.05.
@pytest.mark.parametrize(
    ("own", "elsewhere", "new", "counts", "passes"),
    [
        (OWN_EMI, 25_000_00, 6_753_05, True, True),
        (OWN_EMI, 25_000_01, 6_753_05, True, False),
        (OWN_EMI, 25_000_00, 6_753_06, True, False),
        (OWN_EMI + 1, 25_000_00, 6_753_05, True, False),
        (OWN_EMI, 25_000_01, 6_753_05, False, True),
        (0, 100_00_00_000_00, 6_753_05, False, True),
        (0, 42_500_00 - 6_753_05, 6_753_05, True, True),
        (OWN_EMI, None, 42_500_00 - OWN_EMI, True, True),
        (OWN_EMI, None, 42_500_00 - OWN_EMI + 1, True, False),
    ],
)
def test_instalments_here_elsewhere_and_new_pass_up_to_exactly_the_share(
    policy: Policy, own: int, elsewhere: int | None, new: int, *, counts: bool, passes: bool
) -> None:
    outside = None if elsewhere is None else OutsideCredit(elsewhere)
    counting = with_gates(policy, outside_obligations_count=counts)
    # At 0 % over 20 months the instalment is the twentieth part, to the paisa.
    decision = decision_on(
        counting, ONE_LOAN._replace(monthly_obligation=own), outside, amount=20 * new, rate="0", months=20
    )
    assert decision.monthly_installment == new
    assert decision.reasons == (() if passes else (DecisionReason.EMI_BURDEN_TOO_HIGH,))


def test_counter_offer_leaves_room_for_instalments_elsewhere(policy_2026_12: Policy) -> None:
    declined = decision_on(policy_2026_12, outside=OutsideCredit(25_000_00), amount=2 * LAKH, rate="0", months=20)
    assert declined.reasons == (DecisionReason.EMI_BURDEN_TOO_HIGH,)
    assert declined.counter_offer == 20 * 6_753_05
    assert decision_on(policy_2026_12, outside=OutsideCredit(42_500_00 - OWN_EMI)).counter_offer is None


# A gate that declines, with what it declines.
DECLINING = [
    ({"max_days_past_due": 29}, NON_PERFORMING, None, DecisionReason.CUSTOMER_PAST_DUE),
    ({"non_performing_declines": True}, NON_PERFORMING, None, DecisionReason.CUSTOMER_NON_PERFORMING),
    ({"min_bureau_score": 650}, ONE_LOAN, OutsideCredit(bureau_score=649), DecisionReason.BUREAU_SCORE_TOO_LOW),
    ({"bureau_report_required": True}, ONE_LOAN, None, DecisionReason.BUREAU_REPORT_MISSING),
    (
        {"max_bureau_report_age_days": 30},
        ONE_LOAN,
        OutsideCredit(report_date=date(2026, 11, 14)),
        DecisionReason.BUREAU_REPORT_TOO_OLD,
    ),
]


@pytest.mark.parametrize(("gates", "position", "outside", "reason"), DECLINING)
def test_where_conduct_declines_no_amount_is_offered(
    policy: Policy, gates: dict, position: CreditPosition, outside: OutsideCredit | None, reason: DecisionReason
) -> None:
    strict = with_gates(policy, **gates)
    declined = decision_on(strict, position, outside)
    assert (declined.reasons, declined.counter_offer) == ((reason,), None)
    too_much = decision_on(strict, position, outside, amount=40 * LAKH)
    assert (reason in too_much.reasons, too_much.counter_offer) == (True, None)
    assert decision_on(policy, position, outside, amount=40 * LAKH).counter_offer is not None


@pytest.mark.parametrize(
    ("outside", "reasons"),
    [
        pytest.param(None, ["BUREAU_REPORT_MISSING"], id="nothing stated"),
        pytest.param(OutsideCredit(25_000_00), ["BUREAU_REPORT_MISSING"], id="obligations alone are no report"),
        pytest.param(OutsideCredit(0, 650, date(2026, 11, 15)), [], id="everything just so"),
        pytest.param(OutsideCredit(0, 649, date(2026, 11, 15)), ["BUREAU_SCORE_TOO_LOW"], id="a point less"),
        pytest.param(OutsideCredit(0, 650, date(2026, 11, 14)), ["BUREAU_REPORT_TOO_OLD"], id="a day older"),
        pytest.param(OutsideCredit(0, 650, TODAY), [], id="of today"),
        pytest.param(OutsideCredit(0, None, TODAY), [], id="a missing score passes"),
        pytest.param(OutsideCredit(0, 650, None), ["BUREAU_REPORT_TOO_OLD"], id="without a date"),
        pytest.param(
            OutsideCredit(0, 300, None), ["BUREAU_SCORE_TOO_LOW", "BUREAU_REPORT_TOO_OLD"], id="both, in order"
        ),
    ],
)
def test_bureau_report_is_judged_by_score_presence_and_age(
    policy: Policy, outside: OutsideCredit | None, reasons: list[str]
) -> None:
    gates = {"min_bureau_score": 650, "bureau_report_required": True, "max_bureau_report_age_days": 30}
    assert decision_on(with_gates(policy, **gates), outside=outside).reasons == tuple(map(DecisionReason, reasons))


def test_report_has_neither_to_be_there_nor_to_have_a_date_unless_the_policy_says_so(policy: Policy) -> None:
    aged = with_gates(policy, max_bureau_report_age_days=30)
    assert decision_on(aged).approved
    assert decision_on(aged, outside=OutsideCredit(25_000_00)).approved
    required = with_gates(policy, bureau_report_required=True)
    assert decision_on(required, outside=OutsideCredit(bureau_score=300)).approved
    assert decision_on(required, outside=OutsideCredit(report_date=date(2001, 1, 1))).approved


def test_without_such_gates_conduct_changes_nothing(policy: Policy) -> None:
    worst = OutsideCredit(100_00_00_000_00, 300, date(2001, 1, 1))
    late = decision_on(policy, NON_PERFORMING, worst)
    assert late._replace(request=late.request._replace(outside=None)) == decision_on(policy, NON_PERFORMING)
    assert (late.approved, gates_of(late, policy)) == (True, gates_of(decision_on(policy), policy))


def test_every_reason_of_conduct_stands_behind_the_others_with_its_cause(policy: Policy) -> None:
    gates = {
        "max_days_past_due": 29,
        "non_performing_declines": True,
        "min_bureau_score": 650,
        "max_bureau_report_age_days": 30,
    }
    outside = OutsideCredit(bureau_score=649, report_date=date(2026, 11, 14))
    decision = decision_on(with_gates(policy, **gates), NON_PERFORMING, outside, amount=40 * LAKH)
    assert decision.reasons == (
        DecisionReason.LOAN_EXCEEDS_LIMIT,
        DecisionReason.EMI_BURDEN_TOO_HIGH,
        *(reason for reason in ON_CONDUCT if reason is not DecisionReason.BUREAU_REPORT_MISSING),
    )
    assert decision.message == (
        "Declined: current debt and the new loan together exceed the approved limit; the instalments would take too "
        "large a share of the monthly income; an instalment is too long past due; the customer is non-performing; the "
        "bureau score is too low; the bureau report is too old."
    )
    missing = decision_on(with_gates(policy, bureau_report_required=True))
    assert missing.message == "Declined: there is no bureau report."


def gates_on_conduct(policy: Policy, position: CreditPosition, outside: OutsideCredit | None) -> list[Gate]:
    return [gate for gate in gates_of(decision_on(policy, position, outside), policy) if gate.reason in ON_CONDUCT]


@pytest.mark.parametrize(
    ("position", "outside", "observed"),
    [
        (
            NON_PERFORMING,
            OutsideCredit(0, 649, date(2026, 11, 14)),
            [
                ("187 days past due", False),
                ("asset class non-performing", False),
                ("bureau score 649", False),
                ("a bureau report", True),
                ("bureau report of 2026-11-14, 31 days old", False),
            ],
        ),
        (
            ONE_LOAN._replace(days_past_due=1, asset_class=AssetClass.SMA_0),
            OutsideCredit(0, 650, date(2026, 12, 14)),
            [
                ("1 day past due", True),
                ("asset class SMA-0", True),
                ("bureau score 650", True),
                ("a bureau report", True),
                ("bureau report of 2026-12-14, 1 day old", True),
            ],
        ),
        (
            ONE_LOAN,
            None,
            [
                ("0 days past due", True),
                ("asset class standard", True),
                ("no bureau score", True),
                ("no bureau report", False),
                ("no bureau report", True),
            ],
        ),
        (
            ONE_LOAN,
            OutsideCredit(bureau_score=650),
            [
                ("0 days past due", True),
                ("asset class standard", True),
                ("bureau score 650", True),
                ("a bureau report", True),
                ("bureau report without a date", False),
            ],
        ),
    ],
)
def test_every_gate_on_conduct_says_what_was_compared(
    policy: Policy, position: CreditPosition, outside: OutsideCredit | None, observed: list[tuple[str, bool]]
) -> None:
    strict = with_gates(
        policy,
        max_days_past_due=29,
        non_performing_declines=True,
        min_bureau_score=650,
        bureau_report_required=True,
        max_bureau_report_age_days=30,
    )
    allowed = [
        "at most 29 days",
        "any but non-performing",
        "at least 650, or none",
        "a bureau report",
        "at most 30 days old",
    ]
    gates = gates_on_conduct(strict, position, outside)
    assert gates == [
        Gate(reason, passed, text, limit)
        for reason, (text, passed), limit in zip(ON_CONDUCT, observed, allowed, strict=True)
    ]


@pytest.mark.parametrize(("gates", "position", "outside", "reason"), DECLINING)
def test_gate_on_conduct_stands_only_where_the_policy_has_it(
    policy: Policy, gates: dict, position: CreditPosition, outside: OutsideCredit | None, reason: DecisionReason
) -> None:
    assert gates_on_conduct(policy, position, outside) == []
    assert [gate.reason for gate in gates_on_conduct(with_gates(policy, **gates), position, outside)] == [reason]


def test_gate_of_the_instalments_says_that_those_elsewhere_count(policy: Policy, policy_2026_12: Policy) -> None:
    def burden(under: Policy, outside: OutsideCredit | None) -> str:
        decision = decision_on(under, outside=outside, amount=20 * 6_753_05, rate="0", months=20)
        gates = gates_of(decision, under)
        return next(gate.observed for gate in gates if gate.reason is DecisionReason.EMI_BURDEN_TOO_HIGH)

    elsewhere = OutsideCredit(25_000_00)
    assert burden(policy, elsewhere) == "instalments with the new one ₹17,500 a month"
    both = "instalments with the new one and with those to other lenders"
    assert burden(policy_2026_12, elsewhere) == f"{both} ₹42,500 a month"
    assert burden(policy_2026_12, None) == f"{both} ₹17,500 a month"
