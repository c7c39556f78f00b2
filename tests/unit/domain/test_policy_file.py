import hashlib
from dataclasses import astuple, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.money import Rounding
from almeno_grpc.domain.policy import Band, Gates, PolicyRounding, Step
from almeno_grpc.domain.policy_file import parse_policy
from almeno_grpc.domain.rule_file import RuleFileError


def test_default_policy_says_what_the_contract_says(policy_file: str) -> None:
    policy = parse_policy(policy_file.encode())
    assert (policy.version, policy.effective_date) == ("2026-01", date(1970, 1, 1))
    assert policy.sha256 == hashlib.sha256(policy_file.encode()).hexdigest()
    assert astuple(policy.on_time_payments) == (50, Fraction(60, 100), Fraction(95, 100), 25)
    assert policy.past_loans.steps == (
        Step(Fraction(0), 5),
        Step(Fraction(2), 15),
        Step(Fraction(4), 10),
        Step(Fraction(6), 5),
        Step(None, 0),
    )
    assert policy.current_year_activity.steps == (
        Step(Fraction(0), 15),
        Step(Fraction(1), 10),
        Step(Fraction(2), 5),
        Step(None, 0),
    )
    assert policy.approved_volume.steps == (
        Step(Fraction(1, 4), 20),
        Step(Fraction(1, 2), 15),
        Step(Fraction(3, 4), 10),
        Step(Fraction(1), 5),
        Step(None, 0),
    )
    parts = (policy.on_time_payments, policy.past_loans, policy.current_year_activity, policy.approved_volume)
    assert [part.max_points for part in parts] == [50, 15, 15, 20]
    assert policy.volume_points_without_loans == 10
    assert policy.debt_above_limit_scores_zero is True
    assert policy.bands == (Band(50, Decimal(0)), Band(30, Decimal(12)), Band(10, Decimal(16)))
    assert policy.gates == Gates(
        debt_within_limit=True,
        new_loan_within_limit=True,
        max_emi_share_of_income=Fraction(1, 2),
        new_emi_counts=True,
    )
    assert policy.installment_method is InstallmentMethod.REDUCING_BALANCE
    assert policy.rounding == PolicyRounding(score=Rounding.HALF_UP, installment=Rounding.HALF_UP)


def test_policy_need_not_have_the_gates_on_conduct_and_may_have_each(policy_file: str) -> None:
    gates = parse_policy(policy_file.encode()).gates
    assert not gates.has_conduct_gates
    keys: dict[str, int | bool] = {
        "outside_obligations_count": True,
        "max_days_past_due": 0,
        "non_performing_declines": True,
        "min_bureau_score": 300,
        "bureau_report_required": True,
        "max_bureau_report_age_days": 36_500,
    }
    for key, value in keys.items():
        line = f"\n{key} = {str(value).lower()}"
        found = parse_policy(
            policy_file.replace("new_emi_counts = true", f"new_emi_counts = true{line}").encode()
        ).gates
        assert found == replace(gates, **{key: value})
        assert found.has_conduct_gates is (key != "outside_obligations_count")


def test_policy_keeps_its_file_to_the_byte(policy_file: str) -> None:
    text = policy_file.replace("\n", "\r\n") + "# नीति\r\n"
    assert parse_policy(text.encode()).toml == text


