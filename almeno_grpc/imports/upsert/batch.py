"""Checked rows of a file are inserted into the book or update it: one batch, one transaction.

Rows take effect in the order they come in, as if each were a transaction of its own; a batch saves the round trips.
"""

from collections.abc import Iterable, Sequence

from almeno_grpc.domain.imports import CustomerRows, IssueOutcome, RowCounts, RowIssue
from almeno_grpc.imports.sandbox.messages import RowBatch
from almeno_grpc.imports.upsert.batch_result import BatchResult
from almeno_grpc.imports.upsert.customers import upsert_customers
from almeno_grpc.imports.upsert.loans import upsert_loans
from almeno_grpc.service.store import Transaction


def upsert_batch(tx: Transaction, queue_number: int, parts: Iterable[RowBatch], now: int) -> RowCounts:
    """Imports a batch, part by part, and adds to the progress of its import, in the same transaction.

    Args:
        tx: The transaction.
        queue_number: The import's place in the queue.
        parts: In the order they take effect in.
        now: In microseconds since the epoch.

    Raises:
        WriteConflict: A phone number or a Loan ID was taken by another server, or a loan was booked or repaid
            meanwhile. The batch may be imported again.
    """
    result = BatchResult()
    for part in parts:
        result.issues += part.issues_here()
        if isinstance(part.rows, CustomerRows):
            upsert_customers(tx, part.rows, now, result)
        else:
            upsert_loans(tx, part.rows, result)
    rejected = _rows_with(IssueOutcome.REJECTED, result.issues)
    adjusted = _rows_with(IssueOutcome.ADJUSTED, result.issues) - rejected
    # A row that is rejected after all was not adjusted.
    issues = [
        issue for issue in result.issues if issue.outcome is IssueOutcome.REJECTED or issue.row_number not in rejected
    ]
    counts = RowCounts(result.inserted, result.updated, result.unchanged, len(rejected), len(adjusted))
    tx.imports.add_progress(queue_number, counts, issues)
    return counts


def _rows_with(outcome: IssueOutcome, issues: Sequence[RowIssue]) -> set[int]:
    return {issue.row_number for issue in issues if issue.outcome is outcome}


def reserve_loan_ids(tx: Transaction, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> None:
    """Reserves a file's Loan IDs, each for the customer under whom it stands first, which spares its rows a look-up."""
    # Ids like the service's own are given as the loans come, for a loan before may have been given one.
    first = tx.loans.first_generated_id
    pairs = [pair for pair in zip(loan_ids, customer_ids, strict=True) if pair[0] < first]
    if pairs:
        tx.loans.reserve_loan_ids(*zip(*pairs, strict=True))
