import pytest

from almeno_grpc.domain.position import CreditPosition


@pytest.mark.parametrize(("debt", "available"), [(0, 500), (499, 1), (500, 0), (501, 0)])
def test_available_limit_is_what_debt_leaves_of_it(debt: int, available: int) -> None:
    assert CreditPosition(current_debt=debt).available_limit(500) == available
