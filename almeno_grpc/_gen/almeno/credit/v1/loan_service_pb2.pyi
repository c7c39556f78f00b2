from almeno_grpc._gen.almeno.credit.v1 import charge_pb2 as _charge_pb2
from almeno_grpc._gen.almeno.credit.v1 import loan_pb2 as _loan_pb2
from almeno_grpc._gen.almeno.credit.v1 import repayment_pb2 as _repayment_pb2
from almeno_grpc._gen.almeno.credit.v1 import scope_pb2 as _scope_pb2
from almeno_grpc._gen.almeno.credit.v1 import statement_pb2 as _statement_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.type import date_pb2 as _date_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DisburseLoanRequest(_message.Message):
    __slots__ = ("request_id", "loan_id", "disbursement_date", "external_reference")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    DISBURSEMENT_DATE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    loan_id: int
    disbursement_date: _date_pb2.Date
    external_reference: str
    def __init__(self, request_id: _Optional[str] = ..., loan_id: _Optional[int] = ..., disbursement_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., external_reference: _Optional[str] = ...) -> None: ...

class DisburseLoanResponse(_message.Message):
    __slots__ = ("loan", "processing_fee", "gst", "net_disbursed")
    LOAN_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_FEE_FIELD_NUMBER: _ClassVar[int]
    GST_FIELD_NUMBER: _ClassVar[int]
    NET_DISBURSED_FIELD_NUMBER: _ClassVar[int]
    loan: _loan_pb2.Loan
    processing_fee: _money_pb2.Money
    gst: _money_pb2.Money
    net_disbursed: _money_pb2.Money
    def __init__(self, loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ..., processing_fee: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., gst: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., net_disbursed: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class CancelLoanRequest(_message.Message):
    __slots__ = ("request_id", "loan_id", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    loan_id: int
    reason: _loan_pb2.CancelReason
    def __init__(self, request_id: _Optional[str] = ..., loan_id: _Optional[int] = ..., reason: _Optional[_Union[_loan_pb2.CancelReason, str]] = ...) -> None: ...

class CancelLoanResponse(_message.Message):
    __slots__ = ("loan",)
    LOAN_FIELD_NUMBER: _ClassVar[int]
    loan: _loan_pb2.Loan
    def __init__(self, loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ...) -> None: ...

class ExitLoanRequest(_message.Message):
    __slots__ = ("request_id", "loan_id", "exit_date")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    EXIT_DATE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    loan_id: int
    exit_date: _date_pb2.Date
    def __init__(self, request_id: _Optional[str] = ..., loan_id: _Optional[int] = ..., exit_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ...) -> None: ...

class ExitLoanResponse(_message.Message):
    __slots__ = ("repayment", "loan", "refund_due")
    REPAYMENT_FIELD_NUMBER: _ClassVar[int]
    LOAN_FIELD_NUMBER: _ClassVar[int]
    REFUND_DUE_FIELD_NUMBER: _ClassVar[int]
    repayment: _repayment_pb2.Repayment
    loan: _loan_pb2.Loan
    refund_due: _money_pb2.Money
    def __init__(self, repayment: _Optional[_Union[_repayment_pb2.Repayment, _Mapping]] = ..., loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ..., refund_due: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class ReverseRepaymentRequest(_message.Message):
    __slots__ = ("request_id", "repayment_id", "reason", "reversal_date", "return_code")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REPAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REVERSAL_DATE_FIELD_NUMBER: _ClassVar[int]
    RETURN_CODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    repayment_id: str
    reason: _repayment_pb2.ReversalReason
    reversal_date: _date_pb2.Date
    return_code: str
    def __init__(self, request_id: _Optional[str] = ..., repayment_id: _Optional[str] = ..., reason: _Optional[_Union[_repayment_pb2.ReversalReason, str]] = ..., reversal_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., return_code: _Optional[str] = ...) -> None: ...

class ReverseRepaymentResponse(_message.Message):
    __slots__ = ("repayment", "loan")
    REPAYMENT_FIELD_NUMBER: _ClassVar[int]
    LOAN_FIELD_NUMBER: _ClassVar[int]
    repayment: _repayment_pb2.Repayment
    loan: _loan_pb2.Loan
    def __init__(self, repayment: _Optional[_Union[_repayment_pb2.Repayment, _Mapping]] = ..., loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ...) -> None: ...

class PreviewPrepaymentRequest(_message.Message):
    __slots__ = ("loan_id", "amount", "payment_date", "effect")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_DATE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    amount: _money_pb2.Money
    payment_date: _date_pb2.Date
    effect: _repayment_pb2.PrepaymentEffect
    def __init__(self, loan_id: _Optional[int] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., payment_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., effect: _Optional[_Union[_repayment_pb2.PrepaymentEffect, str]] = ...) -> None: ...

class PreviewPrepaymentResponse(_message.Message):
    __slots__ = ("prepayment", "loan")
    PREPAYMENT_FIELD_NUMBER: _ClassVar[int]
    LOAN_FIELD_NUMBER: _ClassVar[int]
    prepayment: _repayment_pb2.Prepayment
    loan: _loan_pb2.Loan
    def __init__(self, prepayment: _Optional[_Union[_repayment_pb2.Prepayment, _Mapping]] = ..., loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ...) -> None: ...

class PrepayLoanRequest(_message.Message):
    __slots__ = ("request_id", "loan_id", "amount", "payment_date", "effect", "external_reference", "channel")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_DATE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    loan_id: int
    amount: _money_pb2.Money
    payment_date: _date_pb2.Date
    effect: _repayment_pb2.PrepaymentEffect
    external_reference: str
    channel: _repayment_pb2.RepaymentChannel
    def __init__(self, request_id: _Optional[str] = ..., loan_id: _Optional[int] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., payment_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., effect: _Optional[_Union[_repayment_pb2.PrepaymentEffect, str]] = ..., external_reference: _Optional[str] = ..., channel: _Optional[_Union[_repayment_pb2.RepaymentChannel, str]] = ...) -> None: ...

class PrepayLoanResponse(_message.Message):
    __slots__ = ("prepayment", "loan", "repayment")
    PREPAYMENT_FIELD_NUMBER: _ClassVar[int]
    LOAN_FIELD_NUMBER: _ClassVar[int]
    REPAYMENT_FIELD_NUMBER: _ClassVar[int]
    prepayment: _repayment_pb2.Prepayment
    loan: _loan_pb2.Loan
    repayment: _repayment_pb2.Repayment
    def __init__(self, prepayment: _Optional[_Union[_repayment_pb2.Prepayment, _Mapping]] = ..., loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ..., repayment: _Optional[_Union[_repayment_pb2.Repayment, _Mapping]] = ...) -> None: ...

class AddChargeRequest(_message.Message):
    __slots__ = ("request_id", "loan_id", "kind", "amount", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    loan_id: int
    kind: _charge_pb2.ChargeKind
    amount: _money_pb2.Money
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., loan_id: _Optional[int] = ..., kind: _Optional[_Union[_charge_pb2.ChargeKind, str]] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class AddChargeResponse(_message.Message):
    __slots__ = ("loan", "charges")
    LOAN_FIELD_NUMBER: _ClassVar[int]
    CHARGES_FIELD_NUMBER: _ClassVar[int]
    loan: _loan_pb2.Loan
    charges: _containers.RepeatedCompositeFieldContainer[_charge_pb2.Charge]
    def __init__(self, loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ..., charges: _Optional[_Iterable[_Union[_charge_pb2.Charge, _Mapping]]] = ...) -> None: ...

class WaiveChargesRequest(_message.Message):
    __slots__ = ("request_id", "loan_id", "amount", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    loan_id: int
    amount: _money_pb2.Money
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., loan_id: _Optional[int] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class WaiveChargesResponse(_message.Message):
    __slots__ = ("loan", "charges")
    LOAN_FIELD_NUMBER: _ClassVar[int]
    CHARGES_FIELD_NUMBER: _ClassVar[int]
    loan: _loan_pb2.Loan
    charges: _containers.RepeatedCompositeFieldContainer[_charge_pb2.Charge]
    def __init__(self, loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ..., charges: _Optional[_Iterable[_Union[_charge_pb2.Charge, _Mapping]]] = ...) -> None: ...

class ListChargesRequest(_message.Message):
    __slots__ = ("loan_id", "page_size", "page_token")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    page_size: int
    page_token: str
    def __init__(self, loan_id: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListChargesResponse(_message.Message):
    __slots__ = ("charges", "next_page_token")
    CHARGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    charges: _containers.RepeatedCompositeFieldContainer[_charge_pb2.Charge]
    next_page_token: str
    def __init__(self, charges: _Optional[_Iterable[_Union[_charge_pb2.Charge, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetStatementRequest(_message.Message):
    __slots__ = ("loan_id", "to")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    to: _date_pb2.Date
    def __init__(self, loan_id: _Optional[int] = ..., to: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., **kwargs) -> None: ...

class GetStatementResponse(_message.Message):
    __slots__ = ("loan_id", "customer_id", "to", "opening_balance", "lines", "closing_balance", "accrued_interest", "accrued_charges")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    OPENING_BALANCE_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    CLOSING_BALANCE_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_INTEREST_FIELD_NUMBER: _ClassVar[int]
    ACCRUED_CHARGES_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    customer_id: int
    to: _date_pb2.Date
    opening_balance: _money_pb2.Money
    lines: _containers.RepeatedCompositeFieldContainer[_statement_pb2.StatementLine]
    closing_balance: _money_pb2.Money
    accrued_interest: _money_pb2.Money
    accrued_charges: _money_pb2.Money
    def __init__(self, loan_id: _Optional[int] = ..., customer_id: _Optional[int] = ..., to: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., opening_balance: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[_statement_pb2.StatementLine, _Mapping]]] = ..., closing_balance: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., accrued_interest: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., accrued_charges: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., **kwargs) -> None: ...
