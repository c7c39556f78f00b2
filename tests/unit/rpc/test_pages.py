"""A page of a list, and the token of the next one."""

import pytest

from almeno_grpc.domain.errors import InvalidPageToken
from almeno_grpc.rpc.pages import page_of

ROWS = [(number, f"row {number}") for number in range(1, 8)]


def rows_behind(number: int, count: int) -> list[tuple[int, str]]:
    return [row for row in ROWS if row[0] > number][:count]


def page(size: int, token: str = "", scope: str = "rows") -> tuple[list[tuple[int, str]], str]:
    rows, next_token = page_of(scope, size, token, (0,), rows_behind, lambda row: (row[0],))
    return list(rows), next_token


@pytest.mark.parametrize("size", [1, 3, 6])
def test_pages_follow_one_another_until_the_rows_are_over(size: int) -> None:
    seen, token = page(size)
    while token:
        rows, token = page(size, token)
        seen += rows
    assert seen == ROWS


@pytest.mark.parametrize("size", [7, 8])
def test_last_page_has_no_token_even_when_it_is_full(size: int) -> None:
    assert page(size) == (ROWS, "")


def test_token_of_another_list_is_refused() -> None:
    _, token = page(2)
    with pytest.raises(InvalidPageToken):
        page(2, token, "other rows")