def test_files_of_other_bytes_have_other_hashes(policy_file: str) -> None:
    assert parse_policy((policy_file + "\n").encode()).sha256 != parse_policy(policy_file.encode()).sha256


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # Unknown and missing keys.
        ('version = "2026-01"', 'version = "2026-01"\nspeed = 1', "speed is not a key of this file"),
        ("while_nothing_was_due = 25", "while_nothing_was_due = 25\nx = 1", "score.on_time_payments.x is not a key"),
        ("without_loans = 10", "without_loans = 10\nx = 1", "score.approved_volume.x is not a key"),
        ("{ up_to = 4, points = 10 }", "{ up_to = 4, points = 10, x = 1 }", r"score.past_loans.steps\[3\].x is not"),
        ("above_limit_scores_zero = true", "above_limit_scores_zero = true\nx = 1", "score.debt.x is not a key"),
        ("[score.debt]", "[score.wealth]\n[score.debt]", "score.wealth is not a key"),
        ('min_rate = "16"', 'min_rate = "16"\nx = 1', r"bands\[3\].x is not a key"),
        ("new_emi_counts = true", "new_emi_counts = true\nx = 1", "gates.x is not a key"),
        ("[booking]", "[booking]\nx = 1", "booking.x is not a key"),
        ("[rounding]", "[rounding]\nx = 1", "rounding.x is not a key"),
        ('version = "2026-01"', "", "^version is missing"),
        ("effective_date = 1970-01-01", "", "^effective_date is missing"),
        ('min_share = "0.60"', "", "score.on_time_payments.min_share is missing"),
        ("{ up_to = 4, points = 10 }", "{ up_to = 4 }", r"score.past_loans.steps\[3\].points is missing"),
        ("without_loans = 10", "", "score.approved_volume.without_loans is missing"),
        ("above_limit_scores_zero = true", "", "score.debt.above_limit_scores_zero is missing"),
        ("new_emi_counts = true", "", "gates.new_emi_counts is missing"),
        ('[booking]\ninstallment_method = "REDUCING_BALANCE"', "", "^booking is missing"),
        ('score = "HALF_UP"', "", "^rounding.score is missing"),
        ('installment = "HALF_UP"', "", "^rounding.installment is missing"),
        ("up_to = 50\n", "", r"^bands\[2\].up_to is missing"),
        # Wrong types and texts.
        ('version = "2026-01"', "version = 2026", "version must be text of 1 to 64 letters"),
        ('version = "2026-01"', 'version = "../2026"', "version must be text of 1 to 64 letters"),
        ('version = "2026-01"', 'version = ""', "version must be text of 1 to 64 letters"),
        ("effective_date = 1970-01-01", 'effective_date = "1970-01-01"', "effective_date must be a date"),
        ("effective_date = 1970-01-01", "effective_date = 1970-01-01T00:00:00", "effective_date must be a date"),
        (
            "above_limit_scores_zero = true",
            "above_limit_scores_zero = 1",
            "above_limit_scores_zero must be true or fal",
        ),
        ("new_emi_counts = true", 'new_emi_counts = "true"', "gates.new_emi_counts must be true or false"),
        ('"REDUCING_BALANCE"', '"BALLOON"', "must be one of REDUCING_BALANCE, ANNUAL_COMPOUND"),
        ('"REDUCING_BALANCE"', "[]", "must be one of REDUCING_BALANCE, ANNUAL_COMPOUND"),
        ('score = "HALF_UP"', 'score = "half up"', "rounding.score must be one of HALF_UP, HALF_EVEN, UP, DOWN"),
        ('installment = "HALF_UP"', "installment = 2", "rounding.installment must be one of HALF_UP, HALF_EVEN, UP"),
        ("{ points = 0 },\n]", "7,\n]", "score.past_loans.steps must be a list of one or more tables"),
        ("while_nothing_was_due = 25", "while_nothing_was_due = 25.0", "must be a whole number from 0 to 50"),
        ("while_nothing_was_due = 25", "while_nothing_was_due = true", "must be a whole number from 0 to 50"),
        ("max_points = 50", "max_points = true", "max_points must be a whole number from 0 to 100"),
        ("up_to = 4", 'up_to = "4"', "up_to must be a whole number from 0 to 1000000"),
        ("up_to = 4", "up_to = 4.5", "up_to must be a whole number from 0 to 1000000"),
        ('up_to = "0.50"', "up_to = 0.50", "up_to must be a number written as text"),
        ('min_share = "0.60"', "min_share = 0.60", "min_share must be a number written as text"),
        ('min_share = "0.60"', 'min_share = "-0.60"', "min_share must be a number written as text"),
        ('min_share = "0.60"', 'min_share = "1e-1"', "min_share must be a number written as text"),
        (
            'min_share = "0.60"',
            'min_share = "\N{ARABIC-INDIC DIGIT ZERO}.6"',
            "min_share must be a number written as text",
        ),
        ('min_rate = "12"', "min_rate = 12", "min_rate must be a number written as text"),
        # Out of bounds.
        ("while_nothing_was_due = 25", "while_nothing_was_due = 51", "must be a whole number from 0 to 50"),
        ("without_loans = 10", "without_loans = 21", "without_loans must be a whole number from 0 to 20"),
        (
            "{ up_to = 2, points = 15 }",
            "{ up_to = 2, points = 16 }",
            r"steps\[2\].points must be a whole number from 0",
        ),
        (
            "{ up_to = 2, points = 15 }",
            "{ up_to = 2, points = -1 }",
            r"steps\[2\].points must be a whole number from 0",
        ),
        ("up_to = 4", "up_to = -4", "up_to must be a whole number from 0 to 1000000"),
        ("max_points = 50", "max_points = 101", "max_points must be a whole number from 0 to 100"),
        ("above = 50", "above = 100", r"bands\[1\].above must be a whole number from 0 to 99"),
        ("above = 10", "above = -1", r"bands\[3\].above must be a whole number from 0 to 99"),
        ('min_rate = "16"', 'min_rate = "100.0001"', "min_rate must be 0 to 100 with at most four decimals"),
        ('min_rate = "16"', 'min_rate = "16.00001"', "min_rate must be 0 to 100 with at most four decimals"),
        # Out of order.
        ('min_share = "0.60"', 'min_share = "0.95"', "score.on_time_payments.min_share must be below full_share"),
        ("up_to = 4", "up_to = 2", r"score.past_loans.steps\[3\].up_to must be above that of the step before"),
        ("up_to = 4", "up_to = 1", r"score.past_loans.steps\[3\].up_to must be above that of the step before"),
        ('up_to = "0.50"', 'up_to = "0.250"', r"approved_volume.steps\[2\].up_to must be above"),
        ("{ up_to = 4, points = 10 }", "{ points = 10 }", r"past_loans.steps\[3\].up_to: every step but the last ends"),
        ("  { points = 0 },\n]", "]", r"past_loans.steps\[4\].up_to: every step but the last ends"),
        ("above = 30", "above = 50", r"bands\[2\].above must be below up_to"),
        ("above = 30", "above = 60", r"bands\[2\].above must be below up_to"),
        ("up_to = 50", "up_to = 55", r"bands\[2\].up_to overlaps: scores above 50 are in the band before"),
        ("up_to = 50", "up_to = 45", r"up_to leaves a gap: scores above 45 and up to 50 are in no band"),
        ("up_to = 100", "up_to = 99", r"bands\[1\].up_to leaves a gap: scores above 99 and up to 100 are in no band"),
        ("up_to = 100", "up_to = 101", r"bands\[1\].up_to must be a whole number from 0 to 100"),
        ('min_rate = "16"', 'min_rate = "11.99"', r"bands\[3\].min_rate must not be below"),
        # What a policy need not have.
        ("new_emi_counts = true", "new_emi_counts = true\nmax_days_past_due = -1", "whole number from 0 to 36500"),
        ("new_emi_counts = true", "new_emi_counts = true\nmax_days_past_due = 36501", "whole number from 0 to 36500"),
        ("new_emi_counts = true", "new_emi_counts = true\nnon_performing_declines = 1", "must be true or false"),
        ("new_emi_counts = true", "new_emi_counts = true\noutside_obligations_count = 1", "must be true or false"),
        ("new_emi_counts = true", "new_emi_counts = true\nmin_bureau_score = 299", "whole number from 300 to 900"),
        ("new_emi_counts = true", "new_emi_counts = true\nmin_bureau_score = 901", "whole number from 300 to 900"),
        ("new_emi_counts = true", "new_emi_counts = true\nbureau_report_required = 1", "must be true or false"),
        (
            "new_emi_counts = true",
            'new_emi_counts = true\nmax_bureau_report_age_days = "9"',
            "gates.max_bureau_report_age_days must be a whole number from 0 to 36500",
        ),
        # The whole.
        ("max_points = 50", "max_points = 49", "the max_points of the four parts add up to 99 instead of 100"),
        ("max_points = 50", "max_points = 51", "the max_points of the four parts add up to 101 instead of 100"),
    ],
)
def test_policy_that_cannot_be_used_says_where_and_why(policy_file: str, old: str, new: str, message: str) -> None:
    assert old in policy_file
    with pytest.raises(RuleFileError, match=message):
        parse_policy(policy_file.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"PK\x03\x04", id="not text"),
        pytest.param(b"version = ", id="a key without a value"),
        pytest.param(b"version = 1\nversion = 2", id="a key twice"),
        pytest.param(b"effective_date = 2026-02-30", id="a day that does not exist"),
        pytest.param(b"version = " + b"[\n" * 100_000, id="lists without end"),
    ],
)
def test_file_that_is_not_toml_is_refused(content: bytes) -> None:
    with pytest.raises(RuleFileError, match=r"^not a TOML file in UTF-8"):
        parse_policy(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"version = " + b"1" * 5_000, id="a number without end"),
        pytest.param(b".".join([b"a"] * 30_000) + b" = 1", id="a key of parts without end"),
    ],
)
def test_line_without_end_is_refused_before_it_takes_time_to_read(content: bytes) -> None:
    with pytest.raises(RuleFileError, match=r"^a line must have at most 1000 bytes$"):
        parse_policy(content)


