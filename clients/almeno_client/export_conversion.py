"""Conversion of exported loans and journal entries to records."""

from almeno_client.conversion import loan_of
from almeno_client.enums import enum_names
from almeno_client.export_records import (
    ExportedLoan,
    ExportProgress,
    JournalAccount,
    JournalEntry,
    JournalEntryKind,
    JournalLine,
)
from almeno_client.values import date_of, instant_of, rupees_of
from almeno_grpc.api import export_pb2, portfolio_service_pb2

_ACCOUNTS = enum_names(dict(export_pb2.JournalAccount.items()), JournalAccount, "JOURNAL_ACCOUNT_")
_KINDS = enum_names(dict(export_pb2.JournalEntryKind.items()), JournalEntryKind, "JOURNAL_ENTRY_KIND_")


def loan_update_of(response: portfolio_service_pb2.ExportLoansResponse) -> ExportProgress | ExportedLoan:
    """Converts a message of ExportLoans."""
    if response.HasField("progress"):
        return _progress_of(response.progress)
    message = response.loan
    return ExportedLoan(
        loan=loan_of(message.loan),
        as_of=date_of(message.as_of),
        overdue_amount=rupees_of(message.overdue_amount),
        accrued_interest=rupees_of(message.accrued_interest),
        open_charges=rupees_of(message.open_charges),
        payoff_amount=rupees_of(message.payoff_amount),
        next_due_date=date_of(message.next_due_date) if message.HasField("next_due_date") else None,
    )


def journal_update_of(response: portfolio_service_pb2.ExportJournalResponse) -> ExportProgress | JournalEntry:
    """Converts a message of ExportJournal."""
    if response.HasField("progress"):
        return _progress_of(response.progress)
    message = response.entry
    return JournalEntry(
        entry_id=message.entry_id,
        entry_date=date_of(message.entry_date),
        loan_id=message.loan_id,
        customer_id=message.customer_id,
        kind=_KINDS.get(message.kind, JournalEntryKind.UNSPECIFIED),
        lines=tuple(
            JournalLine(
                _ACCOUNTS.get(line.account, JournalAccount.UNSPECIFIED), rupees_of(line.debit), rupees_of(line.credit)
            )
            for line in message.lines
        ),
    )


def _progress_of(message: export_pb2.ExportProgress) -> ExportProgress:
    since = instant_of(message.next_changed_since) if message.HasField("next_changed_since") else None
    return ExportProgress(message.loans_done, message.loans_total, since)
