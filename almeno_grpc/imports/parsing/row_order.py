"""Which rows of a table come first, by their keys."""

from array import array
from collections.abc import Sequence

import numpy as np
import pandas as pd

from almeno_grpc.imports.parsing.short_cells import Numbers, packed


class LoanOrder:
    """The order in which loans land, and whose each of their numbers is."""

    def __init__(self, customer_ids: Numbers, loan_ids: Numbers) -> None:
        """Takes the keys of the rows; 0 for one with a fault, whose row is never taken."""
        self._customer_ids = customer_ids
        self._loan_ids = loan_ids
        by_loan = self._by_loan = np.argsort(loan_ids, kind="stable")
        in_order = loan_ids[by_loan]
        begins = np.ones(len(loan_ids), dtype=bool)
        begins[1:] = in_order[1:] != in_order[:-1]
        self._first_rows = by_loan[begins]
        """The rows in which each Loan ID stands first, in the order of the Loan IDs."""
        places = np.arange(len(loan_ids))
        self._times_before = np.empty(len(loan_ids), dtype=np.int64)
        """How often the Loan ID of a row stands above it."""
        self._times_before[by_loan] = places - np.maximum.accumulate(np.where(begins, places, 0))

    def first_owners(self) -> tuple["array[int]", "array[int]"]:
        """The Loan IDs that are no faults, each once and in their order, and the customer with whom it comes first."""
        loan_ids, customer_ids = self._loan_ids[self._first_rows], self._customer_ids[self._first_rows]
        sound = (loan_ids > 0) & (customer_ids > 0)
        return packed(loan_ids[sound]), packed(customer_ids[sound])

    def landing_order(self) -> tuple[Numbers, int]:
        """The places of the rows in the order they land in, and how many have a Loan ID that stands nowhere above.

        Those come first, then those whose Loan ID stands once above, and so on: of rows with one Loan ID, each meets
        what became of those above it. Among themselves they come by customer and Loan ID.
        """
        # The rows are by Loan ID already, and few stand further up: to sort by all three anew takes twice as long.
        order = self._by_loan[np.argsort(self._customer_ids[self._by_loan], kind="stable")]
        times_before = self._times_before[order]
        again = times_before > 0
        others = order[again]
        others = others[np.argsort(times_before[again], kind="stable")]
        return np.concatenate([order[~again], others]), len(self._first_rows)


def repeated(keys: Sequence[Numbers]) -> list[int]:
    """Places of the rows whose key stands more than once; a key is made of one number from each array."""
    *others, last = keys
    # Nearly all rows are out after a look at one part.
    candidates = np.flatnonzero(pd.Series(last).duplicated(keep=False).to_numpy())
    if others and len(candidates):
        of_candidates = pd.DataFrame({place: numbers[candidates] for place, numbers in enumerate([*others, last])})
        candidates = candidates[of_candidates.duplicated(keep=False).to_numpy()]
    return candidates.tolist()
