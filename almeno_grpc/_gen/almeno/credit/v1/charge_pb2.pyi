from google.type import date_pb2 as _date_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChargeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHARGE_KIND_UNSPECIFIED: _ClassVar[ChargeKind]
    CHARGE_KIND_LATE_PAYMENT: _ClassVar[ChargeKind]
    CHARGE_KIND_BOUNCE: _ClassVar[ChargeKind]
    CHARGE_KIND_OTHER: _ClassVar[ChargeKind]
CHARGE_KIND_UNSPECIFIED: ChargeKind
CHARGE_KIND_LATE_PAYMENT: ChargeKind
CHARGE_KIND_BOUNCE: ChargeKind
CHARGE_KIND_OTHER: ChargeKind

class Charge(_message.Message):
    __slots__ = ("kind", "installment_number", "charge_date", "amount", "paid", "waived", "open", "reason")
    KIND_FIELD_NUMBER: _ClassVar[int]
    INSTALLMENT_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CHARGE_DATE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PAID_FIELD_NUMBER: _ClassVar[int]
    WAIVED_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    kind: ChargeKind
    installment_number: int
    charge_date: _date_pb2.Date
    amount: _money_pb2.Money
    paid: _money_pb2.Money
    waived: _money_pb2.Money
    open: _money_pb2.Money
    reason: str
    def __init__(self, kind: _Optional[_Union[ChargeKind, str]] = ..., installment_number: _Optional[int] = ..., charge_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., paid: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., waived: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., open: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...
