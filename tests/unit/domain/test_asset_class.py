"""The asset class that follows from arrears."""

import pytest

from almeno_grpc.domain.asset_class import AssetClass, asset_class


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (None, AssetClass.STANDARD),
        (0, AssetClass.SMA_0),
        (29, AssetClass.SMA_0),
        (30, AssetClass.SMA_1),
        (59, AssetClass.SMA_1),
        (60, AssetClass.SMA_2),
        (89, AssetClass.SMA_2),
        (90, AssetClass.NON_PERFORMING),
        (10_000, AssetClass.NON_PERFORMING),
    ],
)
def test_class_follows_from_the_days_since_the_oldest_unpaid_due_date(days: int | None, expected: AssetClass) -> None:
    assert asset_class(days) is expected


@pytest.mark.parametrize("days", [0, 30, 89])
def test_what_was_non_performing_stays_so_while_it_has_arrears(days: int) -> None:
    assert asset_class(days, was_non_performing=True) is AssetClass.NON_PERFORMING


def test_what_was_non_performing_is_standard_once_its_arrears_are_wholly_cleared() -> None:
    assert asset_class(None, was_non_performing=True) is AssetClass.STANDARD
