from almeno_grpc._gen.almeno.credit.v1 import terms_pb2 as _terms_pb2
from google.type import date_pb2 as _date_pb2
from google.type import decimal_pb2 as _decimal_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyFacts(_message.Message):
    __slots__ = ("loan_id", "decision_id", "loan_amount", "tenure_months", "monthly_installment", "interest_rate", "processing_fee", "gst", "net_disbursed", "total_interest", "total_to_pay", "apr", "terms_version", "late", "cooling_off_days", "valid_days", "valid_until", "installments")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    TENURE_MONTHS_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_INSTALLMENT_FIELD_NUMBER: _ClassVar[int]
    INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_FEE_FIELD_NUMBER: _ClassVar[int]
    GST_FIELD_NUMBER: _ClassVar[int]
    NET_DISBURSED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_INTEREST_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TO_PAY_FIELD_NUMBER: _ClassVar[int]
    APR_FIELD_NUMBER: _ClassVar[int]
    TERMS_VERSION_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    COOLING_OFF_DAYS_FIELD_NUMBER: _ClassVar[int]
    VALID_DAYS_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    INSTALLMENTS_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    decision_id: str
    loan_amount: _money_pb2.Money
    tenure_months: int
    monthly_installment: _money_pb2.Money
    interest_rate: _decimal_pb2.Decimal
    processing_fee: _money_pb2.Money
    gst: _money_pb2.Money
    net_disbursed: _money_pb2.Money
    total_interest: _money_pb2.Money
    total_to_pay: _money_pb2.Money
    apr: _decimal_pb2.Decimal
    terms_version: str
    late: _terms_pb2.LateChargeTerms
    cooling_off_days: int
    valid_days: int
    valid_until: _date_pb2.Date
    installments: _containers.RepeatedCompositeFieldContainer[ScheduledInstallment]
    def __init__(self, loan_id: _Optional[int] = ..., decision_id: _Optional[str] = ..., loan_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., tenure_months: _Optional[int] = ..., monthly_installment: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., processing_fee: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., gst: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., net_disbursed: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., total_interest: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., total_to_pay: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., apr: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., terms_version: _Optional[str] = ..., late: _Optional[_Union[_terms_pb2.LateChargeTerms, _Mapping]] = ..., cooling_off_days: _Optional[int] = ..., valid_days: _Optional[int] = ..., valid_until: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., installments: _Optional[_Iterable[_Union[ScheduledInstallment, _Mapping]]] = ...) -> None: ...

class ScheduledInstallment(_message.Message):
    __slots__ = ("number", "due_date", "amount", "principal", "interest", "balance_after")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    DUE_DATE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    INTEREST_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_FIELD_NUMBER: _ClassVar[int]
    number: int
    due_date: _date_pb2.Date
    amount: _money_pb2.Money
    principal: _money_pb2.Money
    interest: _money_pb2.Money
    balance_after: _money_pb2.Money
    def __init__(self, number: _Optional[int] = ..., due_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., interest: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., balance_after: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...
