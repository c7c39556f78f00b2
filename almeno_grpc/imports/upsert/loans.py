"""Checked rows of a loan file are inserted into the book, or update it."""

from collections.abc import Sequence, Set
from dataclasses import replace

from almeno_grpc.domain.imports import BOOK_METHOD, LoanRow, LoanRows
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.money import rate_from_scaled
from almeno_grpc.imports.upsert.batch_result import BatchResult
from almeno_grpc.service.store import Transaction


def upsert_loans(tx: Transaction, sheet_rows: LoanRows, result: BatchResult) -> None:
    """Imports loans."""
    if not sheet_rows:
        return
    if tx.loans.import_if_new(sheet_rows):
        result.inserted += len(sheet_rows)
        return
    rows = list(sheet_rows)
    customers = tx.customers.existing({row.customer_id for row in rows})
    taken = tx.loans.taken({row.source_loan_id for row in rows})
    # The service takes its own ids from the largest on: where a file has such, each row has to see those before it.
    has_generated = max(row.source_loan_id for row in rows) >= tx.loans.first_generated_id
    for run in [[row] for row in rows] if has_generated else [rows]:
        _upsert_run(tx, run, customers, taken, result)


def _upsert_run(
    tx: Transaction, rows: Sequence[LoanRow], customers: Set[int], taken: set[int], result: BatchResult
) -> None:
    """Imports loans none of which has an id that an earlier one of them would be given.

    A loan whose id is free is new: loans are never deleted, and one is only given another id than the sheet's
    if that was taken. So nearly all of a book is inserted as it comes. `customers` are those who exist; `taken` grows
    by the ids of what is inserted.
    """
    new: list[LoanRow] = []
    others: list[LoanRow] = []
    for row in rows:
        if row.customer_id not in customers:
            result.reject(row.row_number, "Customer ID", f"no customer has the number {row.customer_id}")
        elif row.source_loan_id in taken:
            others.append(row)
        else:
            taken.add(row.source_loan_id)
            new.append(row)
    if new:
        tx.loans.import_new(new)
        result.inserted += len(new)
    if others:
        taken.update(_upsert_existing(tx, others, result))


def _upsert_existing(tx: Transaction, rows: Sequence[LoanRow], result: BatchResult) -> list[int]:
    """Imports loans whose ids are taken: by themselves, imported before, or by others; returns the ids given."""
    known = tx.loans.by_source({_key(row) for row in rows})
    new: dict[tuple[int, int], LoanRow] = {}
    for row in rows:
        if _key(row) not in known:
            new.setdefault(_key(row), row)
    numbers = tx.loans.import_renumbered(list(new.values())) if new else []
    id_of = dict(zip(new, numbers, strict=True))
    for row in rows:
        key = _key(row)
        if new.get(key) is row:
            result.inserted += 1
            _note_id(row, id_of[key], result)
        else:
            # A row of the batch may be of a loan that an earlier one has brought.
            before = known.get(key) or _imported_loan(new[key], id_of[key])
            known[key] = _update_again(tx, row, before, result)
    return numbers


def _update_again(tx: Transaction, row: LoanRow, before: Loan, result: BatchResult) -> Loan:
    """Imports a loan that is in the book already; returns it as it is from then on."""
    loan = _imported_loan(row, before.loan_id)
    if loan == _as_imported(tx, before):
        result.unchanged += 1
        loan = before
    elif before.repayment_count:
        result.reject(row.row_number, "Loan ID", f"repayments on loan {loan.loan_id} are recorded here, not by sheets")
        return before
    else:
        tx.loans.import_changed(loan)
        result.updated += 1
    _note_id(row, loan.loan_id, result)
    return loan


def _note_id(row: LoanRow, loan_id: int, result: BatchResult) -> None:
    if loan_id != row.source_loan_id:
        message = f"{row.source_loan_id} is the number of another loan; this one has loan_id {loan_id}"
        result.adjust(row.row_number, "Loan ID", message)


def _key(row: LoanRow) -> tuple[int, int]:
    return row.customer_id, row.source_loan_id


def _as_imported(tx: Transaction, loan: Loan) -> Loan:
    """The loan as it was before the repayments recorded here."""
    first_and_latest = tx.repayments.first_and_latest([loan])
    if not first_and_latest:
        return loan
    before = first_and_latest[loan.loan_id][0].before
    loan = replace(loan, emis_paid=before.emis_paid, emis_paid_on_time=before.emis_paid_on_time)
    left = before.outstanding_principal
    return replace(loan, outstanding_principal=left, paid_toward_next=0, repayment_count=0)


def _imported_loan(row: LoanRow, loan_id: int) -> Loan:
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
