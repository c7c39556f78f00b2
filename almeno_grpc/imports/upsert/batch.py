"""Checked rows of a file land in the book: one batch, one transaction.

Rows take effect in the order they come in, as if each were a transaction of its own; a batch saves the round trips.
"""

from collections.abc import Callable, Iterable, Sequence

from almeno_grpc.domain.errors import PhoneNumberTaken, WriteConflict
from almeno_grpc.domain.imports import CustomerRows, IssueOutcome, LoanRows, RowCounts, RowIssue
from almeno_grpc.imports.upsert.batch_result import BatchResult
from almeno_grpc.imports.upsert.customers import take_phone_numbers, upsert_customers
from almeno_grpc.imports.upsert.loans import upsert_loans
from almeno_grpc.service.store import Store, Transaction


def upsert_batch(
    tx: Transaction,
    queue_number: int,
    parts: Iterable[tuple[CustomerRows | LoanRows, Sequence[RowIssue]]],
    now: int,
    *,
    check_existing: bool,
) -> RowCounts:
    """Lands a batch of an import, part by part, and notes its progress, in the same transaction.

    Args:
        tx: The transaction.
        queue_number: The import's place in the queue.
        parts: Of each part the good rows, in the order they take effect in, and what the row checks have found in its
            rows, the rejected ones among them.
        now: The present instant, in microseconds since the epoch.
        check_existing: Whether customers are looked up before they are added; see `write_batch`.

    Raises:
        PhoneNumberTaken: Another customer has a phone number of the batch, which was not looked up.
    """
    result = BatchResult(check_existing=check_existing)
    everything: list[RowIssue] = []
    for rows, issues in parts:
        everything += issues
        if isinstance(rows, CustomerRows):
            upsert_customers(tx, rows, now, result)
        else:
            upsert_loans(tx, rows, result)
    take_phone_numbers(tx, result)
    everything += result.issues
    rejected = {issue.row_number for issue in everything if issue.outcome is IssueOutcome.REJECTED}
    adjusted = {issue.row_number for issue in everything if issue.outcome is IssueOutcome.ADJUSTED} - rejected
    # A row that is rejected after all was not adjusted.
    kept = [issue for issue in everything if issue.outcome is IssueOutcome.REJECTED or issue.row_number not in rejected]
    counts = RowCounts(result.inserted, result.updated, result.unchanged, len(rejected), len(adjusted))
    tx.imports.add_progress(queue_number, counts, kept)
    return counts


def write_batch(store: Store, land: Callable[[Transaction, bool], RowCounts]) -> RowCounts:
    """Lands a batch of an import in a transaction of the store.

    Args:
        store: The store.
        land: Lands it by `upsert_batch`, with or without looking first. Nearly always nothing is found, so that is left
            out at first; where a phone number turns out to be taken, the batch is undone and landed with a look.

    Raises:
        WriteConflict: A phone number was taken after that look, by another server, or a loan was booked or repaid
            meanwhile. The batch may be landed again.
    """
    try:
        return store.write(lambda tx: land(tx, False))
    except PhoneNumberTaken:
        pass
    try:
        return store.write(lambda tx: land(tx, True))
    except PhoneNumberTaken as error:
        raise WriteConflict("a phone number of the import was taken meanwhile") from error


def reserve_loan_ids(tx: Transaction, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> None:
    """Notes whose loans a file's numbers are to be, which spares its rows a closer look. It has no other effect.

    Args:
        tx: The transaction.
        loan_ids: The numbers.
        customer_ids: The customer under whom each stands first in the file.
    """
    # Numbers like the service's own are given as the loans come, for a loan before may have been given one.
    first = tx.loans.first_generated_id
    if max(loan_ids, default=0) >= first:
        pairs = [pair for pair in zip(loan_ids, customer_ids, strict=True) if pair[0] < first]
        loan_ids, customer_ids = [number for number, _ in pairs], [customer for _, customer in pairs]
    if loan_ids:
        tx.loans.reserve_loan_ids(loan_ids, customer_ids)
