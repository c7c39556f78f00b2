from almeno_grpc._gen.almeno.credit.v1 import asset_class_pb2 as _asset_class_pb2
from google.type import date_pb2 as _date_pb2
from google.type import decimal_pb2 as _decimal_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LoanState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOAN_STATE_UNSPECIFIED: _ClassVar[LoanState]
    LOAN_STATE_ACTIVE: _ClassVar[LoanState]
    LOAN_STATE_CLOSED: _ClassVar[LoanState]
    LOAN_STATE_SANCTIONED: _ClassVar[LoanState]
    LOAN_STATE_CANCELLED: _ClassVar[LoanState]
    LOAN_STATE_EXPIRED: _ClassVar[LoanState]
    LOAN_STATE_EXITED: _ClassVar[LoanState]

class InstallmentMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INSTALLMENT_METHOD_UNSPECIFIED: _ClassVar[InstallmentMethod]
    INSTALLMENT_METHOD_REDUCING_BALANCE: _ClassVar[InstallmentMethod]
    INSTALLMENT_METHOD_ANNUAL_COMPOUND: _ClassVar[InstallmentMethod]

class InstallmentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INSTALLMENT_STATE_UNSPECIFIED: _ClassVar[InstallmentState]
    INSTALLMENT_STATE_DUE_LATER: _ClassVar[InstallmentState]
    INSTALLMENT_STATE_DUE: _ClassVar[InstallmentState]
    INSTALLMENT_STATE_PAID: _ClassVar[InstallmentState]
    INSTALLMENT_STATE_PAID_LATE: _ClassVar[InstallmentState]
    INSTALLMENT_STATE_OVERDUE: _ClassVar[InstallmentState]

class CancelReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANCEL_REASON_UNSPECIFIED: _ClassVar[CancelReason]
    CANCEL_REASON_WITHDRAWN: _ClassVar[CancelReason]
    CANCEL_REASON_LENDER: _ClassVar[CancelReason]
LOAN_STATE_UNSPECIFIED: LoanState
LOAN_STATE_ACTIVE: LoanState
LOAN_STATE_CLOSED: LoanState
LOAN_STATE_SANCTIONED: LoanState
LOAN_STATE_CANCELLED: LoanState
LOAN_STATE_EXPIRED: LoanState
LOAN_STATE_EXITED: LoanState
INSTALLMENT_METHOD_UNSPECIFIED: InstallmentMethod
INSTALLMENT_METHOD_REDUCING_BALANCE: InstallmentMethod
INSTALLMENT_METHOD_ANNUAL_COMPOUND: InstallmentMethod
INSTALLMENT_STATE_UNSPECIFIED: InstallmentState
INSTALLMENT_STATE_DUE_LATER: InstallmentState
INSTALLMENT_STATE_DUE: InstallmentState
INSTALLMENT_STATE_PAID: InstallmentState
INSTALLMENT_STATE_PAID_LATE: InstallmentState
INSTALLMENT_STATE_OVERDUE: InstallmentState
CANCEL_REASON_UNSPECIFIED: CancelReason
CANCEL_REASON_WITHDRAWN: CancelReason
CANCEL_REASON_LENDER: CancelReason

class BookedTerms(_message.Message):
    __slots__ = ("tenure_months", "monthly_installment")
    TENURE_MONTHS_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_INSTALLMENT_FIELD_NUMBER: _ClassVar[int]
    tenure_months: int
    monthly_installment: _money_pb2.Money
    def __init__(self, tenure_months: _Optional[int] = ..., monthly_installment: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class Loan(_message.Message):
    __slots__ = ("loan_id", "customer_id", "loan_amount", "interest_rate", "tenure_months", "monthly_installment", "emis_paid", "emis_paid_on_time", "repayments_left", "outstanding_principal", "approval_date", "end_date", "state", "days_past_due", "installment_method", "source_loan_id", "decision_id", "paid_toward_next", "disbursement_date", "valid_until", "booked_terms", "terms_version", "asset_class", "non_performing_since")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    TENURE_MONTHS_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_INSTALLMENT_FIELD_NUMBER: _ClassVar[int]
    EMIS_PAID_FIELD_NUMBER: _ClassVar[int]
    EMIS_PAID_ON_TIME_FIELD_NUMBER: _ClassVar[int]
    REPAYMENTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_DATE_FIELD_NUMBER: _ClassVar[int]
    END_DATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DAYS_PAST_DUE_FIELD_NUMBER: _ClassVar[int]
    INSTALLMENT_METHOD_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    PAID_TOWARD_NEXT_FIELD_NUMBER: _ClassVar[int]
    DISBURSEMENT_DATE_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    BOOKED_TERMS_FIELD_NUMBER: _ClassVar[int]
    TERMS_VERSION_FIELD_NUMBER: _ClassVar[int]
    ASSET_CLASS_FIELD_NUMBER: _ClassVar[int]
    NON_PERFORMING_SINCE_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    customer_id: int
    loan_amount: _money_pb2.Money
    interest_rate: _decimal_pb2.Decimal
    tenure_months: int
    monthly_installment: _money_pb2.Money
    emis_paid: int
    emis_paid_on_time: int
    repayments_left: int
    outstanding_principal: _money_pb2.Money
    approval_date: _date_pb2.Date
    end_date: _date_pb2.Date
    state: LoanState
    days_past_due: int
    installment_method: InstallmentMethod
    source_loan_id: int
    decision_id: str
    paid_toward_next: _money_pb2.Money
    disbursement_date: _date_pb2.Date
    valid_until: _date_pb2.Date
    booked_terms: BookedTerms
    terms_version: str
    asset_class: _asset_class_pb2.AssetClass
    non_performing_since: _date_pb2.Date
    def __init__(self, loan_id: _Optional[int] = ..., customer_id: _Optional[int] = ..., loan_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., tenure_months: _Optional[int] = ..., monthly_installment: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., emis_paid: _Optional[int] = ..., emis_paid_on_time: _Optional[int] = ..., repayments_left: _Optional[int] = ..., outstanding_principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., approval_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., end_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., state: _Optional[_Union[LoanState, str]] = ..., days_past_due: _Optional[int] = ..., installment_method: _Optional[_Union[InstallmentMethod, str]] = ..., source_loan_id: _Optional[int] = ..., decision_id: _Optional[str] = ..., paid_toward_next: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., disbursement_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., valid_until: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., booked_terms: _Optional[_Union[BookedTerms, _Mapping]] = ..., terms_version: _Optional[str] = ..., asset_class: _Optional[_Union[_asset_class_pb2.AssetClass, str]] = ..., non_performing_since: _Optional[_Union[_date_pb2.Date, _Mapping]] = ...) -> None: ...

class Installment(_message.Message):
    __slots__ = ("number", "due_date", "amount", "principal", "interest", "balance_after", "paid_amount", "state")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    DUE_DATE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    INTEREST_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_FIELD_NUMBER: _ClassVar[int]
    PAID_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    number: int
    due_date: _date_pb2.Date
    amount: _money_pb2.Money
    principal: _money_pb2.Money
    interest: _money_pb2.Money
    balance_after: _money_pb2.Money
    paid_amount: _money_pb2.Money
    state: InstallmentState
    def __init__(self, number: _Optional[int] = ..., due_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., interest: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., balance_after: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., paid_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., state: _Optional[_Union[InstallmentState, str]] = ...) -> None: ...
