import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImportKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_KIND_UNSPECIFIED: _ClassVar[ImportKind]
    IMPORT_KIND_CUSTOMERS: _ClassVar[ImportKind]
    IMPORT_KIND_LOANS: _ClassVar[ImportKind]

class ImportState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_STATE_UNSPECIFIED: _ClassVar[ImportState]
    IMPORT_STATE_QUEUED: _ClassVar[ImportState]
    IMPORT_STATE_RUNNING: _ClassVar[ImportState]
    IMPORT_STATE_SUCCEEDED: _ClassVar[ImportState]
    IMPORT_STATE_FAILED: _ClassVar[ImportState]
    IMPORT_STATE_CANCELLED: _ClassVar[ImportState]

class ImportIssueOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_ISSUE_OUTCOME_UNSPECIFIED: _ClassVar[ImportIssueOutcome]
    IMPORT_ISSUE_OUTCOME_REJECTED: _ClassVar[ImportIssueOutcome]
    IMPORT_ISSUE_OUTCOME_ADJUSTED: _ClassVar[ImportIssueOutcome]
IMPORT_KIND_UNSPECIFIED: ImportKind
IMPORT_KIND_CUSTOMERS: ImportKind
IMPORT_KIND_LOANS: ImportKind
IMPORT_STATE_UNSPECIFIED: ImportState
IMPORT_STATE_QUEUED: ImportState
IMPORT_STATE_RUNNING: ImportState
IMPORT_STATE_SUCCEEDED: ImportState
IMPORT_STATE_FAILED: ImportState
IMPORT_STATE_CANCELLED: ImportState
IMPORT_ISSUE_OUTCOME_UNSPECIFIED: ImportIssueOutcome
IMPORT_ISSUE_OUTCOME_REJECTED: ImportIssueOutcome
IMPORT_ISSUE_OUTCOME_ADJUSTED: ImportIssueOutcome

class Import(_message.Message):
    __slots__ = ("import_id", "kind", "file_name", "sha256", "book_date", "state", "rows_total", "rows_inserted", "rows_updated", "rows_unchanged", "rows_rejected", "rows_adjusted", "error", "create_time", "start_time", "end_time", "issues_total")
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    BOOK_DATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ROWS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    ROWS_INSERTED_FIELD_NUMBER: _ClassVar[int]
    ROWS_UPDATED_FIELD_NUMBER: _ClassVar[int]
    ROWS_UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    ROWS_REJECTED_FIELD_NUMBER: _ClassVar[int]
    ROWS_ADJUSTED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ISSUES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    kind: ImportKind
    file_name: str
    sha256: str
    book_date: _date_pb2.Date
    state: ImportState
    rows_total: int
    rows_inserted: int
    rows_updated: int
    rows_unchanged: int
    rows_rejected: int
    rows_adjusted: int
    error: str
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    issues_total: int
    def __init__(self, import_id: _Optional[str] = ..., kind: _Optional[_Union[ImportKind, str]] = ..., file_name: _Optional[str] = ..., sha256: _Optional[str] = ..., book_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., state: _Optional[_Union[ImportState, str]] = ..., rows_total: _Optional[int] = ..., rows_inserted: _Optional[int] = ..., rows_updated: _Optional[int] = ..., rows_unchanged: _Optional[int] = ..., rows_rejected: _Optional[int] = ..., rows_adjusted: _Optional[int] = ..., error: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., issues_total: _Optional[int] = ...) -> None: ...

class ImportIssue(_message.Message):
    __slots__ = ("row_number", "outcome", "column", "message")
    ROW_NUMBER_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    row_number: int
    outcome: ImportIssueOutcome
    column: str
    message: str
    def __init__(self, row_number: _Optional[int] = ..., outcome: _Optional[_Union[ImportIssueOutcome, str]] = ..., column: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
