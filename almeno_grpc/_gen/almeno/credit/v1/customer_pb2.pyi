import datetime

from almeno_grpc._gen.almeno.credit.v1 import asset_class_pb2 as _asset_class_pb2
from almeno_grpc._gen.almeno.credit.v1 import personal_data_pb2 as _personal_data_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Customer(_message.Message):
    __slots__ = ("customer_id", "first_name", "last_name", "age", "phone_number", "monthly_income", "approved_limit", "create_time", "redacted", "phone_hint")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_INCOME_FIELD_NUMBER: _ClassVar[int]
    APPROVED_LIMIT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REDACTED_FIELD_NUMBER: _ClassVar[int]
    PHONE_HINT_FIELD_NUMBER: _ClassVar[int]
    customer_id: int
    first_name: str
    last_name: str
    age: int
    phone_number: str
    monthly_income: _money_pb2.Money
    approved_limit: _money_pb2.Money
    create_time: _timestamp_pb2.Timestamp
    redacted: bool
    phone_hint: str
    def __init__(self, customer_id: _Optional[int] = ..., first_name: _Optional[str] = ..., last_name: _Optional[str] = ..., age: _Optional[int] = ..., phone_number: _Optional[str] = ..., monthly_income: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., approved_limit: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., redacted: bool = ..., phone_hint: _Optional[str] = ...) -> None: ...

class CustomerChange(_message.Message):
    __slots__ = ("number", "change_time", "customer_id", "loan_id", "field", "old_value", "new_value", "import_id", "row_number", "principal", "redacted", "reason", "customer_request_date")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OLD_VALUE_FIELD_NUMBER: _ClassVar[int]
    NEW_VALUE_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    ROW_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    REDACTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_REQUEST_DATE_FIELD_NUMBER: _ClassVar[int]
    number: int
    change_time: _timestamp_pb2.Timestamp
    customer_id: int
    loan_id: int
    field: str
    old_value: str
    new_value: str
    import_id: str
    row_number: int
    principal: str
    redacted: bool
    reason: str
    customer_request_date: _date_pb2.Date
    def __init__(self, number: _Optional[int] = ..., change_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., customer_id: _Optional[int] = ..., loan_id: _Optional[int] = ..., field: _Optional[str] = ..., old_value: _Optional[str] = ..., new_value: _Optional[str] = ..., import_id: _Optional[str] = ..., row_number: _Optional[int] = ..., principal: _Optional[str] = ..., redacted: bool = ..., reason: _Optional[str] = ..., customer_request_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ...) -> None: ...

class CreditPosition(_message.Message):
    __slots__ = ("loan_count", "active_loan_count", "loans_this_year", "approved_volume", "current_debt", "monthly_obligation", "emis_due", "emis_paid_on_time", "available_limit", "days_past_due", "asset_class")
    LOAN_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_LOAN_COUNT_FIELD_NUMBER: _ClassVar[int]
    LOANS_THIS_YEAR_FIELD_NUMBER: _ClassVar[int]
    APPROVED_VOLUME_FIELD_NUMBER: _ClassVar[int]
    CURRENT_DEBT_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_OBLIGATION_FIELD_NUMBER: _ClassVar[int]
    EMIS_DUE_FIELD_NUMBER: _ClassVar[int]
    EMIS_PAID_ON_TIME_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    DAYS_PAST_DUE_FIELD_NUMBER: _ClassVar[int]
    ASSET_CLASS_FIELD_NUMBER: _ClassVar[int]
    loan_count: int
    active_loan_count: int
    loans_this_year: int
    approved_volume: _money_pb2.Money
    current_debt: _money_pb2.Money
    monthly_obligation: _money_pb2.Money
    emis_due: int
    emis_paid_on_time: int
    available_limit: _money_pb2.Money
    days_past_due: int
    asset_class: _asset_class_pb2.AssetClass
    def __init__(self, loan_count: _Optional[int] = ..., active_loan_count: _Optional[int] = ..., loans_this_year: _Optional[int] = ..., approved_volume: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., current_debt: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., monthly_obligation: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., emis_due: _Optional[int] = ..., emis_paid_on_time: _Optional[int] = ..., available_limit: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., days_past_due: _Optional[int] = ..., asset_class: _Optional[_Union[_asset_class_pb2.AssetClass, str]] = ...) -> None: ...
