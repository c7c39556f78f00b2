from almeno_grpc._gen.almeno.credit.v1 import charge_pb2 as _charge_pb2
from google.type import date_pb2 as _date_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatementLineKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATEMENT_LINE_KIND_UNSPECIFIED: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_DISBURSEMENT: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_FEE: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_GST: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_PAID_BEFORE: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_INSTALLMENT_DUE: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_CHARGE: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_INTEREST: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_REPAYMENT: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_PREPAYMENT: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_WAIVER: _ClassVar[StatementLineKind]
    STATEMENT_LINE_KIND_REVERSAL: _ClassVar[StatementLineKind]
STATEMENT_LINE_KIND_UNSPECIFIED: StatementLineKind
STATEMENT_LINE_KIND_DISBURSEMENT: StatementLineKind
STATEMENT_LINE_KIND_FEE: StatementLineKind
STATEMENT_LINE_KIND_GST: StatementLineKind
STATEMENT_LINE_KIND_PAID_BEFORE: StatementLineKind
STATEMENT_LINE_KIND_INSTALLMENT_DUE: StatementLineKind
STATEMENT_LINE_KIND_CHARGE: StatementLineKind
STATEMENT_LINE_KIND_INTEREST: StatementLineKind
STATEMENT_LINE_KIND_REPAYMENT: StatementLineKind
STATEMENT_LINE_KIND_PREPAYMENT: StatementLineKind
STATEMENT_LINE_KIND_WAIVER: StatementLineKind
STATEMENT_LINE_KIND_REVERSAL: StatementLineKind

class StatementLine(_message.Message):
    __slots__ = ("value_date", "kind", "debit", "credit", "balance", "installment_number", "installment_amount", "charge_kind", "repayment_id", "external_reference")
    VALUE_DATE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DEBIT_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    INSTALLMENT_NUMBER_FIELD_NUMBER: _ClassVar[int]
    INSTALLMENT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CHARGE_KIND_FIELD_NUMBER: _ClassVar[int]
    REPAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    value_date: _date_pb2.Date
    kind: StatementLineKind
    debit: _money_pb2.Money
    credit: _money_pb2.Money
    balance: _money_pb2.Money
    installment_number: int
    installment_amount: _money_pb2.Money
    charge_kind: _charge_pb2.ChargeKind
    repayment_id: str
    external_reference: str
    def __init__(self, value_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., kind: _Optional[_Union[StatementLineKind, str]] = ..., debit: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., credit: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., balance: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., installment_number: _Optional[int] = ..., installment_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., charge_kind: _Optional[_Union[_charge_pb2.ChargeKind, str]] = ..., repayment_id: _Optional[str] = ..., external_reference: _Optional[str] = ...) -> None: ...
