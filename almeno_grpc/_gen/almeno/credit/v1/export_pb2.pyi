import datetime

from almeno_grpc._gen.almeno.credit.v1 import loan_pb2 as _loan_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JournalAccount(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOURNAL_ACCOUNT_UNSPECIFIED: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_LOANS: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_INTEREST_RECEIVABLE: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_CHARGES_RECEIVABLE: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_BANK: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_BORROWER_ADVANCES: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_GST_PAYABLE: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_OPENING_BALANCES: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_INTEREST_INCOME: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_FEE_INCOME: _ClassVar[JournalAccount]
    JOURNAL_ACCOUNT_CHARGE_INCOME: _ClassVar[JournalAccount]

class JournalEntryKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOURNAL_ENTRY_KIND_UNSPECIFIED: _ClassVar[JournalEntryKind]
    JOURNAL_ENTRY_KIND_OPENING: _ClassVar[JournalEntryKind]
    JOURNAL_ENTRY_KIND_DISBURSEMENT: _ClassVar[JournalEntryKind]
    JOURNAL_ENTRY_KIND_ACCRUAL: _ClassVar[JournalEntryKind]
    JOURNAL_ENTRY_KIND_REPAYMENT: _ClassVar[JournalEntryKind]
    JOURNAL_ENTRY_KIND_PREPAYMENT: _ClassVar[JournalEntryKind]
    JOURNAL_ENTRY_KIND_EXIT: _ClassVar[JournalEntryKind]
    JOURNAL_ENTRY_KIND_REVERSAL: _ClassVar[JournalEntryKind]
    JOURNAL_ENTRY_KIND_CHARGE: _ClassVar[JournalEntryKind]
    JOURNAL_ENTRY_KIND_WAIVER: _ClassVar[JournalEntryKind]
JOURNAL_ACCOUNT_UNSPECIFIED: JournalAccount
JOURNAL_ACCOUNT_LOANS: JournalAccount
JOURNAL_ACCOUNT_INTEREST_RECEIVABLE: JournalAccount
JOURNAL_ACCOUNT_CHARGES_RECEIVABLE: JournalAccount
JOURNAL_ACCOUNT_BANK: JournalAccount
JOURNAL_ACCOUNT_BORROWER_ADVANCES: JournalAccount
JOURNAL_ACCOUNT_GST_PAYABLE: JournalAccount
JOURNAL_ACCOUNT_OPENING_BALANCES: JournalAccount
JOURNAL_ACCOUNT_INTEREST_INCOME: JournalAccount
JOURNAL_ACCOUNT_FEE_INCOME: JournalAccount
JOURNAL_ACCOUNT_CHARGE_INCOME: JournalAccount
JOURNAL_ENTRY_KIND_UNSPECIFIED: JournalEntryKind
JOURNAL_ENTRY_KIND_OPENING: JournalEntryKind
JOURNAL_ENTRY_KIND_DISBURSEMENT: JournalEntryKind
JOURNAL_ENTRY_KIND_ACCRUAL: JournalEntryKind
JOURNAL_ENTRY_KIND_REPAYMENT: JournalEntryKind
JOURNAL_ENTRY_KIND_PREPAYMENT: JournalEntryKind
JOURNAL_ENTRY_KIND_EXIT: JournalEntryKind
JOURNAL_ENTRY_KIND_REVERSAL: JournalEntryKind
JOURNAL_ENTRY_KIND_CHARGE: JournalEntryKind
JOURNAL_ENTRY_KIND_WAIVER: JournalEntryKind

class ExportProgress(_message.Message):
    __slots__ = ("loans_done", "loans_total", "next_changed_since")
    LOANS_DONE_FIELD_NUMBER: _ClassVar[int]
    LOANS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEXT_CHANGED_SINCE_FIELD_NUMBER: _ClassVar[int]
    loans_done: int
    loans_total: int
    next_changed_since: _timestamp_pb2.Timestamp
    def __init__(self, loans_done: _Optional[int] = ..., loans_total: _Optional[int] = ..., next_changed_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ExportedLoan(_message.Message):
    __slots__ = ("loan", "as_of", "overdue_amount", "accrued_interest", "open_charges", "payoff_amount", "next_due_date")
    LOAN_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_INTEREST_FIELD_NUMBER: _ClassVar[int]
    OPEN_CHARGES_FIELD_NUMBER: _ClassVar[int]
    PAYOFF_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    NEXT_DUE_DATE_FIELD_NUMBER: _ClassVar[int]
    loan: _loan_pb2.Loan
    as_of: _date_pb2.Date
    overdue_amount: _money_pb2.Money
    accrued_interest: _money_pb2.Money
    open_charges: _money_pb2.Money
    payoff_amount: _money_pb2.Money
    next_due_date: _date_pb2.Date
    def __init__(self, loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ..., as_of: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., overdue_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., accrued_interest: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., open_charges: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., payoff_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., next_due_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ...) -> None: ...

class JournalLine(_message.Message):
    __slots__ = ("account", "debit", "credit")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DEBIT_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    account: JournalAccount
    debit: _money_pb2.Money
    credit: _money_pb2.Money
    def __init__(self, account: _Optional[_Union[JournalAccount, str]] = ..., debit: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., credit: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class JournalEntry(_message.Message):
    __slots__ = ("entry_id", "entry_date", "loan_id", "customer_id", "kind", "lines")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    ENTRY_DATE_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    entry_date: _date_pb2.Date
    loan_id: int
    customer_id: int
    kind: JournalEntryKind
    lines: _containers.RepeatedCompositeFieldContainer[JournalLine]
    def __init__(self, entry_id: _Optional[str] = ..., entry_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., loan_id: _Optional[int] = ..., customer_id: _Optional[int] = ..., kind: _Optional[_Union[JournalEntryKind, str]] = ..., lines: _Optional[_Iterable[_Union[JournalLine, _Mapping]]] = ...) -> None: ...
