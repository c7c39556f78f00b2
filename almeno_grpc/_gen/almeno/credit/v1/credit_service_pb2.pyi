from almeno_grpc._gen.almeno.credit.v1 import customer_pb2 as _customer_pb2
from almeno_grpc._gen.almeno.credit.v1 import decision_pb2 as _decision_pb2
from almeno_grpc._gen.almeno.credit.v1 import key_facts_pb2 as _key_facts_pb2
from almeno_grpc._gen.almeno.credit.v1 import loan_pb2 as _loan_pb2
from almeno_grpc._gen.almeno.credit.v1 import personal_data_pb2 as _personal_data_pb2
from almeno_grpc._gen.almeno.credit.v1 import repayment_pb2 as _repayment_pb2
from almeno_grpc._gen.almeno.credit.v1 import scope_pb2 as _scope_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.rpc import status_pb2 as _status_pb2
from google.type import date_pb2 as _date_pb2
from google.type import decimal_pb2 as _decimal_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegisterCustomerRequest(_message.Message):
    __slots__ = ("request_id", "first_name", "last_name", "age", "monthly_income", "phone_number")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_INCOME_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    first_name: str
    last_name: str
    age: int
    monthly_income: _money_pb2.Money
    phone_number: str
    def __init__(self, request_id: _Optional[str] = ..., first_name: _Optional[str] = ..., last_name: _Optional[str] = ..., age: _Optional[int] = ..., monthly_income: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., phone_number: _Optional[str] = ...) -> None: ...

class RegisterCustomerResponse(_message.Message):
    __slots__ = ("customer",)
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    customer: _customer_pb2.Customer
    def __init__(self, customer: _Optional[_Union[_customer_pb2.Customer, _Mapping]] = ...) -> None: ...

class GetCustomerRequest(_message.Message):
    __slots__ = ("customer_id",)
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: int
    def __init__(self, customer_id: _Optional[int] = ...) -> None: ...

class GetCustomerResponse(_message.Message):
    __slots__ = ("customer", "position")
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    customer: _customer_pb2.Customer
    position: _customer_pb2.CreditPosition
    def __init__(self, customer: _Optional[_Union[_customer_pb2.Customer, _Mapping]] = ..., position: _Optional[_Union[_customer_pb2.CreditPosition, _Mapping]] = ...) -> None: ...

class ListCustomersRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCustomersResponse(_message.Message):
    __slots__ = ("customers", "next_page_token")
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    customers: _containers.RepeatedCompositeFieldContainer[_customer_pb2.Customer]
    next_page_token: str
    def __init__(self, customers: _Optional[_Iterable[_Union[_customer_pb2.Customer, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListCustomerChangesRequest(_message.Message):
    __slots__ = ("customer_id", "page_size", "page_token")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    customer_id: int
    page_size: int
    page_token: str
    def __init__(self, customer_id: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCustomerChangesResponse(_message.Message):
    __slots__ = ("changes", "next_page_token")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[_customer_pb2.CustomerChange]
    next_page_token: str
    def __init__(self, changes: _Optional[_Iterable[_Union[_customer_pb2.CustomerChange, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateCustomerRequest(_message.Message):
    __slots__ = ("request_id", "customer_id", "first_name", "last_name", "age", "monthly_income", "phone_number")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_INCOME_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    customer_id: int
    first_name: str
    last_name: str
    age: int
    monthly_income: _money_pb2.Money
    phone_number: str
    def __init__(self, request_id: _Optional[str] = ..., customer_id: _Optional[int] = ..., first_name: _Optional[str] = ..., last_name: _Optional[str] = ..., age: _Optional[int] = ..., monthly_income: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., phone_number: _Optional[str] = ...) -> None: ...

class UpdateCustomerResponse(_message.Message):
    __slots__ = ("customer",)
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    customer: _customer_pb2.Customer
    def __init__(self, customer: _Optional[_Union[_customer_pb2.Customer, _Mapping]] = ...) -> None: ...

class SetApprovedLimitRequest(_message.Message):
    __slots__ = ("request_id", "customer_id", "approved_limit", "recalculate", "reason", "customer_request_date")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    APPROVED_LIMIT_FIELD_NUMBER: _ClassVar[int]
    RECALCULATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_REQUEST_DATE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    customer_id: int
    approved_limit: _money_pb2.Money
    recalculate: bool
    reason: str
    customer_request_date: _date_pb2.Date
    def __init__(self, request_id: _Optional[str] = ..., customer_id: _Optional[int] = ..., approved_limit: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., recalculate: bool = ..., reason: _Optional[str] = ..., customer_request_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ...) -> None: ...

class SetApprovedLimitResponse(_message.Message):
    __slots__ = ("customer",)
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    customer: _customer_pb2.Customer
    def __init__(self, customer: _Optional[_Union[_customer_pb2.Customer, _Mapping]] = ...) -> None: ...

class FindCustomersRequest(_message.Message):
    __slots__ = ("phone_number", "name_prefix", "page_size", "page_token")
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    NAME_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    phone_number: str
    name_prefix: str
    page_size: int
    page_token: str
    def __init__(self, phone_number: _Optional[str] = ..., name_prefix: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class FindCustomersResponse(_message.Message):
    __slots__ = ("customers", "next_page_token")
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    customers: _containers.RepeatedCompositeFieldContainer[_customer_pb2.Customer]
    next_page_token: str
    def __init__(self, customers: _Optional[_Iterable[_Union[_customer_pb2.Customer, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CheckEligibilityRequest(_message.Message):
    __slots__ = ("customer_id", "loan_amount", "interest_rate", "tenure_months", "outside")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    TENURE_MONTHS_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_FIELD_NUMBER: _ClassVar[int]
    customer_id: int
    loan_amount: _money_pb2.Money
    interest_rate: _decimal_pb2.Decimal
    tenure_months: int
    outside: _decision_pb2.OutsideCredit
    def __init__(self, customer_id: _Optional[int] = ..., loan_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., tenure_months: _Optional[int] = ..., outside: _Optional[_Union[_decision_pb2.OutsideCredit, _Mapping]] = ...) -> None: ...

class CheckEligibilityResponse(_message.Message):
    __slots__ = ("decision",)
    DECISION_FIELD_NUMBER: _ClassVar[int]
    decision: _decision_pb2.Decision
    def __init__(self, decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ...) -> None: ...

class BatchCheckEligibilityRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[CheckEligibilityRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[CheckEligibilityRequest, _Mapping]]] = ...) -> None: ...

class BatchCheckEligibilityResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchCheckEligibilityResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchCheckEligibilityResult, _Mapping]]] = ...) -> None: ...

class BatchCheckEligibilityResult(_message.Message):
    __slots__ = ("decision", "error")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    decision: _decision_pb2.Decision
    error: _status_pb2.Status
    def __init__(self, decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class CreateLoanRequest(_message.Message):
    __slots__ = ("request_id", "customer_id", "loan_amount", "interest_rate", "tenure_months", "max_interest_rate", "outside", "disburse_later")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    TENURE_MONTHS_FIELD_NUMBER: _ClassVar[int]
    MAX_INTEREST_RATE_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_FIELD_NUMBER: _ClassVar[int]
    DISBURSE_LATER_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    customer_id: int
    loan_amount: _money_pb2.Money
    interest_rate: _decimal_pb2.Decimal
    tenure_months: int
    max_interest_rate: _decimal_pb2.Decimal
    outside: _decision_pb2.OutsideCredit
    disburse_later: bool
    def __init__(self, request_id: _Optional[str] = ..., customer_id: _Optional[int] = ..., loan_amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., tenure_months: _Optional[int] = ..., max_interest_rate: _Optional[_Union[_decimal_pb2.Decimal, _Mapping]] = ..., outside: _Optional[_Union[_decision_pb2.OutsideCredit, _Mapping]] = ..., disburse_later: bool = ...) -> None: ...

class CreateLoanResponse(_message.Message):
    __slots__ = ("decision", "loan")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    LOAN_FIELD_NUMBER: _ClassVar[int]
    decision: _decision_pb2.Decision
    loan: _loan_pb2.Loan
    def __init__(self, decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ...) -> None: ...

class GetLoanRequest(_message.Message):
    __slots__ = ("loan_id",)
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    def __init__(self, loan_id: _Optional[int] = ...) -> None: ...

class GetLoanResponse(_message.Message):
    __slots__ = ("loan", "customer")
    LOAN_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    loan: _loan_pb2.Loan
    customer: _customer_pb2.Customer
    def __init__(self, loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ..., customer: _Optional[_Union[_customer_pb2.Customer, _Mapping]] = ...) -> None: ...

class ListLoansRequest(_message.Message):
    __slots__ = ("customer_id", "state", "page_size", "page_token")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    customer_id: int
    state: _loan_pb2.LoanState
    page_size: int
    page_token: str
    def __init__(self, customer_id: _Optional[int] = ..., state: _Optional[_Union[_loan_pb2.LoanState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLoansResponse(_message.Message):
    __slots__ = ("loans", "next_page_token")
    LOANS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    loans: _containers.RepeatedCompositeFieldContainer[_loan_pb2.Loan]
    next_page_token: str
    def __init__(self, loans: _Optional[_Iterable[_Union[_loan_pb2.Loan, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetRepaymentScheduleRequest(_message.Message):
    __slots__ = ("loan_id",)
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    def __init__(self, loan_id: _Optional[int] = ...) -> None: ...

class GetRepaymentScheduleResponse(_message.Message):
    __slots__ = ("installments",)
    INSTALLMENTS_FIELD_NUMBER: _ClassVar[int]
    installments: _containers.RepeatedCompositeFieldContainer[_loan_pb2.Installment]
    def __init__(self, installments: _Optional[_Iterable[_Union[_loan_pb2.Installment, _Mapping]]] = ...) -> None: ...

class RecordRepaymentRequest(_message.Message):
    __slots__ = ("request_id", "loan_id", "amount", "payment_date", "external_reference", "channel")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_DATE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    loan_id: int
    amount: _money_pb2.Money
    payment_date: _date_pb2.Date
    external_reference: str
    channel: _repayment_pb2.RepaymentChannel
    def __init__(self, request_id: _Optional[str] = ..., loan_id: _Optional[int] = ..., amount: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., payment_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., external_reference: _Optional[str] = ..., channel: _Optional[_Union[_repayment_pb2.RepaymentChannel, str]] = ...) -> None: ...

class RecordRepaymentResponse(_message.Message):
    __slots__ = ("repayment", "loan")
    REPAYMENT_FIELD_NUMBER: _ClassVar[int]
    LOAN_FIELD_NUMBER: _ClassVar[int]
    repayment: _repayment_pb2.Repayment
    loan: _loan_pb2.Loan
    def __init__(self, repayment: _Optional[_Union[_repayment_pb2.Repayment, _Mapping]] = ..., loan: _Optional[_Union[_loan_pb2.Loan, _Mapping]] = ...) -> None: ...

class ListRepaymentsRequest(_message.Message):
    __slots__ = ("loan_id", "page_size", "page_token")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    page_size: int
    page_token: str
    def __init__(self, loan_id: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRepaymentsResponse(_message.Message):
    __slots__ = ("repayments", "next_page_token")
    REPAYMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    repayments: _containers.RepeatedCompositeFieldContainer[_repayment_pb2.Repayment]
    next_page_token: str
    def __init__(self, repayments: _Optional[_Iterable[_Union[_repayment_pb2.Repayment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetPayoffRequest(_message.Message):
    __slots__ = ("loan_id", "payoff_date")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    PAYOFF_DATE_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    payoff_date: _date_pb2.Date
    def __init__(self, loan_id: _Optional[int] = ..., payoff_date: _Optional[_Union[_date_pb2.Date, _Mapping]] = ...) -> None: ...

class GetPayoffResponse(_message.Message):
    __slots__ = ("payoff",)
    PAYOFF_FIELD_NUMBER: _ClassVar[int]
    payoff: _repayment_pb2.Payoff
    def __init__(self, payoff: _Optional[_Union[_repayment_pb2.Payoff, _Mapping]] = ...) -> None: ...

class GetKeyFactsRequest(_message.Message):
    __slots__ = ("loan_id", "decision_id")
    LOAN_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    loan_id: int
    decision_id: str
    def __init__(self, loan_id: _Optional[int] = ..., decision_id: _Optional[str] = ...) -> None: ...

class GetKeyFactsResponse(_message.Message):
    __slots__ = ("key_facts",)
    KEY_FACTS_FIELD_NUMBER: _ClassVar[int]
    key_facts: _key_facts_pb2.KeyFacts
    def __init__(self, key_facts: _Optional[_Union[_key_facts_pb2.KeyFacts, _Mapping]] = ...) -> None: ...

class GetDecisionRequest(_message.Message):
    __slots__ = ("decision_id",)
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    def __init__(self, decision_id: _Optional[str] = ...) -> None: ...

class GetDecisionResponse(_message.Message):
    __slots__ = ("decision",)
    DECISION_FIELD_NUMBER: _ClassVar[int]
    decision: _decision_pb2.Decision
    def __init__(self, decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ...) -> None: ...

class ListDecisionsRequest(_message.Message):
    __slots__ = ("customer_id", "page_size", "page_token")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    customer_id: int
    page_size: int
    page_token: str
    def __init__(self, customer_id: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDecisionsResponse(_message.Message):
    __slots__ = ("decisions", "next_page_token")
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Decision]
    next_page_token: str
    def __init__(self, decisions: _Optional[_Iterable[_Union[_decision_pb2.Decision, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReplayDecisionRequest(_message.Message):
    __slots__ = ("decision_id",)
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    def __init__(self, decision_id: _Optional[str] = ...) -> None: ...

class ReplayDecisionResponse(_message.Message):
    __slots__ = ("outcome", "decision", "differences")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    outcome: _decision_pb2.ReplayOutcome
    decision: _decision_pb2.Decision
    differences: _containers.RepeatedCompositeFieldContainer[_decision_pb2.ReplayDifference]
    def __init__(self, outcome: _Optional[_Union[_decision_pb2.ReplayOutcome, str]] = ..., decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., differences: _Optional[_Iterable[_Union[_decision_pb2.ReplayDifference, _Mapping]]] = ...) -> None: ...
