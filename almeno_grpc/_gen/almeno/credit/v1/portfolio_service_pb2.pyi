import datetime

from almeno_grpc._gen.almeno.credit.v1 import change_event_pb2 as _change_event_pb2
from almeno_grpc._gen.almeno.credit.v1 import decision_pb2 as _decision_pb2
from almeno_grpc._gen.almeno.credit.v1 import export_pb2 as _export_pb2
from almeno_grpc._gen.almeno.credit.v1 import import_pb2 as _import_pb2
from almeno_grpc._gen.almeno.credit.v1 import policy_pb2 as _policy_pb2
from almeno_grpc._gen.almeno.credit.v1 import portfolio_pb2 as _portfolio_pb2
from almeno_grpc._gen.almeno.credit.v1 import scope_pb2 as _scope_pb2
from almeno_grpc._gen.almeno.credit.v1 import simulation_pb2 as _simulation_pb2
from almeno_grpc._gen.almeno.credit.v1 import terms_pb2 as _terms_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from google.type import decimal_pb2 as _decimal_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImportHeader(_message.Message):
    __slots__ = ("kind", "file_name", "book_date", "request_id", "size_bytes", "sha256", "columns")
    class ColumnsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    BOOK_DATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    kind: _import_pb2.ImportKind
    file_name: str
    book_date: _date_pb2.Date
    request_id: str
    size_bytes: int
    sha256: str
    columns: _containers.ScalarMap[str, str]
    def __init__(self, kind: _Optional[_Union[_import_pb2.ImportKind, str]] = ..., file_name: _Optional[str] = ..., book_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., request_id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., columns: _Optional[_Mapping[str, str]] = ...) -> None: ...

class StartImportRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: ImportHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[ImportHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class StartImportResponse(_message.Message):
    __slots__ = ("book_import",)
    BOOK_IMPORT_FIELD_NUMBER: _ClassVar[int]
    book_import: _import_pb2.Import
    def __init__(self, book_import: _Optional[_Union[_import_pb2.Import, _Mapping]] = ...) -> None: ...

class GetImportRequest(_message.Message):
    __slots__ = ("import_id",)
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    def __init__(self, import_id: _Optional[str] = ...) -> None: ...

class GetImportResponse(_message.Message):
    __slots__ = ("book_import",)
    BOOK_IMPORT_FIELD_NUMBER: _ClassVar[int]
    book_import: _import_pb2.Import
    def __init__(self, book_import: _Optional[_Union[_import_pb2.Import, _Mapping]] = ...) -> None: ...

class CancelImportRequest(_message.Message):
    __slots__ = ("import_id", "request_id")
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    request_id: str
    def __init__(self, import_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelImportResponse(_message.Message):
    __slots__ = ("book_import",)
    BOOK_IMPORT_FIELD_NUMBER: _ClassVar[int]
    book_import: _import_pb2.Import
    def __init__(self, book_import: _Optional[_Union[_import_pb2.Import, _Mapping]] = ...) -> None: ...

class ListImportsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListImportsResponse(_message.Message):
    __slots__ = ("imports", "next_page_token")
    IMPORTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    imports: _containers.RepeatedCompositeFieldContainer[_import_pb2.Import]
    next_page_token: str
    def __init__(self, imports: _Optional[_Iterable[_Union[_import_pb2.Import, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchImportRequest(_message.Message):
    __slots__ = ("import_id",)
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    def __init__(self, import_id: _Optional[str] = ...) -> None: ...

class WatchImportResponse(_message.Message):
    __slots__ = ("book_import",)
    BOOK_IMPORT_FIELD_NUMBER: _ClassVar[int]
    book_import: _import_pb2.Import
    def __init__(self, book_import: _Optional[_Union[_import_pb2.Import, _Mapping]] = ...) -> None: ...

class ListImportIssuesRequest(_message.Message):
    __slots__ = ("import_id", "page_size", "page_token")
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    import_id: str
    page_size: int
    page_token: str
    def __init__(self, import_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListImportIssuesResponse(_message.Message):
    __slots__ = ("issues", "next_page_token")
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    issues: _containers.RepeatedCompositeFieldContainer[_import_pb2.ImportIssue]
    next_page_token: str
    def __init__(self, issues: _Optional[_Iterable[_Union[_import_pb2.ImportIssue, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListPoliciesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPoliciesResponse(_message.Message):
    __slots__ = ("policies",)
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    policies: _containers.RepeatedCompositeFieldContainer[_policy_pb2.Policy]
    def __init__(self, policies: _Optional[_Iterable[_Union[_policy_pb2.Policy, _Mapping]]] = ...) -> None: ...

class GetPolicyRequest(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    def __init__(self, version: _Optional[str] = ...) -> None: ...

class GetPolicyResponse(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: _policy_pb2.Policy
    def __init__(self, policy: _Optional[_Union[_policy_pb2.Policy, _Mapping]] = ...) -> None: ...

class ListTermsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTermsResponse(_message.Message):
    __slots__ = ("terms",)
    TERMS_FIELD_NUMBER: _ClassVar[int]
    terms: _containers.RepeatedCompositeFieldContainer[_terms_pb2.Terms]
    def __init__(self, terms: _Optional[_Iterable[_Union[_terms_pb2.Terms, _Mapping]]] = ...) -> None: ...

class GetTermsRequest(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    def __init__(self, version: _Optional[str] = ...) -> None: ...

class GetTermsResponse(_message.Message):
    __slots__ = ("terms",)
    TERMS_FIELD_NUMBER: _ClassVar[int]
    terms: _terms_pb2.Terms
    def __init__(self, terms: _Optional[_Union[_terms_pb2.Terms, _Mapping]] = ...) -> None: ...

class SimulatePolicyRequest(_message.Message):
    __slots__ = ("policy", "version", "against_version", "loan_amount", "interest_rate", "tenure_months", "outside")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGAINST_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOAN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    TENURE_MONTHS_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_FIELD_NUMBER: _ClassVar[int]
    policy: str
    version: str
    against_version: str
    loan_amount: _money_pb2.Money
    interest_rate: _decimal_pb2.Decimal
    tenure_months: int
    outside: _decision_pb2.OutsideCredit
    def __init__(self, policy: _Optional[str] = ..., version: _Optional[str] = ..., against_version: _Optional[str] = ..., loan_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., tenure_months: _Optional[int] = ..., outside: _Optional[_Union[_decision_pb2.OutsideCredit, _Mapping]] = ...) -> None: ...

class SimulatePolicyResponse(_message.Message):
    __slots__ = ("progress", "summary", "flip")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    FLIP_FIELD_NUMBER: _ClassVar[int]
    progress: _simulation_pb2.BookProgress
    summary: _simulation_pb2.SimulationSummary
    flip: _simulation_pb2.SimulationFlip
    def __init__(self, progress: _Optional[_Union[_simulation_pb2.BookProgress, _Mapping]] = ..., summary: _Optional[_Union[_simulation_pb2.SimulationSummary, _Mapping]] = ..., flip: _Optional[_Union[_simulation_pb2.SimulationFlip, _Mapping]] = ...) -> None: ...

class SummarizePortfolioRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SummarizePortfolioResponse(_message.Message):
    __slots__ = ("progress", "summary")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    progress: _simulation_pb2.BookProgress
    summary: _portfolio_pb2.PortfolioSummary
    def __init__(self, progress: _Optional[_Union[_simulation_pb2.BookProgress, _Mapping]] = ..., summary: _Optional[_Union[_portfolio_pb2.PortfolioSummary, _Mapping]] = ...) -> None: ...

class ExportLoansRequest(_message.Message):
    __slots__ = ("as_of", "changed_since")
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    CHANGED_SINCE_FIELD_NUMBER: _ClassVar[int]
    as_of: _date_pb2.Date
    changed_since: _timestamp_pb2.Timestamp
    def __init__(self, as_of: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., changed_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ExportLoansResponse(_message.Message):
    __slots__ = ("progress", "loan")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    LOAN_FIELD_NUMBER: _ClassVar[int]
    progress: _export_pb2.ExportProgress
    loan: _export_pb2.ExportedLoan
    def __init__(self, progress: _Optional[_Union[_export_pb2.ExportProgress, _Mapping]] = ..., loan: _Optional[_Union[_export_pb2.ExportedLoan, _Mapping]] = ...) -> None: ...

class ExportJournalRequest(_message.Message):
    __slots__ = ("to",)
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    to: _date_pb2.Date
    def __init__(self, to: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., **kwargs) -> None: ...

class ExportJournalResponse(_message.Message):
    __slots__ = ("progress", "entry")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    progress: _export_pb2.ExportProgress
    entry: _export_pb2.JournalEntry
    def __init__(self, progress: _Optional[_Union[_export_pb2.ExportProgress, _Mapping]] = ..., entry: _Optional[_Union[_export_pb2.JournalEntry, _Mapping]] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("after", "newest", "page_size")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    after: int
    newest: int
    page_size: int
    def __init__(self, after: _Optional[int] = ..., newest: _Optional[int] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "last_sequence", "next_after")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    NEXT_AFTER_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_change_event_pb2.ChangeEvent]
    last_sequence: int
    next_after: int
    def __init__(self, events: _Optional[_Iterable[_Union[_change_event_pb2.ChangeEvent, _Mapping]]] = ..., last_sequence: _Optional[int] = ..., next_after: _Optional[int] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ("after",)
    AFTER_FIELD_NUMBER: _ClassVar[int]
    after: int
    def __init__(self, after: _Optional[int] = ...) -> None: ...

class WatchEventsResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_change_event_pb2.ChangeEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[_change_event_pb2.ChangeEvent, _Mapping]]] = ...) -> None: ...
