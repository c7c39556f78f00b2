import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Repayment(_message.Message):
    __slots__ = ("repayment_id", "loan_id", "amount", "payment_date", "emis_completed", "closes_loan", "outstanding_principal", "create_time")
    REPAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_DATE_FIELD_NUMBER: _ClassVar[int]
    EMIS_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    CLOSES_LOAN_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    repayment_id: str
    loan_id: int
    amount: _money_pb2.Money
    payment_date: _date_pb2.Date
    emis_completed: int
    closes_loan: bool
    outstanding_principal: _money_pb2.Money
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, repayment_id: _Optional[str] = ..., loan_id: _Optional[int] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., payment_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., emis_completed: _Optional[int] = ..., closes_loan: bool = ..., outstanding_principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Payoff(_message.Message):
    __slots__ = ("payoff_date", "amount", "overdue_amount", "principal", "accrued_interest", "advance")
    PAYOFF_DATE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_INTEREST_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_FIELD_NUMBER: _ClassVar[int]
    payoff_date: _date_pb2.Date
    amount: _money_pb2.Money
    overdue_amount: _money_pb2.Money
    principal: _money_pb2.Money
    accrued_interest: _money_pb2.Money
    advance: _money_pb2.Money
    def __init__(self, payoff_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., overdue_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., accrued_interest: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., advance: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...
