"""Exported loans and entries of the general ledger as messages."""

from almeno_grpc.api import export_pb2
from almeno_grpc.domain.journal import JournalAccount, JournalEntry, JournalEntryKind
from almeno_grpc.domain.loan_figures import LoanFigures
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.loans import fill_loan
from almeno_grpc.rpc.conversion.values import fill_date, fill_money, fill_timestamp
from almeno_grpc.service.exports import ExportProgress

JOURNAL_ACCOUNTS = enum_values(JournalAccount, export_pb2.JournalAccount)
JOURNAL_ENTRY_KINDS = enum_values(JournalEntryKind, export_pb2.JournalEntryKind)


def fill_progress(message: export_pb2.ExportProgress, progress: ExportProgress) -> None:
    """Fills the progress of an export."""
    message.loans_done = progress.loans_done
    message.loans_total = progress.loans_total
    if progress.next_changed_since is not None:
        fill_timestamp(message.next_changed_since, progress.next_changed_since)


def fill_exported_loan(message: export_pb2.ExportedLoan, figures: LoanFigures) -> None:
    """Fills a loan with its figures on a day."""
    loan = figures.loan
    fill_loan(message.loan, loan, figures.as_of)
    fill_date(message.as_of, figures.as_of)
    fill_money(message.overdue_amount, figures.overdue_amount)
    fill_money(message.accrued_interest, figures.accrued_interest)
    fill_money(message.open_charges, figures.open_charges)
    fill_money(message.payoff_amount, figures.payoff_amount)
    if loan.next_due is not None:
        fill_date(message.next_due_date, loan.next_due)


def fill_journal_entry(message: export_pb2.JournalEntry, entry: JournalEntry) -> None:
    """Fills an entry of the general ledger."""
    message.entry_id = entry.entry_id
    fill_date(message.entry_date, entry.entry_date)
    message.loan_id = entry.loan_id
    message.customer_id = entry.customer_id
    message.kind = JOURNAL_ENTRY_KINDS[entry.kind]
    for account, amount in entry.lines:
        line = message.lines.add(account=JOURNAL_ACCOUNTS[account])
        fill_money(line.debit, max(0, amount))
        fill_money(line.credit, max(0, -amount))
