"""Events of changes that a transaction writes, made from the rows that the changes write.

    snapshot    [customer, loan, segments of its schedule, repayment, charges, decision_id], each nil or left out where
                the event is not about one; a row as [code of its form, columns], a repayment's with the reversal's
                behind it

In MessagePack, which takes a microsecond for a loan, where a message of the API takes ten times as long.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table

from almeno_grpc.domain.change_event import ChangeEventKind as Kind
from almeno_grpc.domain.charge import ChargeKind
from almeno_grpc.domain.loan import LoanState, Segment
from almeno_grpc.domain.money import scaled_rate
from almeno_grpc.domain.repayment import RepaymentKind
from almeno_grpc.service.audit_chain import encode
from almeno_grpc.service.store import Changes, DecisionRecord
from almeno_grpc.storage.audit_rows import CUSTOMER, LOAN, REPAYMENT
from almeno_grpc.storage.bulk import BulkInsert
from almeno_grpc.storage.compiled import Row
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import change_event

# Without the column of the numbers, which the database gives.
_TABLE = Table(
    change_event.name, MetaData(), *(Column(each.name, each.type) for each in change_event.c if each.identity is None)
)
INSERT = TableWrite(_TABLE, tuple(_TABLE.c))
_BULK_INSERT = BulkInsert(_TABLE)

CODES = {
    Kind.CUSTOMER_REGISTERED: 1,
    Kind.CUSTOMER_IMPORTED: 2,
    Kind.CUSTOMER_UPDATED: 3,
    Kind.CUSTOMER_LIMIT_SET: 4,
    Kind.CUSTOMER_CLASS_CHANGED: 5,
    Kind.LOAN_BOOKED: 6,
    Kind.LOAN_SANCTIONED: 7,
    Kind.LOAN_DISBURSED: 8,
    Kind.LOAN_CANCELLED: 9,
    Kind.LOAN_EXITED: 10,
    Kind.LOAN_IMPORTED: 11,
    Kind.LOAN_UPDATED: 12,
    Kind.LOAN_PREPAID: 13,
    Kind.LOAN_CLOSED: 14,
    Kind.REPAYMENT_RECORDED: 15,
    Kind.REPAYMENT_REVERSED: 16,
    Kind.CHARGE_ADDED: 17,
    Kind.CHARGES_WAIVED: 18,
    Kind.APPLICATION_DECLINED: 19,
}
"""The number by which each kind is stored."""
_KINDS_OF_PAYMENTS = {
    RepaymentKind.REPAYMENT: Kind.REPAYMENT_RECORDED,
    RepaymentKind.PREPAYMENT: Kind.LOAN_PREPAID,
    RepaymentKind.EXIT: Kind.LOAN_EXITED,
}
_STATE = [each.name for each in LOAN.columns].index("state")
_LIMIT = [each.name for each in CUSTOMER.columns].index("approved_limit_paise")

Draft = tuple[int, int, int | None, bytes]
"""What the row of an event has of its own: the code of its kind, customer_id, loan_id and snapshot."""


def customer_draft(kind: Kind, row: Row) -> Draft:
    """An event about a customer, by the row."""
    return CODES[kind], row[0], None, encode([(CUSTOMER.code, row)])


def loan_draft(
    kind: Kind, row: Row, segments: Sequence[Segment] = (), repayment: Row | None = None, charges: Sequence[Any] = ()
) -> Draft:
    """An event about a loan, by the row of all columns, and what goes with it."""
    snapshot: list[Any] = [None, (LOAN.code, row)]
    if segments or repayment or charges:
        snapshot += [list(map(_segment_values, segments)), repayment and (REPAYMENT.code, repayment), charges]
    return CODES[kind], row[1], row[0], encode(snapshot)


def declined_draft(decision: DecisionRecord) -> Draft:
    """The event of a loan that was declined, by the decision, whose id alone it keeps."""
    snapshot = [None, None, None, None, None, decision.decision_id]
    return CODES[Kind.APPLICATION_DECLINED], decision.customer_id, None, encode(snapshot)


def kind_of_update(before: Row, after: Row) -> Kind:
    """What an update has made of a customer."""
    others = slice(_LIMIT + 1, -1)
    is_limit_alone = before[:_LIMIT] == after[:_LIMIT] and before[others] == after[others]
    return Kind.CUSTOMER_LIMIT_SET if is_limit_alone else Kind.CUSTOMER_UPDATED


class ChangeEventWrites:
    """The events of what a transaction has written by itself, before its `Changes`."""

    def __init__(self) -> None:
        self._drafts: list[Draft] = []

    def note(self, drafts: Iterable[Draft]) -> None:
        """Has an event written for each draft with the next changes."""
        self._drafts += drafts

    def insert(self, connection: Connection, changes: Changes) -> None:
        """Inserts what was noted, as events of the changes; so late that what else the transaction locks is locked."""
        if self._drafts:
            drafts, self._drafts = self._drafts, []
            alike = ([value] * len(drafts) for value in _head_of(changes))
            _BULK_INSERT.insert(connection, [*alike, *zip(*drafts, strict=True)])


def rows_of(
    changes: Changes,
    customers: Sequence[Row],
    loans: Sequence[Row],
    payments: Sequence[Row],
    updated_loans: Sequence[tuple[Row, Row]],
    reclassified: Sequence[Row],
) -> list[Row]:
    """The rows of the events of changes, for `INSERT`.

    Args:
        changes: The changes.
        customers: New customers, as rows.
        loans: New loans.
        payments: A repayment that is recorded or reversed, if there is one, with the columns of its reversal.
        updated_loans: Loans before and after the change.
        reclassified: Customers whose class changes, as they stand after it.
    """
    drafts = [customer_draft(Kind.CUSTOMER_REGISTERED, row) for row in customers]
    drafts += (declined_draft(decision) for decision in changes.decisions if not decision.approved)
    for row in loans:
        is_sanctioned = row[_STATE] == LoanState.SANCTIONED.value
        drafts.append(loan_draft(Kind.LOAN_SANCTIONED if is_sanctioned else Kind.LOAN_BOOKED, row))
    for loan, (before, after) in zip(changes.updated_loans, updated_loans, strict=True):
        payment = next((row for row in payments if row[1] == loan.loan_id), None)
        drafts.append(loan_draft(_kind_of(changes), after, loan.segments, payment, changes.charges))
        drafts += closing_drafts(before, after, loan.segments)
    drafts += (customer_draft(Kind.CUSTOMER_CLASS_CHANGED, row) for row in reclassified)
    if not drafts:
        return []
    head = _head_of(changes)
    return [(*head, *draft) for draft in drafts]


def closing_drafts(before: Row, after: Row, segments: Sequence[Segment] = ()) -> Iterator[Draft]:
    """The event behind that of a change, where it has closed the loan."""
    if before[_STATE] != after[_STATE] == LoanState.CLOSED.value:
        yield loan_draft(Kind.LOAN_CLOSED, after, segments)


def _kind_of(changes: Changes) -> Kind:
    """What has happened to the loan that changes."""
    if changes.repayments:
        return _KINDS_OF_PAYMENTS[changes.repayments[0].kind]
    if changes.reversals:
        return Kind.REPAYMENT_REVERSED
    if changes.charge_entries:
        return Kind.CHARGES_WAIVED if changes.charge_entries[0].kind is ChargeKind.WAIVER else Kind.CHARGE_ADDED
    if changes.sanction_ends:
        is_disbursed = changes.sanction_ends[0].state is LoanState.ACTIVE
        return Kind.LOAN_DISBURSED if is_disbursed else Kind.LOAN_CANCELLED
    return Kind.LOAN_UPDATED


def _head_of(changes: Changes) -> Row:
    """The columns that all events of changes have alike.

    Raises:
        ValueError: Nobody has said who makes the changes, or on which day.
    """
    entry, on = changes.event, changes.on
    if entry is None or on is None:
        raise ValueError("what changes the book says on which business date")
    return entry.time, on.toordinal(), entry.principal, entry.request_id, changes.import_id


def _segment_values(segment: Segment) -> Row:
    return (
        segment.first_installment,
        segment.opening_principal,
        scaled_rate(segment.interest_rate),
        segment.installments,
        segment.monthly_installment,
    )
