from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.money import Rounding
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.domain.scoring import credit_score

LIMIT = 100_000_000


@st.composite
def positions(draw: st.DrawFn) -> CreditPosition:
    count = draw(st.integers(0, 10))
    due = draw(st.integers(0, 500)) if count else 0
    return CreditPosition(
        loan_count=count,
        loans_this_year=draw(st.integers(0, count)),
        approved_volume=draw(st.integers(100_000, 2 * LIMIT)) if count else 0,
        current_debt=draw(st.integers(0, 2 * LIMIT)) if count else 0,
        emis_due=due,
        emis_paid_on_time=draw(st.integers(0, due)),
    )


def points(policy: Policy, name: str, position: CreditPosition, limit: int = LIMIT) -> Fraction:
    return next(part.points for part in credit_score(position, limit, policy).components if part.name == name)


def score_by_the_contract(position: CreditPosition, limit: int) -> int:
    """The table of the contract, read out loud, in decimals of 28 digits."""
    if position.current_debt > limit:
        return 0
    if position.emis_due == 0:
        total = Decimal(25)
    elif position.emis_paid_on_time * 100 >= 95 * position.emis_due:
        total = Decimal(50)
    elif position.emis_paid_on_time * 100 <= 60 * position.emis_due:
        total = Decimal(0)
    else:
        # 50 × (on_time/due − 0.60)/0.35 with one division only, so that a half stays a half.
        total = Decimal(5000 * position.emis_paid_on_time - 3000 * position.emis_due) / (35 * position.emis_due)
    total += [5, 15, 15, 10, 10, 5, 5, 0][min(7, position.loan_count)]
    total += [15, 10, 5, 0][min(3, position.loans_this_year)]
    if position.loan_count == 0:
        total += 10
    else:
        quarters = [position.approved_volume * 4 <= limit * number for number in (1, 2, 3, 4)]
        total += 5 * sum(quarters)
    return int(total.quantize(Decimal(1), ROUND_HALF_UP))


def test_new_customer_scores_55(policy: Policy) -> None:
    score = credit_score(CreditPosition(), LIMIT, policy)
    assert score.score == 55
    assert [(part.name, part.points, part.max_points, part.observed) for part in score.components] == [
        ("on_time_payments", 25, 50, "0/0"),
        ("past_loans", 5, 15, "0"),
        ("current_year_activity", 15, 15, "0"),
        ("approved_volume", 10, 20, "no loan yet"),
    ]


