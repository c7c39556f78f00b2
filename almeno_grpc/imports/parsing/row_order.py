"""The order in which the rows of a table are imported, and rows with the same key."""

from array import array
from collections.abc import Sequence

import numpy as np

from almeno_grpc.imports.parsing.columns import Numbers


class LoanOrder:
    """The order of loans: by customer, as the book keeps them, which a database takes in a fraction of the time.

    Loans whose Loan ID stands further up come last, since the first is to keep the id.
    """

    def __init__(self, customer_ids: Numbers, loan_ids: Numbers) -> None:
        """Takes the keys of the rows; 0 for one with a fault, whose row is never taken."""
        self._customer_ids = customer_ids
        self._loan_ids = loan_ids
        by_loan = np.argsort(loan_ids, kind="stable")
        in_order = loan_ids[by_loan]
        begins = np.ones(len(loan_ids), dtype=bool)
        begins[1:] = in_order[1:] != in_order[:-1]
        self._first_rows = by_loan[begins]
        places = np.arange(len(loan_ids))
        self._times_before = np.empty(len(loan_ids), dtype=np.int64)
        """How often the Loan ID of a row stands above it."""
        self._times_before[by_loan] = places - np.maximum.accumulate(np.where(begins, places, 0))

    def first_owners(self) -> "tuple[array[int], array[int]]":
        """The Loan IDs that are no faults, each once and in their order, and the customer with whom it comes first."""
        loan_ids, customer_ids = self._loan_ids[self._first_rows], self._customer_ids[self._first_rows]
        sound = (loan_ids > 0) & (customer_ids > 0)
        return array("q", loan_ids[sound].tobytes()), array("q", customer_ids[sound].tobytes())

    def places(self, good: Numbers) -> Numbers:
        """The good rows in their order.

        First come those whose Loan ID stands nowhere above, then those whose Loan ID stands once above, and so on: of
        rows with one Loan ID, each meets what became of those above it. Among themselves by customer and Loan ID.
        """
        return good[np.lexsort((self._loan_ids[good], self._customer_ids[good], self._times_before[good]))]


def repeated(keys: Sequence[Numbers]) -> list[int]:
    """Places of the rows whose key stands more than once; a key is made of one number from each array."""
    order = np.lexsort(keys)
    is_same = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
    places: list[int] = np.union1d(order[1:][is_same], order[:-1][is_same]).tolist()
    return places
