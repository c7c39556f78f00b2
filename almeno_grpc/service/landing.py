"""Checked rows of a file land in the book: one batch, one transaction.

Rows take effect in the order they come in, as if each were a transaction of its own; a batch saves the round trips.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.errors import PhoneNumberTaken, WriteConflict
from almeno_grpc.domain.imports import (
    BOOK_METHOD,
    BookCustomer,
    BookCustomers,
    BookLoan,
    BookLoans,
    IssueOutcome,
    RowCounts,
    RowIssue,
)
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.money import rate_from_scaled
from almeno_grpc.service.store import Store, Transaction


@dataclass
class _Tally:
    """What a batch has come to so far."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    issues: list[RowIssue] = field(default_factory=list)
    looks_first: bool = False
    """Whether each customer is looked up before it is added."""
    without_phone_numbers: list[BookCustomers] = field(default_factory=list)
    """Customers who were added, and whose phone numbers are still to be taken."""
    most_were_taken: bool = False
    """Whether the latest loans looked at had numbers most of which were taken: those that follow are likely alike."""

    def reject(self, row_number: int, column: str, message: str) -> None:
        self.issues.append(RowIssue(row_number, IssueOutcome.REJECTED, column, message))

    def adjust(self, row_number: int, column: str, message: str) -> None:
        self.issues.append(RowIssue(row_number, IssueOutcome.ADJUSTED, column, message))


def land_batch(
    tx: Transaction,
    queue_number: int,
    parts: Iterable[tuple[BookCustomers | BookLoans, Sequence[RowIssue]]],
    now: int,
    *,
    looks_first: bool,
) -> RowCounts:
    """Lands a batch of an import, part by part, and notes its progress, in the same transaction.

    Args:
        tx: The transaction.
        queue_number: The import's place in the queue.
        parts: Of each part the good rows, in the order they take effect in, and what the row checks have found in its
            rows, the rejected ones among them.
        now: The present instant, in microseconds since the epoch.
        looks_first: Whether customers are looked up before they are added; see `write_batch`.

    Raises:
        PhoneNumberTaken: Another customer has a phone number of the batch, which was not looked up.
    """
    tally = _Tally(looks_first=looks_first)
    everything: list[RowIssue] = []
    for rows, issues in parts:
        everything += issues
        if isinstance(rows, BookCustomers):
            _land_customers(tx, rows, now, tally)
        else:
            _land_loans(tx, rows, tally)
    _take_phone_numbers(tx, tally)
    everything += tally.issues
    rejected = {issue.row_number for issue in everything if issue.outcome is IssueOutcome.REJECTED}
    adjusted = {issue.row_number for issue in everything if issue.outcome is IssueOutcome.ADJUSTED} - rejected
    # A row that is rejected after all was not adjusted.
    kept = [issue for issue in everything if issue.outcome is IssueOutcome.REJECTED or issue.row_number not in rejected]
    counts = RowCounts(tally.inserted, tally.updated, tally.unchanged, len(rejected), len(adjusted))
    tx.imports.add_progress(queue_number, counts, kept)
    return counts


def write_batch(store: Store, land: Callable[[Transaction, bool], RowCounts]) -> RowCounts:
    """Lands a batch of an import in a transaction of the store.

    Args:
        store: The store.
        land: Lands it by `land_batch`, with or without looking first. Nearly always nothing is found, so that is left
            out at first; where a phone number turns out to be taken, the batch is undone and landed with a look.

    Raises:
        WriteConflict: A phone number was taken after that look, by another server. The batch may be landed again.
    """
    try:
        return store.write(lambda tx: land(tx, False))
    except PhoneNumberTaken:
        pass
    try:
        return store.write(lambda tx: land(tx, True))
    except PhoneNumberTaken as error:
        raise WriteConflict("a phone number of the import was taken meanwhile") from error


