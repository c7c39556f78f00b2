from almeno_grpc._gen.almeno.credit.v1 import asset_class_pb2 as _asset_class_pb2
from almeno_grpc._gen.almeno.credit.v1 import loan_pb2 as _loan_pb2
from almeno_grpc._gen.almeno.credit.v1 import simulation_pb2 as _simulation_pb2
from google.type import date_pb2 as _date_pb2
from google.type import decimal_pb2 as _decimal_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LoanBucket(_message.Message):
    __slots__ = ("state", "days_past_due_from", "days_past_due_to", "loans", "outstanding_principal")
    STATE_FIELD_NUMBER: _ClassVar[int]
    DAYS_PAST_DUE_FROM_FIELD_NUMBER: _ClassVar[int]
    DAYS_PAST_DUE_TO_FIELD_NUMBER: _ClassVar[int]
    LOANS_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    state: _loan_pb2.LoanState
    days_past_due_from: int
    days_past_due_to: int
    loans: int
    outstanding_principal: _money_pb2.Money
    def __init__(self, state: _Optional[_Union[_loan_pb2.LoanState, str]] = ..., days_past_due_from: _Optional[int] = ..., days_past_due_to: _Optional[int] = ..., loans: _Optional[int] = ..., outstanding_principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class LoansOfClass(_message.Message):
    __slots__ = ("asset_class", "loans", "outstanding_principal", "provision")
    ASSET_CLASS_FIELD_NUMBER: _ClassVar[int]
    LOANS_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    PROVISION_FIELD_NUMBER: _ClassVar[int]
    asset_class: _asset_class_pb2.AssetClass
    loans: int
    outstanding_principal: _money_pb2.Money
    provision: _money_pb2.Money
    def __init__(self, asset_class: _Optional[_Union[_asset_class_pb2.AssetClass, str]] = ..., loans: _Optional[int] = ..., outstanding_principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., provision: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class LoansOfState(_message.Message):
    __slots__ = ("state", "loans", "outstanding_principal")
    STATE_FIELD_NUMBER: _ClassVar[int]
    LOANS_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    state: _loan_pb2.LoanState
    loans: int
    outstanding_principal: _money_pb2.Money
    def __init__(self, state: _Optional[_Union[_loan_pb2.LoanState, str]] = ..., loans: _Optional[int] = ..., outstanding_principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class LateLoan(_message.Message):
    __slots__ = ("loan_id", "customer_id", "days_past_due", "asset_class", "outstanding_principal", "overdue_amount")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    DAYS_PAST_DUE_FIELD_NUMBER: _ClassVar[int]
    ASSET_CLASS_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    customer_id: int
    days_past_due: int
    asset_class: _asset_class_pb2.AssetClass
    outstanding_principal: _money_pb2.Money
    overdue_amount: _money_pb2.Money
    def __init__(self, loan_id: _Optional[int] = ..., customer_id: _Optional[int] = ..., days_past_due: _Optional[int] = ..., asset_class: _Optional[_Union[_asset_class_pb2.AssetClass, str]] = ..., outstanding_principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., overdue_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class Vintage(_message.Message):
    __slots__ = ("year", "month", "loans", "loan_amount", "outstanding_principal", "loans_by_class")
    YEAR_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    LOANS_FIELD_NUMBER: _ClassVar[int]
    LOAN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    LOANS_BY_CLASS_FIELD_NUMBER: _ClassVar[int]
    year: int
    month: int
    loans: int
    loan_amount: _money_pb2.Money
    outstanding_principal: _money_pb2.Money
    loans_by_class: _containers.RepeatedCompositeFieldContainer[LoansOfClass]
    def __init__(self, year: _Optional[int] = ..., month: _Optional[int] = ..., loans: _Optional[int] = ..., loan_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., outstanding_principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., loans_by_class: _Optional[_Iterable[_Union[LoansOfClass, _Mapping]]] = ...) -> None: ...

class MonthOfCash(_message.Message):
    __slots__ = ("year", "month", "disbursements", "disbursed_amount", "repayments", "collected_amount")
    YEAR_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    DISBURSEMENTS_FIELD_NUMBER: _ClassVar[int]
    DISBURSED_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REPAYMENTS_FIELD_NUMBER: _ClassVar[int]
    COLLECTED_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    year: int
    month: int
    disbursements: int
    disbursed_amount: _money_pb2.Money
    repayments: int
    collected_amount: _money_pb2.Money
    def __init__(self, year: _Optional[int] = ..., month: _Optional[int] = ..., disbursements: _Optional[int] = ..., disbursed_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., repayments: _Optional[int] = ..., collected_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ...) -> None: ...

class BurdenBucket(_message.Message):
    __slots__ = ("percent_above", "percent_to", "customers")
    PERCENT_ABOVE_FIELD_NUMBER: _ClassVar[int]
    PERCENT_TO_FIELD_NUMBER: _ClassVar[int]
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    percent_above: int
    percent_to: int
    customers: int
    def __init__(self, percent_above: _Optional[int] = ..., percent_to: _Optional[int] = ..., customers: _Optional[int] = ...) -> None: ...

class MonthOfDecisions(_message.Message):
    __slots__ = ("year", "month", "approvals", "declines", "declines_by_reason")
    YEAR_FIELD_NUMBER: _ClassVar[int]
    MONTH_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_FIELD_NUMBER: _ClassVar[int]
    DECLINES_FIELD_NUMBER: _ClassVar[int]
    DECLINES_BY_REASON_FIELD_NUMBER: _ClassVar[int]
    year: int
    month: int
    approvals: int
    declines: int
    declines_by_reason: _containers.RepeatedCompositeFieldContainer[_simulation_pb2.ReasonCount]
    def __init__(self, year: _Optional[int] = ..., month: _Optional[int] = ..., approvals: _Optional[int] = ..., declines: _Optional[int] = ..., declines_by_reason: _Optional[_Iterable[_Union[_simulation_pb2.ReasonCount, _Mapping]]] = ...) -> None: ...

class PortfolioSummary(_message.Message):
    __slots__ = ("business_date", "customers", "loans", "outstanding_principal", "loan_buckets", "vintages", "scores", "emi_burden", "decisions", "policy_version", "loans_by_class", "loans_by_state", "provision", "gross_non_performing_ratio", "norms_version", "overdue_amount", "late_loan_count", "late_loans", "cash", "policy_sha256", "norms_sha256", "server_version")
    BUSINESS_DATE_FIELD_NUMBER: _ClassVar[int]
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    LOANS_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    LOAN_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    VINTAGES_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    EMI_BURDEN_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOANS_BY_CLASS_FIELD_NUMBER: _ClassVar[int]
    LOANS_BY_STATE_FIELD_NUMBER: _ClassVar[int]
    PROVISION_FIELD_NUMBER: _ClassVar[int]
    GROSS_NON_PERFORMING_RATIO_FIELD_NUMBER: _ClassVar[int]
    NORMS_VERSION_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    LATE_LOAN_COUNT_FIELD_NUMBER: _ClassVar[int]
    LATE_LOANS_FIELD_NUMBER: _ClassVar[int]
    CASH_FIELD_NUMBER: _ClassVar[int]
    POLICY_SHA256_FIELD_NUMBER: _ClassVar[int]
    NORMS_SHA256_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    business_date: _date_pb2.Date
    customers: int
    loans: int
    outstanding_principal: _money_pb2.Money
    loan_buckets: _containers.RepeatedCompositeFieldContainer[LoanBucket]
    vintages: _containers.RepeatedCompositeFieldContainer[Vintage]
    scores: _containers.RepeatedCompositeFieldContainer[_simulation_pb2.ScoreCount]
    emi_burden: _containers.RepeatedCompositeFieldContainer[BurdenBucket]
    decisions: _containers.RepeatedCompositeFieldContainer[MonthOfDecisions]
    policy_version: str
    loans_by_class: _containers.RepeatedCompositeFieldContainer[LoansOfClass]
    loans_by_state: _containers.RepeatedCompositeFieldContainer[LoansOfState]
    provision: _money_pb2.Money
    gross_non_performing_ratio: _decimal_pb2.Decimal
    norms_version: str
    overdue_amount: _money_pb2.Money
    late_loan_count: int
    late_loans: _containers.RepeatedCompositeFieldContainer[LateLoan]
    cash: _containers.RepeatedCompositeFieldContainer[MonthOfCash]
    policy_sha256: str
    norms_sha256: str
    server_version: str
    def __init__(self, business_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., customers: _Optional[int] = ..., loans: _Optional[int] = ..., outstanding_principal: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., loan_buckets: _Optional[_Iterable[_Union[LoanBucket, _Mapping]]] = ..., vintages: _Optional[_Iterable[_Union[Vintage, _Mapping]]] = ..., scores: _Optional[_Iterable[_Union[_simulation_pb2.ScoreCount, _Mapping]]] = ..., emi_burden: _Optional[_Iterable[_Union[BurdenBucket, _Mapping]]] = ..., decisions: _Optional[_Iterable[_Union[MonthOfDecisions, _Mapping]]] = ..., policy_version: _Optional[str] = ..., loans_by_class: _Optional[_Iterable[_Union[LoansOfClass, _Mapping]]] = ..., loans_by_state: _Optional[_Iterable[_Union[LoansOfState, _Mapping]]] = ..., provision: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., gross_non_performing_ratio: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., norms_version: _Optional[str] = ..., overdue_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., late_loan_count: _Optional[int] = ..., late_loans: _Optional[_Iterable[_Union[LateLoan, _Mapping]]] = ..., cash: _Optional[_Iterable[_Union[MonthOfCash, _Mapping]]] = ..., policy_sha256: _Optional[str] = ..., norms_sha256: _Optional[str] = ..., server_version: _Optional[str] = ...) -> None: ...
