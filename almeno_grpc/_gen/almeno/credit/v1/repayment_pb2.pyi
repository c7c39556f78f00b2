import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RepaymentKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPAYMENT_KIND_UNSPECIFIED: _ClassVar[RepaymentKind]
    REPAYMENT_KIND_REPAYMENT: _ClassVar[RepaymentKind]
    REPAYMENT_KIND_PREPAYMENT: _ClassVar[RepaymentKind]
    REPAYMENT_KIND_EXIT: _ClassVar[RepaymentKind]

class RepaymentChannel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPAYMENT_CHANNEL_UNSPECIFIED: _ClassVar[RepaymentChannel]
    REPAYMENT_CHANNEL_NACH: _ClassVar[RepaymentChannel]
    REPAYMENT_CHANNEL_UPI: _ClassVar[RepaymentChannel]
    REPAYMENT_CHANNEL_TRANSFER: _ClassVar[RepaymentChannel]
    REPAYMENT_CHANNEL_CASH: _ClassVar[RepaymentChannel]
    REPAYMENT_CHANNEL_OTHER: _ClassVar[RepaymentChannel]

class RepaymentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPAYMENT_STATE_UNSPECIFIED: _ClassVar[RepaymentState]
    REPAYMENT_STATE_RECORDED: _ClassVar[RepaymentState]
    REPAYMENT_STATE_REVERSED: _ClassVar[RepaymentState]

class ReversalReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVERSAL_REASON_UNSPECIFIED: _ClassVar[ReversalReason]
    REVERSAL_REASON_RETURNED: _ClassVar[ReversalReason]
    REVERSAL_REASON_DUPLICATE: _ClassVar[ReversalReason]
    REVERSAL_REASON_MISTAKE: _ClassVar[ReversalReason]

class PrepaymentEffect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREPAYMENT_EFFECT_UNSPECIFIED: _ClassVar[PrepaymentEffect]
    PREPAYMENT_EFFECT_SHORTER_TENURE: _ClassVar[PrepaymentEffect]
    PREPAYMENT_EFFECT_LOWER_INSTALLMENT: _ClassVar[PrepaymentEffect]
REPAYMENT_KIND_UNSPECIFIED: RepaymentKind
REPAYMENT_KIND_REPAYMENT: RepaymentKind
REPAYMENT_KIND_PREPAYMENT: RepaymentKind
REPAYMENT_KIND_EXIT: RepaymentKind
REPAYMENT_CHANNEL_UNSPECIFIED: RepaymentChannel
REPAYMENT_CHANNEL_NACH: RepaymentChannel
REPAYMENT_CHANNEL_UPI: RepaymentChannel
REPAYMENT_CHANNEL_TRANSFER: RepaymentChannel
REPAYMENT_CHANNEL_CASH: RepaymentChannel
REPAYMENT_CHANNEL_OTHER: RepaymentChannel
REPAYMENT_STATE_UNSPECIFIED: RepaymentState
REPAYMENT_STATE_RECORDED: RepaymentState
REPAYMENT_STATE_REVERSED: RepaymentState
REVERSAL_REASON_UNSPECIFIED: ReversalReason
REVERSAL_REASON_RETURNED: ReversalReason
REVERSAL_REASON_DUPLICATE: ReversalReason
REVERSAL_REASON_MISTAKE: ReversalReason
PREPAYMENT_EFFECT_UNSPECIFIED: PrepaymentEffect
PREPAYMENT_EFFECT_SHORTER_TENURE: PrepaymentEffect
PREPAYMENT_EFFECT_LOWER_INSTALLMENT: PrepaymentEffect

class Reversal(_message.Message):
    __slots__ = ("reversal_date", "reason", "return_code", "create_time")
    REVERSAL_DATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RETURN_CODE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    reversal_date: _date_pb2.Date
    reason: ReversalReason
    return_code: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, reversal_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., reason: _Optional[_Union[ReversalReason, str]] = ..., return_code: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Repayment(_message.Message):
    __slots__ = ("repayment_id", "loan_id", "amount", "payment_date", "emis_completed", "closes_loan", "outstanding_principal", "create_time", "kind", "effect", "channel", "external_reference", "charges_paid", "state", "reversal")
    REPAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_DATE_FIELD_NUMBER: _ClassVar[int]
    EMIS_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    CLOSES_LOAN_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CHARGES_PAID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVERSAL_FIELD_NUMBER: _ClassVar[int]
    repayment_id: str
    loan_id: int
    amount: _money_pb2.Money
    payment_date: _date_pb2.Date
    emis_completed: int
    closes_loan: bool
    outstanding_principal: _money_pb2.Money
    create_time: _timestamp_pb2.Timestamp
    kind: RepaymentKind
    effect: PrepaymentEffect
    channel: RepaymentChannel
    external_reference: str
    charges_paid: _money_pb2.Money
    state: RepaymentState
    reversal: Reversal
    def __init__(self, repayment_id: _Optional[str] = ..., loan_id: _Optional[int] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., payment_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., emis_completed: _Optional[int] = ..., closes_loan: bool = ..., outstanding_principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[RepaymentKind, str]] = ..., effect: _Optional[_Union[PrepaymentEffect, str]] = ..., channel: _Optional[_Union[RepaymentChannel, str]] = ..., external_reference: _Optional[str] = ..., charges_paid: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., state: _Optional[_Union[RepaymentState, str]] = ..., reversal: _Optional[_Union[Reversal, _Mapping]] = ...) -> None: ...

class Prepayment(_message.Message):
    __slots__ = ("principal", "accrued_interest", "installments_left", "monthly_installment", "last_installment", "interest_left")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_INTEREST_FIELD_NUMBER: _ClassVar[int]
    INSTALLMENTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_INSTALLMENT_FIELD_NUMBER: _ClassVar[int]
    LAST_INSTALLMENT_FIELD_NUMBER: _ClassVar[int]
    INTEREST_LEFT_FIELD_NUMBER: _ClassVar[int]
    principal: _money_pb2.Money
    accrued_interest: _money_pb2.Money
    installments_left: int
    monthly_installment: _money_pb2.Money
    last_installment: _money_pb2.Money
    interest_left: _money_pb2.Money
    def __init__(self, principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., accrued_interest: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., installments_left: _Optional[int] = ..., monthly_installment: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., last_installment: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., interest_left: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class Payoff(_message.Message):
    __slots__ = ("payoff_date", "amount", "overdue_amount", "principal", "accrued_interest", "advance", "charges", "exit_amount", "exit_refund")
    PAYOFF_DATE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_INTEREST_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_FIELD_NUMBER: _ClassVar[int]
    CHARGES_FIELD_NUMBER: _ClassVar[int]
    EXIT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    EXIT_REFUND_FIELD_NUMBER: _ClassVar[int]
    payoff_date: _date_pb2.Date
    amount: _money_pb2.Money
    overdue_amount: _money_pb2.Money
    principal: _money_pb2.Money
    accrued_interest: _money_pb2.Money
    advance: _money_pb2.Money
    charges: _money_pb2.Money
    exit_amount: _money_pb2.Money
    exit_refund: _money_pb2.Money
    def __init__(self, payoff_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., overdue_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., accrued_interest: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., advance: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., charges: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., exit_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., exit_refund: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...