def test_longest_line_is_read(policy_file: str) -> None:
    parse_policy(f"{policy_file}\n#{'.' * 999}".encode())


@pytest.mark.parametrize("content", [b"", b"# nothing", b"score = 1", b"score = {}", b"bands = []\n[score]\n[booking]"])
def test_file_without_the_parts_of_a_policy_is_refused(content: bytes) -> None:
    with pytest.raises(RuleFileError, match=r"is missing|must be a table"):
        parse_policy(content)


def test_bands_may_ask_the_same_rate_and_rates_read_plainly(policy_file: str) -> None:
    policy = parse_policy(policy_file.replace('min_rate = "16"', 'min_rate = "12.0"').encode())
    assert [str(band.min_rate) for band in policy.bands] == ["0", "12", "12"]


def test_policy_without_bands_is_refused(policy_file: str) -> None:
    head, rest = policy_file.split("[[bands]]", 1)
    without = "bands = []\n" + head + rest[rest.index("[gates]") :]
    with pytest.raises(RuleFileError, match="bands must be a list of one or more tables"):
        parse_policy(without.encode())


def test_policy_may_book_by_annual_compound(policy_file: str) -> None:
    text = policy_file.replace('"REDUCING_BALANCE"', '"ANNUAL_COMPOUND"')
    assert parse_policy(text.encode()).installment_method is InstallmentMethod.ANNUAL_COMPOUND
