from almeno_grpc._gen.almeno.credit.v1 import decision_pb2 as _decision_pb2
from google.type import date_pb2 as _date_pb2
from google.type import decimal_pb2 as _decimal_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BookProgress(_message.Message):
    __slots__ = ("customers_done", "customers_total")
    CUSTOMERS_DONE_FIELD_NUMBER: _ClassVar[int]
    CUSTOMERS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    customers_done: int
    customers_total: int
    def __init__(self, customers_done: _Optional[int] = ..., customers_total: _Optional[int] = ...) -> None: ...

class ReasonCount(_message.Message):
    __slots__ = ("reason", "declines")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECLINES_FIELD_NUMBER: _ClassVar[int]
    reason: _decision_pb2.DecisionReason
    declines: int
    def __init__(self, reason: _Optional[_Union[_decision_pb2.DecisionReason, str]] = ..., declines: _Optional[int] = ...) -> None: ...

class ScoreCount(_message.Message):
    __slots__ = ("credit_score", "customers")
    CREDIT_SCORE_FIELD_NUMBER: _ClassVar[int]
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    credit_score: int
    customers: int
    def __init__(self, credit_score: _Optional[int] = ..., customers: _Optional[int] = ...) -> None: ...

class RateCount(_message.Message):
    __slots__ = ("interest_rate", "approvals")
    INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_FIELD_NUMBER: _ClassVar[int]
    interest_rate: _decimal_pb2.Decimal
    approvals: int
    def __init__(self, interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., approvals: _Optional[int] = ...) -> None: ...

class BandCount(_message.Message):
    __slots__ = ("above", "least_rate", "customers", "approvals")
    ABOVE_FIELD_NUMBER: _ClassVar[int]
    LEAST_RATE_FIELD_NUMBER: _ClassVar[int]
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_FIELD_NUMBER: _ClassVar[int]
    above: int
    least_rate: _decimal_pb2.Decimal
    customers: int
    approvals: int
    def __init__(self, above: _Optional[int] = ..., least_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., customers: _Optional[int] = ..., approvals: _Optional[int] = ...) -> None: ...

class SimulatedPolicy(_message.Message):
    __slots__ = ("policy_version", "approvals", "declines", "not_amortizing", "declines_by_reason", "scores", "rates", "bands", "approved_amount", "expected_interest", "policy_sha256")
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_FIELD_NUMBER: _ClassVar[int]
    DECLINES_FIELD_NUMBER: _ClassVar[int]
    NOT_AMORTIZING_FIELD_NUMBER: _ClassVar[int]
    DECLINES_BY_REASON_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    BANDS_FIELD_NUMBER: _ClassVar[int]
    APPROVED_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_INTEREST_FIELD_NUMBER: _ClassVar[int]
    POLICY_SHA256_FIELD_NUMBER: _ClassVar[int]
    policy_version: str
    approvals: int
    declines: int
    not_amortizing: int
    declines_by_reason: _containers.RepeatedCompositeFieldContainer[ReasonCount]
    scores: _containers.RepeatedCompositeFieldContainer[ScoreCount]
    rates: _containers.RepeatedCompositeFieldContainer[RateCount]
    bands: _containers.RepeatedCompositeFieldContainer[BandCount]
    approved_amount: _money_pb2.Money
    expected_interest: _money_pb2.Money
    policy_sha256: str
    def __init__(self, policy_version: _Optional[str] = ..., approvals: _Optional[int] = ..., declines: _Optional[int] = ..., not_amortizing: _Optional[int] = ..., declines_by_reason: _Optional[_Iterable[_Union[ReasonCount, _Mapping]]] = ..., scores: _Optional[_Iterable[_Union[ScoreCount, _Mapping]]] = ..., rates: _Optional[_Iterable[_Union[RateCount, _Mapping]]] = ..., bands: _Optional[_Iterable[_Union[BandCount, _Mapping]]] = ..., approved_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., expected_interest: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., policy_sha256: _Optional[str] = ...) -> None: ...

class SimulationSummary(_message.Message):
    __slots__ = ("business_date", "customers", "before", "after", "newly_approved", "newly_declined", "server_version")
    BUSINESS_DATE_FIELD_NUMBER: _ClassVar[int]
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    NEWLY_APPROVED_FIELD_NUMBER: _ClassVar[int]
    NEWLY_DECLINED_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    business_date: _date_pb2.Date
    customers: int
    before: SimulatedPolicy
    after: SimulatedPolicy
    newly_approved: int
    newly_declined: int
    server_version: str
    def __init__(self, business_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., customers: _Optional[int] = ..., before: _Optional[_Union[SimulatedPolicy, _Mapping]] = ..., after: _Optional[_Union[SimulatedPolicy, _Mapping]] = ..., newly_approved: _Optional[int] = ..., newly_declined: _Optional[int] = ..., server_version: _Optional[str] = ...) -> None: ...

class SimulatedDecision(_message.Message):
    __slots__ = ("approved", "credit_score", "corrected_interest_rate", "reasons")
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    CREDIT_SCORE_FIELD_NUMBER: _ClassVar[int]
    CORRECTED_INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    approved: bool
    credit_score: int
    corrected_interest_rate: _decimal_pb2.Decimal
    reasons: _containers.RepeatedScalarFieldContainer[_decision_pb2.DecisionReason]
    def __init__(self, approved: bool = ..., credit_score: _Optional[int] = ..., corrected_interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., reasons: _Optional[_Iterable[_Union[_decision_pb2.DecisionReason, str]]] = ...) -> None: ...

class SimulationFlip(_message.Message):
    __slots__ = ("customer_id", "before", "after")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    customer_id: int
    before: SimulatedDecision
    after: SimulatedDecision
    def __init__(self, customer_id: _Optional[int] = ..., before: _Optional[_Union[SimulatedDecision, _Mapping]] = ..., after: _Optional[_Union[SimulatedDecision, _Mapping]] = ...) -> None: ...
