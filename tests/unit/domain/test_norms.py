"""Provisioning norms: files, categories and provisions."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.errors import NoPolicyInEffect
from almeno_grpc.domain.norms import Norms, ProvisionCategory, norms_in_effect, provision
from almeno_grpc.domain.norms_file import parse_norms
from almeno_grpc.domain.rule_file import RuleFileError

STANDARD, SUB_STANDARD, DOUBTFUL = ProvisionCategory


def test_norms_of_the_package_are_those_of_the_contract(norms: Norms) -> None:
    assert (norms.version, norms.effective_date, norms.doubtful_after_months) == ("2026-12", date(1970, 1, 1), 12)
    assert [norms.percent(category) for category in ProvisionCategory] == [Decimal("0.4"), Decimal(10), Decimal(100)]


@pytest.mark.parametrize(
    ("asset_class", "since", "on", "expected"),
    [
        *((each, None, date(2027, 5, 15), STANDARD) for each in AssetClass if each is not AssetClass.NON_PERFORMING),
        (AssetClass.NON_PERFORMING, date(2027, 5, 16), date(2027, 5, 16), SUB_STANDARD),
        (AssetClass.NON_PERFORMING, date(2027, 5, 16), date(2028, 5, 15), SUB_STANDARD),
        (AssetClass.NON_PERFORMING, date(2027, 5, 16), date(2028, 5, 16), DOUBTFUL),
        (AssetClass.NON_PERFORMING, date(2027, 5, 16), date(2031, 1, 1), DOUBTFUL),
        (AssetClass.NON_PERFORMING, date(2028, 2, 29), date(2029, 2, 27), SUB_STANDARD),
        (AssetClass.NON_PERFORMING, date(2028, 2, 29), date(2029, 2, 28), DOUBTFUL),
        (AssetClass.NON_PERFORMING, date(9999, 6, 1), date(9999, 12, 31), SUB_STANDARD),
    ],
)
def test_non_performing_loan_is_doubtful_after_its_months(
    norms: Norms, asset_class: AssetClass, since: date | None, on: date, expected: ProvisionCategory
) -> None:
    assert norms.category(asset_class, since, on) is expected


@pytest.mark.parametrize(
    ("principal", "percent", "expected"),
    [
        (0, "100", 0),
        (124, "0.40", 0),
        (125, "0.40", 1),
        (50_000_000, "0.40", 200_000),
        (41_974_733, "10", 4_197_473),
        (45, "10", 5),
        (100_000_000_000, "100", 100_000_000_000),
        (33_333, "0.0015", 0),
        (33_334, "0.0015", 1),
    ],
)
def test_provision_is_rounded_once_halves_up(principal: int, percent: str, expected: int) -> None:
    assert provision(principal, Decimal(percent)) == expected


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"0.40"', "0.40", "provision.standard_percent must be a number written as text"),
        ('"0.40"', '"0.00001"', "provision.standard_percent must be 0 to 100 with at most four decimals"),
        ('"100"', '"101"', "provision.doubtful_percent must be 0 to 100"),
        ('"0.40"', '"11"', "provision.sub_standard_percent must not be below standard_percent"),
        ('"100"', '"9"', "provision.doubtful_percent must not be below sub_standard_percent"),
        ("months = 12", "months = 0", "provision.doubtful_after_months must be a whole number from 1 to 600"),
        ("doubtful_after_months = 12", "", "provision.doubtful_after_months is missing"),
        ("[provision]", "[provision]\nloss_percent = '100'", "provision.loss_percent is not a key"),
        ('version = "2026-12"', 'version = "2026-12"\nextra = 1', "extra is not a key"),
        ("1970-01-01", "'1970'", "effective_date must be a date"),
        ("[provision]", "[provision", "not a TOML file"),
    ],
)
def test_file_that_is_not_sound_is_refused_with_the_key_at_fault(
    norms_file: str, old: str, new: str, complaint: str
) -> None:
    assert old in norms_file
    with pytest.raises(RuleFileError) as caught:
        parse_norms(norms_file.replace(old, new, 1).encode())
    assert complaint in str(caught.value)


def test_newest_norms_in_effect_hold_and_of_one_day_the_larger_version(norms: Norms) -> None:
    days = {"a": date(2026, 1, 1), "c": date(2027, 1, 1), "b": date(2027, 1, 1)}
    dated = [replace(norms, version=version, effective_date=day) for version, day in days.items()]
    assert norms_in_effect(dated, date(2026, 12, 31)).version == "a"
    assert norms_in_effect(dated, date(2027, 1, 1)).version == "c"
    with pytest.raises(NoPolicyInEffect, match="2025-12-31"):
        norms_in_effect(dated, date(2025, 12, 31))