def test_best_customer_scores_100(policy: Policy) -> None:
    position = CreditPosition(loan_count=2, approved_volume=LIMIT // 4, emis_due=36, emis_paid_on_time=36)
    score = credit_score(position, LIMIT, policy)
    assert score.score == 100
    assert [part.points for part in score.components] == [part.max_points for part in score.components]
    assert [part.observed for part in score.components] == ["36/36", "2", "0", "0.2500"]


@pytest.mark.parametrize(
    ("on_time", "due", "expected"),
    [
        (0, 0, Fraction(25)),
        (0, 1, Fraction(0)),
        (1, 1, Fraction(50)),
        (60, 100, Fraction(0)),
        (59, 100, Fraction(0)),
        (61, 100, Fraction(10, 7)),
        (775, 1000, Fraction(25)),
        (94, 100, Fraction(340, 7)),
        (95, 100, Fraction(50)),
        (96, 100, Fraction(50)),
        (2, 3, Fraction(200, 21)),
    ],
)
def test_points_for_payments_on_time_grow_from_60_to_95_per_cent(
    policy: Policy, on_time: int, due: int, expected: Fraction
) -> None:
    position = CreditPosition(loan_count=1, approved_volume=1, emis_due=due, emis_paid_on_time=on_time)
    assert points(policy, "on_time_payments", position) == expected


@pytest.mark.parametrize(
    ("loans", "expected"), [(0, 5), (1, 15), (2, 15), (3, 10), (4, 10), (5, 5), (6, 5), (7, 0), (8, 0), (1000, 0)]
)
def test_points_for_past_loans(policy: Policy, loans: int, expected: int) -> None:
    assert points(policy, "past_loans", CreditPosition(loan_count=loans)) == expected


@pytest.mark.parametrize(("loans", "expected"), [(0, 15), (1, 10), (2, 5), (3, 0), (4, 0)])
def test_points_for_loans_of_this_year(policy: Policy, loans: int, expected: int) -> None:
    assert points(policy, "current_year_activity", CreditPosition(loan_count=4, loans_this_year=loans)) == expected


@pytest.mark.parametrize(
    ("volume", "expected", "observed"),
    [
        (1, 20, "0.0000"),
        (25_000_000, 20, "0.2500"),
        (25_000_001, 15, "0.2500"),
        (50_000_000, 15, "0.5000"),
        (50_000_001, 10, "0.5000"),
        (75_000_000, 10, "0.7500"),
        (75_000_001, 5, "0.7500"),
        (100_000_000, 5, "1.0000"),
        (100_000_001, 0, "1.0000"),
        (234_567_890, 0, "2.3457"),
    ],
)
def test_points_for_the_volume_taken_of_the_limit(policy: Policy, volume: int, expected: int, observed: str) -> None:
    score = credit_score(CreditPosition(loan_count=1, approved_volume=volume), LIMIT, policy)
    part = score.components[3]
    assert (part.name, part.points, part.observed) == ("approved_volume", expected, observed)


@pytest.mark.parametrize(("loans", "expected", "observed"), [(0, 10, "no loan yet"), (1, 0, "above a limit of 0")])
def test_limit_of_nothing_is_exceeded_by_any_loan(policy: Policy, loans: int, expected: int, observed: str) -> None:
    position = CreditPosition(loan_count=loans, approved_volume=100_000 * loans)
    part = credit_score(position, 0, policy).components[3]
    assert (part.points, part.observed) == (expected, observed)


@pytest.mark.parametrize(
    ("on_time", "due", "score"),
    [(6034, 10_000, 50), (6035, 10_000, 51), (607, 1_000, 51), (6104, 10_000, 51), (6105, 10_000, 52)],
)
def test_sum_of_the_points_is_rounded_once_halves_up(policy: Policy, on_time: int, due: int, score: int) -> None:
    """One loan of an earlier year within a quarter of the limit scores 50 besides its payments."""
    position = CreditPosition(loan_count=1, approved_volume=LIMIT // 4, emis_due=due, emis_paid_on_time=on_time)
    assert credit_score(position, LIMIT, policy).score == score


@pytest.mark.parametrize(
    ("rounding", "scores"),
    [
        (Rounding.HALF_UP, [50, 50, 51, 51, 51, 52]),
        (Rounding.HALF_EVEN, [50, 50, 50, 51, 51, 52]),
        (Rounding.UP, [50, 51, 51, 51, 51, 52]),
        (Rounding.DOWN, [50, 50, 50, 50, 51, 51]),
    ],
)
def test_sum_of_the_points_is_rounded_as_the_policy_says(policy: Policy, rounding: Rounding, scores: list[int]) -> None:
    """50 points and 0, 0.49, 0.5, 0.51, 1 and 1.5 for payments: a loan within a quarter of the limit has the 50."""
    rounding_so = replace(policy, rounding=replace(policy.rounding, score=rounding))
    found = [
        credit_score(
            CreditPosition(loan_count=1, approved_volume=LIMIT // 4, emis_due=100_000, emis_paid_on_time=on_time),
            LIMIT,
            rounding_so,
        ).score
        for on_time in (60_000, 60_343, 60_350, 60_357, 60_700, 61_050)
    ]
    assert found == scores


@pytest.mark.parametrize(("debt", "score"), [(LIMIT - 1, 50), (LIMIT, 50), (LIMIT + 1, 0)])
def test_debt_above_the_limit_scores_nothing_and_debt_exactly_at_it_counts(
    policy: Policy, debt: int, score: int
) -> None:
    position = CreditPosition(loan_count=1, approved_volume=LIMIT // 4, emis_due=1, current_debt=debt)
    found = credit_score(position, LIMIT, policy)
    assert found.score == score
    assert sum(part.points for part in found.components) == 50


def test_policy_may_leave_debt_out_of_the_score(policy: Policy) -> None:
    lenient = replace(policy, debt_above_limit_scores_zero=False)
    position = CreditPosition(loan_count=1, approved_volume=LIMIT // 4, emis_due=1, current_debt=LIMIT + 1)
    assert credit_score(position, LIMIT, lenient).score == 50


@given(positions(), st.sampled_from([0, 1, LIMIT // 3, LIMIT, 3 * LIMIT]))
def test_score_is_the_sum_of_the_table_from_0_to_100(policy: Policy, position: CreditPosition, limit: int) -> None:
    score = credit_score(position, limit, policy)
    assert score.score == score_by_the_contract(position, limit)
    assert 0 <= score.score <= 100
    assert all(0 <= part.points <= part.max_points for part in score.components)


@given(positions(), st.integers(1, 100))
def test_one_more_payment_on_time_never_lowers_the_score(policy: Policy, position: CreditPosition, more: int) -> None:
    better = position._replace(emis_paid_on_time=min(position.emis_due, position.emis_paid_on_time + more))
    assert credit_score(better, LIMIT, policy).score >= credit_score(position, LIMIT, policy).score


def test_policies_score_by_their_own_tables_whatever_was_scored_before(policy: Policy) -> None:
    """With the same counts under each, so that what one policy gave would be at hand for the other."""
    payments = replace(policy.on_time_payments, while_nothing_was_due=1, min_share=Fraction(0))
    steps = tuple(replace(step, points=1) for step in policy.past_loans.steps)
    other = replace(policy, on_time_payments=payments, past_loans=replace(policy.past_loans, steps=steps))
    position = CreditPosition(loan_count=1, loans_this_year=1, emis_due=20, emis_paid_on_time=12)
    for _ in range(2):
        assert [part.points for part in credit_score(position, LIMIT, policy).components] == [0, 15, 10, 20]
        found = [part.points for part in credit_score(position, LIMIT, other).components]
        assert found == [Fraction(600, 19), 1, 10, 20]
        assert points(other, "on_time_payments", CreditPosition()) == 1
        assert points(policy, "on_time_payments", CreditPosition()) == 25
