"""Which import may go ahead of an earlier one."""

from array import array
from types import SimpleNamespace

import pytest

from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.overtaking import is_independent, may_try
from almeno_grpc.imports.sandbox.messages import FileOpened

CUSTOMERS, LOANS = ImportKind.CUSTOMERS, ImportKind.LOANS
FIRST_GENERATED = 1_000


def opened(customer_ids=(), loan_ids=()):
    return FileOpened(0, array("q", customer_ids), array("q", loan_ids), array("q"))


@pytest.mark.parametrize(
    ("earlier", "later", "independent"),
    [
        # Other loans of the same customers do not meet.
        ((LOANS, opened([1, 2], [10, 11])), (LOANS, opened([1, 2], [20])), True),
        # The first loan of a Loan ID keeps it.
        ((LOANS, opened([1], [10, 11])), (LOANS, opened([2], [11])), False),
        # A loan whose id is taken may be given the id of the other file's.
        ((LOANS, opened([1], [10])), (LOANS, opened([2], [1_000])), False),
        ((LOANS, opened([1], [10, 1_001])), (LOANS, opened([2], [20])), False),
        ((LOANS, opened()), (LOANS, opened([2], [20])), True),
        # A loan needs its customer, and one that comes before is rejected.
        ((CUSTOMERS, opened([1, 2])), (LOANS, opened([2], [20])), False),
        ((LOANS, opened([1, 2], [10])), (CUSTOMERS, opened([2, 3])), False),
        ((CUSTOMERS, opened([1, 2])), (LOANS, opened([3], [20])), True),
        ((LOANS, opened([1, 2], [10])), (CUSTOMERS, opened([3])), True),
        # A phone number may pass from any customer to any other.
        ((CUSTOMERS, opened([1])), (CUSTOMERS, opened([2])), False),
    ],
)
def test_file_goes_ahead_only_where_no_row_of_it_could_meet_one_of_the_other(earlier, later, independent):
    assert is_independent(earlier, later, FIRST_GENERATED) is independent


@pytest.mark.parametrize(
    ("earlier", "later", "tried"),
    [
        ((LOANS, 2**21), (LOANS, 2**20), True),
        ((LOANS, 2**21), (CUSTOMERS, 1), True),
        ((LOANS, 2**20), (LOANS, 1), False),
        ((LOANS, 2**22), (LOANS, 2**21), False),
        ((CUSTOMERS, 2**21), (CUSTOMERS, 1), False),
        ((CUSTOMERS, 2**21), (LOANS, 1), True),
    ],
)
def test_small_file_tries_to_go_ahead_of_a_large_one(earlier, later, tried):
    files = [SimpleNamespace(kind=kind, size_bytes=size_bytes) for kind, size_bytes in (earlier, later)]
    assert may_try(*files) is tried
