from google.type import date_pb2 as _date_pb2
from google.type import decimal_pb2 as _decimal_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Terms(_message.Message):
    __slots__ = ("version", "effective_date", "sha256", "in_effect", "toml", "valid_days", "cooling_off_days", "processing_percent", "processing_min", "processing_max", "gst_percent", "refunded_on_exit", "late")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_DATE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    IN_EFFECT_FIELD_NUMBER: _ClassVar[int]
    TOML_FIELD_NUMBER: _ClassVar[int]
    VALID_DAYS_FIELD_NUMBER: _ClassVar[int]
    COOLING_OFF_DAYS_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_PERCENT_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_MIN_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_MAX_FIELD_NUMBER: _ClassVar[int]
    GST_PERCENT_FIELD_NUMBER: _ClassVar[int]
    REFUNDED_ON_EXIT_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    version: str
    effective_date: _date_pb2.Date
    sha256: str
    in_effect: bool
    toml: str
    valid_days: int
    cooling_off_days: int
    processing_percent: _decimal_pb2.Decimal
    processing_min: _money_pb2.Money
    processing_max: _money_pb2.Money
    gst_percent: _decimal_pb2.Decimal
    refunded_on_exit: bool
    late: LateChargeTerms
    def __init__(self, version: _Optional[str] = ..., effective_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., sha256: _Optional[str] = ..., in_effect: bool = ..., toml: _Optional[str] = ..., valid_days: _Optional[int] = ..., cooling_off_days: _Optional[int] = ..., processing_percent: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., processing_min: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., processing_max: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., gst_percent: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., refunded_on_exit: bool = ..., late: _Optional[_Union[LateChargeTerms, _Mapping]] = ...) -> None: ...

class LateChargeTerms(_message.Message):
    __slots__ = ("charge_percent_a_year", "grace_days", "charge_max_percent_of_installment")
    CHARGE_PERCENT_A_YEAR_FIELD_NUMBER: _ClassVar[int]
    GRACE_DAYS_FIELD_NUMBER: _ClassVar[int]
    CHARGE_MAX_PERCENT_OF_INSTALLMENT_FIELD_NUMBER: _ClassVar[int]
    charge_percent_a_year: _decimal_pb2.Decimal
    grace_days: int
    charge_max_percent_of_installment: _decimal_pb2.Decimal
    def __init__(self, charge_percent_a_year: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., grace_days: _Optional[int] = ..., charge_max_percent_of_installment: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ...) -> None: ...
