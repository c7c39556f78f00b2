"""Imports and their issues as messages."""

from almeno_grpc.api import import_pb2
from almeno_grpc.domain.imports import ImportFile, ImportKind, ImportState, IssueOutcome, RowIssue
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.values import fill_date, fill_timestamp, without_quoted_cells

IMPORT_KINDS = enum_values(ImportKind, import_pb2.ImportKind)
IMPORT_STATES = enum_values(ImportState, import_pb2.ImportState)
ISSUE_OUTCOMES = enum_values(IssueOutcome, import_pb2.ImportIssueOutcome)


def fill_import(message: import_pb2.Import, file: ImportFile, *, in_full: bool) -> None:
    """Fills an import; what its error quotes of the file only in full."""
    message.import_id = file.import_id
    message.kind = IMPORT_KINDS[file.kind]
    message.file_name = file.file_name
    message.sha256 = file.sha256
    fill_date(message.book_date, file.book_date)
    message.state = IMPORT_STATES[file.state]
    message.rows_total = file.rows_total
    message.rows_inserted = file.rows.inserted
    message.rows_updated = file.rows.updated
    message.rows_unchanged = file.rows.unchanged
    message.rows_rejected = file.rows.rejected
    message.rows_adjusted = file.rows.adjusted
    message.issues_total = file.issues_total
    message.error = file.error if in_full else without_quoted_cells(file.error)
    fill_timestamp(message.create_time, file.create_time)
    if file.start_time is not None:
        fill_timestamp(message.start_time, file.start_time)
    if file.end_time is not None:
        fill_timestamp(message.end_time, file.end_time)


def fill_issue(message: import_pb2.ImportIssue, issue: RowIssue, *, in_full: bool) -> None:
    """Fills why a row was rejected or adjusted; what that quotes of the row only in full."""
    message.row_number = issue.row_number
    message.outcome = ISSUE_OUTCOMES[issue.outcome]
    message.column = issue.column
    message.message = issue.message if in_full else without_quoted_cells(issue.message)
