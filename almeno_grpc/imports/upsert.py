"""Checked rows of a file are inserted into the book or update it: one batch, one transaction.

Rows take effect in the order they come in, as if each were a transaction of its own; a batch saves the round trips.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from operator import attrgetter

from almeno_grpc.domain import headings
from almeno_grpc.domain.arrears import Arrears, after_payment
from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.customer import NO_FIELDS, Customer, CustomerField
from almeno_grpc.domain.customer_change import (
    ChangeSource,
    FieldChange,
    NewChange,
    changes_of_customer,
    changes_of_loan,
    with_fields_kept,
)
from almeno_grpc.domain.imports import (
    BOOK_METHOD,
    CustomerRow,
    CustomerRows,
    ImportFile,
    IssueOutcome,
    LoanRow,
    LoanRows,
    RowCounts,
    RowIssue,
)
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.money import format_rupees, rate_from_scaled
from almeno_grpc.imports.sandbox.messages import RowBatch
from almeno_grpc.service.store import Changes, Transaction

START_IMPORT = "/almeno.credit.v1.PortfolioService/StartImport"
_FIGURES = attrgetter("first_name", "last_name", "age", "phone_digits", "monthly_income", "approved_limit")
_KEY = attrgetter("customer_id", "source_loan_id")
_STATED = ("loan_amount", "tenure_months", "monthly_installment", "emis_paid", "emis_paid_on_time", "approval_date")
_FIGURES_OF_LOAN = attrgetter(*_STATED, "paid_toward_next")
_COLUMNS = {
    CustomerField.FIRST_NAME: headings.FIRST_NAME,
    CustomerField.LAST_NAME: headings.LAST_NAME,
    CustomerField.AGE: headings.AGE,
    CustomerField.MONTHLY_INCOME: headings.MONTHLY_SALARY,
    CustomerField.PHONE_NUMBER: headings.PHONE_NUMBER,
    CustomerField.APPROVED_LIMIT: headings.APPROVED_LIMIT,
}


@dataclass
class _BatchResult:
    """What a batch has come to so far."""

    file: ImportFile
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    issues: list[RowIssue] = field(default_factory=list)
    changes: list[NewChange] = field(default_factory=list)

    def reject(self, row_number: int, column: str, message: str) -> None:
        """Notes why a row is not taken."""
        self.issues.append(RowIssue(row_number, IssueOutcome.REJECTED, column, message))

    def adjust(self, row_number: int, column: str, message: str) -> None:
        """Notes what is to be known of a row that is taken."""
        self.issues.append(RowIssue(row_number, IssueOutcome.ADJUSTED, column, message))

    def note_changes(
        self, row: CustomerRow | LoanRow, changes: Iterable[FieldChange], loan_id: int | None = None
    ) -> None:
        """Notes what a row has changed of what was in the book; the customer is locked or updated."""
        source = ChangeSource(principal=self.file.principal, import_id=self.file.import_id, row_number=row.row_number)
        self.changes += [NewChange(row.customer_id, loan_id, change, source) for change in changes]


def upsert_batch(tx: Transaction, file: ImportFile, parts: Iterable[RowBatch], now: int, today: date) -> RowCounts:
    """Imports a batch, part by part, and adds to the progress of its import, in the same transaction.

    The parts take effect in their order; `now` is in microseconds since the epoch, `today` the business date. What rows
    change of customers and loans that are there already is stored too, field by field, with what it was. An event of
    the audit trail vouches for the rows, under the principal that has uploaded the file.

    Raises:
        WriteConflict: A phone number or a Loan ID was taken by another server, or a loan was booked or repaid
            meanwhile. The batch may be imported again.
    """
    result = _BatchResult(file)
    for part in parts:
        result.issues += part.issues_here()
        if isinstance(part.rows, CustomerRows):
            _upsert_customers(tx, part.rows, now, result)
        else:
            _upsert_loans(tx, part.rows, result)
    rejected = {issue.row_number for issue in result.issues if issue.outcome is IssueOutcome.REJECTED}
    # A row that is rejected after all was not adjusted.
    issues = [
        issue for issue in result.issues if issue.outcome is IssueOutcome.REJECTED or issue.row_number not in rejected
    ]
    adjusted = {issue.row_number for issue in issues} - rejected
    counts = RowCounts(result.inserted, result.updated, result.unchanged, len(rejected), len(adjusted))
    tx.customer_changes.add(result.changes, now)
    tx.imports.add_progress(file.queue_number, counts, issues)
    event = AuditEntry(AuditEventKind.WRITE, now, file.principal, "", START_IMPORT, subject=file.import_id)
    tx.write(Changes(event=event, on=today, import_id=file.import_id))
    return counts


def reserve_loan_ids(tx: Transaction, loan_ids: Sequence[int], customer_ids: Sequence[int]) -> None:
    """Reserves a file's Loan IDs, each for the customer under whom it stands first, which spares its rows a look-up.

    A customer 0 is none.
    """
    # Ids like the service's own are given as the loans come, for a loan before may have been given one.
    first = tx.loans.first_generated_id
    pairs = [pair for pair in zip(loan_ids, customer_ids, strict=True) if pair[0] < first and pair[1]]
    if pairs:
        tx.loans.reserve_loan_ids(*zip(*pairs, strict=True))


def _upsert_customers(tx: Transaction, rows: CustomerRows, now: int, result: _BatchResult) -> None:
    if not rows:
        return
    known = tx.customers.with_ids([row.customer_id for row in rows])
    by_id: dict[int, Customer | CustomerRow] = {customer.customer_id: customer for customer, _ in known}
    registered_here = {customer.customer_id for customer, imported in known if not imported}
    changed_here = {customer.customer_id: customer.changed_fields for customer, _ in known}
    holder_of = tx.customers.phone_number_holders([row.phone_digits for row in rows])
    new: list[CustomerRow] = []
    for sheet_row in rows:
        row = sheet_row
        before = by_id.get(row.customer_id)
        if before is not None and _FIGURES(before) == _FIGURES(row):
            result.unchanged += 1
            continue
        if row.customer_id in registered_here:
            result.reject(row.row_number, headings.CUSTOMER_ID, "is the number of a customer who was registered here")
            continue
        changed_fields = changed_here.get(row.customer_id, NO_FIELDS)
        if before is not None and changed_fields:
            row = _without_changed_here(before, row, changed_fields, result)
            if _FIGURES(before) == _FIGURES(row):
                result.unchanged += 1
                continue
        if holder_of.get(row.phone_digits, row.customer_id) != row.customer_id:
            result.reject(row.row_number, headings.PHONE_NUMBER, f"is held by customer {holder_of[row.phone_digits]}")
            continue
        if before is None:
            new.append(row)
            result.inserted += 1
        else:
            # Changes may free a phone number that a later row takes, so what came before them goes first.
            _import_new_customers(tx, new, now)
            tx.customers.change(before, row, changed_fields)
            result.note_changes(row, changes_of_customer(before, row))
            holder_of.pop(before.phone_digits, None)
            result.updated += 1
        by_id[row.customer_id] = row
        holder_of[row.phone_digits] = row.customer_id
    _import_new_customers(tx, new, now)


def _without_changed_here(
    before: Customer | CustomerRow, row: CustomerRow, changed_fields: CustomerField, result: _BatchResult
) -> CustomerRow:
    """The row as it is taken: what calls have changed of the customer stays, and is reported where it differs."""
    for name, _, _ in changes_of_customer(before, row):
        field = CustomerField[name.upper()]
        if field in changed_fields:
            result.adjust(row.row_number, _COLUMNS[field], "was changed here, and stays as it is")
    return with_fields_kept(before, row, changed_fields)


def _import_new_customers(tx: Transaction, new: list[CustomerRow], now: int) -> None:
    if new:
        tx.customers.import_new(new, now)
        new.clear()


def _upsert_loans(tx: Transaction, sheet_rows: LoanRows, result: _BatchResult) -> None:
    """Imports loans."""
    *_, is_booked = sheet_rows.columns
    if any(is_booked):
        _compare_with_booked(tx, [row for row in sheet_rows if row.is_reducing_balance], result)
        sheet_rows = LoanRows.of([row for row in sheet_rows if not row.is_reducing_balance])
    if not sheet_rows:
        return
    if tx.loans.import_if_new(sheet_rows):
        _note_inserted(sheet_rows, result)
        return
    rows = list(sheet_rows)
    customers = tx.customers.existing({row.customer_id for row in rows})
    taken = tx.loans.taken({row.source_loan_id for row in rows})
    # The service takes its own ids from the largest on: where a file has such, each row has to see those before it.
    has_generated = max(row.source_loan_id for row in rows) >= tx.loans.first_generated_id
    for run in [[row] for row in rows] if has_generated else [rows]:
        _upsert_run(tx, run, customers, taken, result)


def _compare_with_booked(tx: Transaction, rows: Sequence[LoanRow], result: _BatchResult) -> None:
    """Holds rows of loans that a service has booked against those of this one: no sheet adds or changes any."""
    known = tx.loans.get_many({_KEY(row) for row in rows})
    for row in rows:
        loan = known.get(row.source_loan_id)
        if loan is None or loan.decision_id is None:
            message = (
                "REDUCING_BALANCE is that of loans which a service has booked; sheets bring no other than a book's"
            )
            result.reject(row.row_number, headings.INSTALLMENT_METHOD, message)
        elif (_FIGURES_OF_LOAN(loan), loan.interest_rate) != (
            _FIGURES_OF_LOAN(row),
            rate_from_scaled(row.interest_rate_e4),
        ):
            result.reject(
                row.row_number, headings.LOAN_ID, f"loan {loan.loan_id} was booked here, and no sheet changes it"
            )
        else:
            result.unchanged += 1


def _note_inserted(rows: Sequence[LoanRow] | LoanRows, result: _BatchResult) -> None:
    """Counts new loans, and reports what a sheet cannot bring of them."""
    result.inserted += len(rows)
    if isinstance(rows, LoanRows) and not any(rows.columns[-2]):
        return
    for row in rows:
        if row.paid_toward_next:
            message = (
                f"{format_rupees(row.paid_toward_next)} not taken: a part payment is to be recorded as a repayment"
            )
            result.adjust(row.row_number, headings.PAID_TOWARD_NEXT, message)


def _upsert_run(
    tx: Transaction, rows: Sequence[LoanRow], customers: Set[int], taken: set[int], result: _BatchResult
) -> None:
    """Imports loans none of which has an id that an earlier one of them would be given.

    A loan whose id is free is new: loans are never deleted, and one is only given another id than the sheet's
    if that was taken. So nearly all of a book is inserted as it comes. `customers` are those who exist; `taken` grows
    by the ids of what is inserted.
    """
    new, others = list[LoanRow](), list[LoanRow]()
    for row in rows:
        if row.customer_id not in customers:
            result.reject(row.row_number, headings.CUSTOMER_ID, f"no customer has the number {row.customer_id}")
        elif row.source_loan_id in taken:
            others.append(row)
        else:
            taken.add(row.source_loan_id)
            new.append(row)
    if new:
        tx.loans.import_new(new)
        _note_inserted(new, result)
    if others:
        taken.update(_upsert_existing(tx, others, result))


def _upsert_existing(tx: Transaction, rows: Sequence[LoanRow], result: _BatchResult) -> list[int]:
    """Imports loans whose ids are taken: by themselves, imported before, or by others; returns the ids given."""
    known = tx.loans.by_source({_KEY(row) for row in rows})
    new: dict[tuple[int, int], LoanRow] = {}
    for row in rows:
        if _KEY(row) not in known:
            new.setdefault(_KEY(row), row)
    numbers = tx.loans.import_renumbered(list(new.values())) if new else []
    id_of = dict(zip(new, numbers, strict=True))
    for row in rows:
        key = _KEY(row)
        if new.get(key) is row:
            _note_inserted([row], result)
            _note_id(row, id_of[key], result)
        else:
            # A row of the batch may be of a loan that an earlier one has brought.
            before = known.get(key) or _imported_loan(new[key], id_of[key])
            known[key] = _update_again(tx, row, before, result)
    return numbers


def _update_again(tx: Transaction, row: LoanRow, before: Loan, result: _BatchResult) -> Loan:
    """Imports a loan that is in the book already; returns it as it is from then on."""
    loan = _imported_loan(row, before.loan_id)
    # What is recorded here is in a sheet that was exported.
    if loan in (_without_records(before), _as_imported(tx, before)):
        result.unchanged += 1
        loan = before
    elif before.repayment_count or before.charge_count:
        recorded = "repayments" if before.repayment_count else "charges"
        result.reject(
            row.row_number, headings.LOAN_ID, f"{recorded} on loan {loan.loan_id} are recorded here, not by sheets"
        )
        return before
    else:
        # As a repayment does, so that a decision on the customer sees the loan as it was or as it is from now on.
        tx.borrowers.lock([loan.customer_id], wait=True)
        loan = _with_class(loan, before, result.file.book_date)
        tx.loans.import_changed(loan, before)
        _update_customer_class(tx, before, result.file.book_date)
        result.note_changes(row, changes_of_loan(before, loan), loan.loan_id)
        _note_reduction(row, before, loan, result)
        result.updated += 1
    _note_id(row, loan.loan_id, result)
    return loan


def _with_class(loan: Loan, before: Loan, book_date: date) -> Loan:
    """The loan with its class as if what the sheet says to be paid had been paid on the book date."""
    arrears = Arrears(before.next_due, before.non_performing_since)
    return replace(loan, non_performing_since=after_payment(arrears, book_date, loan.next_due).non_performing_since)


def _update_customer_class(tx: Transaction, before: Loan, on: date) -> None:
    """Keeps since when the customer is non-performing: until no loan has arrears on the book date."""
    customer_id = before.customer_id
    was_since = tx.customers.non_performing_since([customer_id]).get(customer_id)
    since = was_since or before.non_performing_on(on)
    if since is None:
        return
    borrower = tx.borrowers.get(customer_id, on)
    if borrower is None or borrower.position.asset_class is AssetClass.STANDARD:
        since = None
    if since != was_since:
        tx.customers.set_non_performing_since(customer_id, since)


def _note_id(row: LoanRow, loan_id: int, result: _BatchResult) -> None:
    if loan_id != row.source_loan_id:
        message = f"{row.source_loan_id} is the number of another loan; this one has loan_id {loan_id}"
        result.adjust(row.row_number, headings.LOAN_ID, message)


def _note_reduction(row: LoanRow, before: Loan, after: Loan, result: _BatchResult) -> None:
    """Reports what takes debt off a loan that nobody has repaid here."""
    if after.loan_amount < before.loan_amount:
        amounts = f"{format_rupees(before.loan_amount)} to {format_rupees(after.loan_amount)}"
        result.adjust(row.row_number, headings.LOAN_AMOUNT, f"lowers loan {after.loan_id} from {amounts}")
    was_running = before.state is LoanState.ACTIVE and before.end_date > result.file.book_date
    if was_running and after.state is LoanState.CLOSED:
        message = f"closes loan {after.loan_id}, which was to run until {before.end_date}"
        result.adjust(row.row_number, headings.EMIS_PAID_ON_TIME, message)


def _as_imported(tx: Transaction, loan: Loan) -> Loan:
    """The loan as it was before the repayments and charges recorded here."""
    first_and_latest = tx.repayments.first_and_latest([loan])
    if not first_and_latest:
        return _without_records(loan)
    before = first_and_latest[loan.loan_id][0].before
    loan = replace(loan, emis_paid=before.emis_paid, emis_paid_on_time=before.emis_paid_on_time)
    return _without_records(replace(loan, outstanding_principal=before.outstanding_principal))


def _without_records(loan: Loan) -> Loan:
    """The loan as a sheet may have it: as it stands, without the counts of what was recorded here."""
    loan = replace(loan, charge_count=0, open_charges=0, non_performing_since=None)
    return replace(loan, paid_toward_next=0, repayment_count=0, latest_repayment=0)


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