def set_numbers_aside(tx: Transaction, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> None:
    """Notes whose loans a file's numbers are to be, which spares its rows a closer look. It has no other effect.

    Args:
        tx: The transaction.
        loan_ids: The numbers.
        customer_ids: The customer under whom each stands first in the file.
    """
    # Numbers like the service's own are given as the loans come, for a loan before may have been given one.
    first = tx.loans.first_own_number
    if max(loan_ids, default=0) >= first:
        pairs = [pair for pair in zip(loan_ids, customer_ids, strict=True) if pair[0] < first]
        loan_ids, customer_ids = [number for number, _ in pairs], [customer for _, customer in pairs]
    if loan_ids:
        tx.loans.set_numbers_aside(loan_ids, customer_ids)


def _land_customers(tx: Transaction, rows: BookCustomers, now: int, tally: _Tally) -> None:
    if not rows:
        return
    # Most of a book is new, and asking before would take longer than adding it.
    if not tally.looks_first and tx.customers.import_if_new(rows, now):
        tally.without_phone_numbers.append(rows)
        tally.inserted += len(rows)
        return
    # Rows take effect in their order, so those of the rows before are held by now.
    _take_phone_numbers(tx, tally)
    known = tx.customers.with_ids([row.customer_id for row in rows])
    by_id: dict[int, Customer | BookCustomer] = {customer.customer_id: customer for customer, _ in known}
    registered_here = {customer.customer_id for customer, imported in known if not imported}
    holder_of = tx.customers.phone_number_holders([row.phone_digits for row in rows])
    new: list[BookCustomer] = []
    for row in rows:
        before = by_id.get(row.customer_id)
        if before is not None and _same_customer(before, row):
            tally.unchanged += 1
            continue
        if row.customer_id in registered_here:
            tally.reject(row.row_number, "Customer ID", "is the number of a customer who was registered here")
            continue
        if holder_of.get(row.phone_digits, row.customer_id) != row.customer_id:
            tally.reject(row.row_number, "Phone Number", f"is held by customer {holder_of[row.phone_digits]}")
            continue
        if before is None:
            new.append(row)
            tally.inserted += 1
        else:
            # Changes may free a phone number that a later row takes, so what came before them goes first.
            _import_new_customers(tx, new, now)
            tx.customers.import_changed(row, before.phone_digits)
            holder_of.pop(before.phone_digits, None)
            tally.updated += 1
        by_id[row.customer_id] = row
        holder_of[row.phone_digits] = row.customer_id
    _import_new_customers(tx, new, now)


def _take_phone_numbers(tx: Transaction, tally: _Tally) -> None:
    """Takes those of the customers added so far, all at once: one by one, they would take several times as long."""
    tx.customers.take_phone_numbers(tally.without_phone_numbers)
    tally.without_phone_numbers.clear()


def _import_new_customers(tx: Transaction, new: list[BookCustomer], now: int) -> None:
    if new:
        tx.customers.import_new(new, now)
        new.clear()


def _same_customer(before: Customer | BookCustomer, row: BookCustomer) -> bool:
    return (
        before.first_name == row.first_name
        and before.last_name == row.last_name
        and before.age == row.age
        and before.phone_digits == row.phone_digits
        and before.monthly_income == row.monthly_income
        and before.approved_limit == row.approved_limit
    )


def _land_loans(tx: Transaction, sheet_rows: BookLoans, tally: _Tally) -> None:
    if not sheet_rows:
        return
    if not tally.most_were_taken and tx.loans.import_if_new(sheet_rows):
        tally.inserted += len(sheet_rows)
        return
    rows = list(sheet_rows)
    customers = tx.customers.existing({row.customer_id for row in rows})
    taken = tx.loans.taken({row.source_loan_id for row in rows})
    tally.most_were_taken = 2 * len(taken) > len(rows)
    if max(row.source_loan_id for row in rows) < tx.loans.first_own_number:
        _land_run(tx, rows, customers, taken, tally)
        return
    # The service numbers its own on from the largest number there is, so each row has to see those before it.
    for run in _runs(rows, taken):
        _land_run(tx, run, customers, taken, tally)


def _runs(rows: Sequence[BookLoan], taken: Set[int]) -> Iterator[Sequence[BookLoan]]:
    """Cuts the rows behind each whose number is taken, by a loan of the book or by a row before it."""
    start, seen = 0, set[int]()
    for place, row in enumerate(rows):
        # What is taken grows while the runs before this one land.
        if row.source_loan_id in taken or row.source_loan_id in seen:
            yield rows[start : place + 1]
            start = place + 1
        seen.add(row.source_loan_id)
    yield rows[start:]


def _land_run(tx: Transaction, rows: Sequence[BookLoan], customers: Set[int], taken: set[int], tally: _Tally) -> None:
    """Lands loans none of which has a number that an earlier one of them would be given.

    A loan whose number is free is new: loans are never deleted, and one is only given another number than the sheet's
    if that was taken. So nearly all of a book goes into the database as it comes.

    Args:
        tx: The transaction.
        rows: The loans.
        customers: Those of their customers who exist.
        taken: Those of their numbers that are taken; grows by the numbers of what is added.
        tally: What the batch has come to.
    """
    new: list[BookLoan] = []
    others: list[BookLoan] = []
    for row in rows:
        number = row.source_loan_id
        if row.customer_id not in customers:
            tally.reject(row.row_number, "Customer ID", f"no customer has the number {row.customer_id}")
        elif number in taken:
            others.append(row)
        else:
            taken.add(number)
            new.append(row)
    if new:
        tx.loans.import_new(new)
        tally.inserted += len(new)
    if others:
        taken.update(_land_others(tx, others, tally))


def _land_others(tx: Transaction, rows: Sequence[BookLoan], tally: _Tally) -> list[int]:
    """Lands loans whose numbers are taken: by themselves, loaded before, or by others; gives the numbers given."""
    known = tx.loans.by_source({_key(row) for row in rows})
    new: dict[tuple[int, int], BookLoan] = {}
    for row in rows:
        if _key(row) not in known:
            new.setdefault(_key(row), row)
    numbers = tx.loans.import_renumbered(list(new.values())) if new else []
    number_of = dict(zip(new, numbers, strict=True))
    for row in rows:
        key = _key(row)
        if new.get(key) is row:
            tally.inserted += 1
            _tell_number(row, number_of[key], tally)
        else:
            # A row of the batch may be of a loan that an earlier one has brought.
            before = known.get(key) or _imported_loan(new[key], number_of[key])
            known[key] = _land_again(tx, row, before, tally)
    return numbers


def _land_again(tx: Transaction, row: BookLoan, before: Loan, tally: _Tally) -> Loan:
    """Lands a loan that is in the book already; gives it as it is from then on."""
    loan = _imported_loan(row, before.loan_id)
    if loan == _as_imported(tx, before):
        tally.unchanged += 1
        loan = before
    elif before.repayment_count:
        tally.reject(row.row_number, "Loan ID", f"repayments on loan {loan.loan_id} are recorded here, not by sheets")
        return before
    else:
        tx.loans.import_changed(loan)
        tally.updated += 1
    _tell_number(row, loan.loan_id, tally)
    return loan


def _tell_number(row: BookLoan, loan_id: int, tally: _Tally) -> None:
    if loan_id != row.source_loan_id:
        message = f"{row.source_loan_id} is the number of another loan; this one has loan_id {loan_id}"
        tally.adjust(row.row_number, "Loan ID", message)


def _key(row: BookLoan) -> tuple[int, int]:
    return row.customer_id, row.source_loan_id


def _as_imported(tx: Transaction, loan: Loan) -> Loan:
    """The loan as it was before the repayments recorded here."""
    ends = tx.repayments.ends(loan)
    if ends is None:
        return loan
    before = ends[0].before
    return replace(
        loan,
        emis_paid=before.emis_paid,
        emis_paid_on_time=before.emis_paid_on_time,
        outstanding_principal=before.outstanding_principal,
        paid_toward_next=0,
        repayment_count=0,
    )


def _imported_loan(row: BookLoan, loan_id: int) -> Loan:
    return Loan(
        loan_id=loan_id,
        customer_id=row.customer_id,
        loan_amount=row.loan_amount,
        interest_rate=rate_from_scaled(row.interest_rate_e4),
        tenure_months=row.tenure_months,
        monthly_installment=row.monthly_installment,
        installment_method=BOOK_METHOD,
        emis_paid=row.emis_paid,
        emis_paid_on_time=row.emis_paid_on_time,
        outstanding_principal=row.outstanding_principal,
        approval_date=row.approval_date,
        source_loan_id=row.source_loan_id,
    )
