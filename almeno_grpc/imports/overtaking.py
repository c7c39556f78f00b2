"""Which import may go ahead of an earlier one: one that leaves the same book behind either way.

The rows of an import take effect behind those of all imports queued before it, for a loan needs its customer, the last
figures of a customer are those that count, and the first loan of a Loan ID keeps it. So a file goes ahead only where no
row of it could meet a row of the other:

| earlier file | later file | goes ahead where they have no |
|---|---|---|
| loans | loans | Loan ID in common, and none that the service may give to a loan meanwhile |
| customers | loans, or the other way round | Customer ID in common |
| customers | customers | – : never, for phone numbers pass from one customer to another |

What the rows of a file are is known once it is read: an import is overtaken while its rows are imported, not while its
file is read, which is bounded by its size.
"""

from almeno_grpc.domain.imports import ImportFile, ImportKind
from almeno_grpc.imports.sandbox.messages import FileOpened

_MAX_OVERTAKING_BYTES = 2**20


def may_try(earlier: ImportFile, later: ImportFile) -> bool:
    """Whether it is worth to read the later file for it: a small one, behind one that is not."""
    is_small = later.size_bytes <= _MAX_OVERTAKING_BYTES < earlier.size_bytes
    return is_small and not earlier.kind is later.kind is ImportKind.CUSTOMERS


def is_independent(
    earlier: tuple[ImportKind, FileOpened], later: tuple[ImportKind, FileOpened], first_generated_id: int
) -> bool:
    """Whether two files leave the same book behind whichever comes first."""
    match earlier, later:
        case (ImportKind.LOANS, first), (ImportKind.LOANS, second):
            # Larger ones may be given to loans of the other file whose own are taken.
            largest = max([0, *first.loan_ids[-1:], *second.loan_ids[-1:]])
            return largest < first_generated_id and set(second.loan_ids).isdisjoint(first.loan_ids)
        case (ImportKind.CUSTOMERS, _), (ImportKind.CUSTOMERS, _):
            return False
        case (_, first), (_, second):
            return set(second.customer_ids).isdisjoint(first.customer_ids)
