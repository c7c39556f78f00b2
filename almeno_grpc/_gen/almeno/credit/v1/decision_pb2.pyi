import datetime

from almeno_grpc._gen.almeno.credit.v1 import customer_pb2 as _customer_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import date_pb2 as _date_pb2
from google.type import decimal_pb2 as _decimal_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DecisionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_REASON_UNSPECIFIED: _ClassVar[DecisionReason]
    DECISION_REASON_DEBT_EXCEEDS_LIMIT: _ClassVar[DecisionReason]
    DECISION_REASON_CREDIT_SCORE_TOO_LOW: _ClassVar[DecisionReason]
    DECISION_REASON_LOAN_EXCEEDS_LIMIT: _ClassVar[DecisionReason]
    DECISION_REASON_EMI_BURDEN_TOO_HIGH: _ClassVar[DecisionReason]
    DECISION_REASON_RATE_ABOVE_MAXIMUM: _ClassVar[DecisionReason]
    DECISION_REASON_CUSTOMER_PAST_DUE: _ClassVar[DecisionReason]
    DECISION_REASON_CUSTOMER_NON_PERFORMING: _ClassVar[DecisionReason]
    DECISION_REASON_BUREAU_SCORE_TOO_LOW: _ClassVar[DecisionReason]
    DECISION_REASON_BUREAU_REPORT_MISSING: _ClassVar[DecisionReason]
    DECISION_REASON_BUREAU_REPORT_TOO_OLD: _ClassVar[DecisionReason]

class ReplayOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLAY_OUTCOME_UNSPECIFIED: _ClassVar[ReplayOutcome]
    REPLAY_OUTCOME_MATCH: _ClassVar[ReplayOutcome]
    REPLAY_OUTCOME_DRIFT: _ClassVar[ReplayOutcome]
DECISION_REASON_UNSPECIFIED: DecisionReason
DECISION_REASON_DEBT_EXCEEDS_LIMIT: DecisionReason
DECISION_REASON_CREDIT_SCORE_TOO_LOW: DecisionReason
DECISION_REASON_LOAN_EXCEEDS_LIMIT: DecisionReason
DECISION_REASON_EMI_BURDEN_TOO_HIGH: DecisionReason
DECISION_REASON_RATE_ABOVE_MAXIMUM: DecisionReason
DECISION_REASON_CUSTOMER_PAST_DUE: DecisionReason
DECISION_REASON_CUSTOMER_NON_PERFORMING: DecisionReason
DECISION_REASON_BUREAU_SCORE_TOO_LOW: DecisionReason
DECISION_REASON_BUREAU_REPORT_MISSING: DecisionReason
DECISION_REASON_BUREAU_REPORT_TOO_OLD: DecisionReason
REPLAY_OUTCOME_UNSPECIFIED: ReplayOutcome
REPLAY_OUTCOME_MATCH: ReplayOutcome
REPLAY_OUTCOME_DRIFT: ReplayOutcome

class OutsideCredit(_message.Message):
    __slots__ = ("monthly_obligations", "bureau_score", "report_date")
    MONTHLY_OBLIGATIONS_FIELD_NUMBER: _ClassVar[int]
    BUREAU_SCORE_FIELD_NUMBER: _ClassVar[int]
    REPORT_DATE_FIELD_NUMBER: _ClassVar[int]
    monthly_obligations: _money_pb2.Money
    bureau_score: int
    report_date: _date_pb2.Date
    def __init__(self, monthly_obligations: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., bureau_score: _Optional[int] = ..., report_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ...) -> None: ...

class ScoreComponent(_message.Message):
    __slots__ = ("name", "points", "max_points", "observed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    MAX_POINTS_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_FIELD_NUMBER: _ClassVar[int]
    name: str
    points: float
    max_points: int
    observed: str
    def __init__(self, name: _Optional[str] = ..., points: _Optional[float] = ..., max_points: _Optional[int] = ..., observed: _Optional[str] = ...) -> None: ...

class DecisionGate(_message.Message):
    __slots__ = ("reason", "passed", "observed", "allowed")
    REASON_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    reason: DecisionReason
    passed: bool
    observed: str
    allowed: str
    def __init__(self, reason: _Optional[_Union[DecisionReason, str]] = ..., passed: bool = ..., observed: _Optional[str] = ..., allowed: _Optional[str] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("decision_id", "customer_id", "approved", "credit_score", "score_components", "loan_amount", "interest_rate", "corrected_interest_rate", "tenure_months", "monthly_installment", "reasons", "message", "position", "policy_version", "business_date", "counter_offer", "max_interest_rate", "gates", "policy_sha256", "monthly_income", "approved_limit", "create_time", "outside")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    APPROVED_FIELD_NUMBER: _ClassVar[int]
    CREDIT_SCORE_FIELD_NUMBER: _ClassVar[int]
    SCORE_COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    LOAN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    CORRECTED_INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    TENURE_MONTHS_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_INSTALLMENT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_DATE_FIELD_NUMBER: _ClassVar[int]
    COUNTER_OFFER_FIELD_NUMBER: _ClassVar[int]
    MAX_INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    POLICY_SHA256_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_INCOME_FIELD_NUMBER: _ClassVar[int]
    APPROVED_LIMIT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    customer_id: int
    approved: bool
    credit_score: int
    score_components: _containers.RepeatedCompositeFieldContainer[ScoreComponent]
    loan_amount: _money_pb2.Money
    interest_rate: _decimal_pb2.Decimal
    corrected_interest_rate: _decimal_pb2.Decimal
    tenure_months: int
    monthly_installment: _money_pb2.Money
    reasons: _containers.RepeatedScalarFieldContainer[DecisionReason]
    message: str
    position: _customer_pb2.CreditPosition
    policy_version: str
    business_date: _date_pb2.Date
    counter_offer: _money_pb2.Money
    max_interest_rate: _decimal_pb2.Decimal
    gates: _containers.RepeatedCompositeFieldContainer[DecisionGate]
    policy_sha256: str
    monthly_income: _money_pb2.Money
    approved_limit: _money_pb2.Money
    create_time: _timestamp_pb2.Timestamp
    outside: OutsideCredit
    def __init__(self, decision_id: _Optional[str] = ..., customer_id: _Optional[int] = ..., approved: bool = ..., credit_score: _Optional[int] = ..., score_components: _Optional[_Iterable[_Union[ScoreComponent, _Mapping]]] = ..., loan_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., corrected_interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., tenure_months: _Optional[int] = ..., monthly_installment: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., reasons: _Optional[_Iterable[_Union[DecisionReason, str]]] = ..., message: _Optional[str] = ..., position: _Optional[_Union[_customer_pb2.CreditPosition, _Mapping]] = ..., policy_version: _Optional[str] = ..., business_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., counter_offer: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., max_interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., gates: _Optional[_Iterable[_Union[DecisionGate, _Mapping]]] = ..., policy_sha256: _Optional[str] = ..., monthly_income: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., approved_limit: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outside: _Optional[_Union[OutsideCredit, _Mapping]] = ...) -> None: ...

class ReplayDifference(_message.Message):
    __slots__ = ("field", "stored", "replayed")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    field: str
    stored: str
    replayed: str
    def __init__(self, field: _Optional[str] = ..., stored: _Optional[str] = ..., replayed: _Optional[str] = ...) -> None: ...
