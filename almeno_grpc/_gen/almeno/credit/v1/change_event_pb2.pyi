import datetime

from almeno_grpc._gen.almeno.credit.v1 import charge_pb2 as _charge_pb2
from almeno_grpc._gen.almeno.credit.v1 import customer_pb2 as _customer_pb2
from almeno_grpc._gen.almeno.credit.v1 import loan_pb2 as _loan_pb2
from almeno_grpc._gen.almeno.credit.v1 import repayment_pb2 as _repayment_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChangeEventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_EVENT_KIND_UNSPECIFIED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_CUSTOMER_REGISTERED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_CUSTOMER_IMPORTED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_CUSTOMER_UPDATED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_CUSTOMER_LIMIT_SET: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_CUSTOMER_CLASS_CHANGED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_LOAN_BOOKED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_LOAN_SANCTIONED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_LOAN_DISBURSED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_LOAN_CANCELLED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_LOAN_EXITED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_LOAN_IMPORTED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_LOAN_UPDATED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_LOAN_PREPAID: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_LOAN_CLOSED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_REPAYMENT_RECORDED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_REPAYMENT_REVERSED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_CHARGE_ADDED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_CHARGES_WAIVED: _ClassVar[ChangeEventKind]
    CHANGE_EVENT_KIND_APPLICATION_DECLINED: _ClassVar[ChangeEventKind]
CHANGE_EVENT_KIND_UNSPECIFIED: ChangeEventKind
CHANGE_EVENT_KIND_CUSTOMER_REGISTERED: ChangeEventKind
CHANGE_EVENT_KIND_CUSTOMER_IMPORTED: ChangeEventKind
CHANGE_EVENT_KIND_CUSTOMER_UPDATED: ChangeEventKind
CHANGE_EVENT_KIND_CUSTOMER_LIMIT_SET: ChangeEventKind
CHANGE_EVENT_KIND_CUSTOMER_CLASS_CHANGED: ChangeEventKind
CHANGE_EVENT_KIND_LOAN_BOOKED: ChangeEventKind
CHANGE_EVENT_KIND_LOAN_SANCTIONED: ChangeEventKind
CHANGE_EVENT_KIND_LOAN_DISBURSED: ChangeEventKind
CHANGE_EVENT_KIND_LOAN_CANCELLED: ChangeEventKind
CHANGE_EVENT_KIND_LOAN_EXITED: ChangeEventKind
CHANGE_EVENT_KIND_LOAN_IMPORTED: ChangeEventKind
CHANGE_EVENT_KIND_LOAN_UPDATED: ChangeEventKind
CHANGE_EVENT_KIND_LOAN_PREPAID: ChangeEventKind
CHANGE_EVENT_KIND_LOAN_CLOSED: ChangeEventKind
CHANGE_EVENT_KIND_REPAYMENT_RECORDED: ChangeEventKind
CHANGE_EVENT_KIND_REPAYMENT_REVERSED: ChangeEventKind
CHANGE_EVENT_KIND_CHARGE_ADDED: ChangeEventKind
CHANGE_EVENT_KIND_CHARGES_WAIVED: ChangeEventKind
CHANGE_EVENT_KIND_APPLICATION_DECLINED: ChangeEventKind

class ChangeEvent(_message.Message):
    __slots__ = ("sequence", "event_time", "business_date", "kind", "customer_id", "loan_id", "request_id", "principal", "import_id", "customer", "customer_non_performing_since", "loan", "repayment", "charges", "decision_id")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_DATE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_NON_PERFORMING_SINCE_FIELD_NUMBER: _ClassVar[int]
    LOAN_FIELD_NUMBER: _ClassVar[int]
    REPAYMENT_FIELD_NUMBER: _ClassVar[int]
    CHARGES_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    event_time: _timestamp_pb2.Timestamp
    business_date: _date_pb2.Date
    kind: ChangeEventKind
    customer_id: int
    loan_id: int
    request_id: str
    principal: str
    import_id: str
    customer: _customer_pb2.Customer
    customer_non_performing_since: _date_pb2.Date
    loan: _loan_pb2.Loan
    repayment: _repayment_pb2.Repayment
    charges: _containers.RepeatedCompositeFieldContainer[_charge_pb2.Charge]
    decision_id: str
    def __init__(self, sequence: _Optional[int] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., business_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., kind: _Optional[_Union[ChangeEventKind, str]] = ..., customer_id: _Optional[int] = ..., loan_id: _Optional[int] = ..., request_id: _Optional[str] = ..., principal: _Optional[str] = ..., import_id: _Optional[str] = ..., customer: _Optional[_Union[_customer_pb2.Customer, _Mapping]] = ..., customer_non_performing_since: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ..., repayment: _Optional[_Union[_repayment_pb2.Repayment, _Mapping]] = ..., charges: _Optional[_Iterable[_Union[_charge_pb2.Charge, _Mapping]]] = ..., decision_id: _Optional[str] = ...) -> None: ...
