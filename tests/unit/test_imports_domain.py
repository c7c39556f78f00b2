import pytest

from almeno_grpc.domain.imports import ImportState, RowCounts


@pytest.mark.parametrize(
    ("state", "is_end"),
    [
        (ImportState.QUEUED, False),
        (ImportState.RUNNING, False),
        (ImportState.SUCCEEDED, True),
        (ImportState.FAILED, True),
        (ImportState.CANCELLED, True),
    ],
)
def test_import_stays_in_its_end_state(state: ImportState, *, is_end: bool) -> None:
    assert state.is_end is is_end


def test_every_row_is_inserted_updated_unchanged_or_rejected() -> None:
    """An adjusted row is one of these too and not counted twice."""
    assert RowCounts(inserted=1, updated=20, unchanged=300, rejected=4_000, adjusted=50_000).seen == 4_321
