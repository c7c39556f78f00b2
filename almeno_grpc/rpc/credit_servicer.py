"""CreditService: each RPC checks its request, calls a use case and converts what that gives."""

from collections import Counter
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

import grpc

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.domain.decision import Decision, LoanRequest
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.metrics import Metrics
from almeno_grpc.rpc import loan_requests, requests
from almeno_grpc.rpc.conversion.customers import fill_customer
from almeno_grpc.rpc.conversion.decisions import (
    encoded_check,
    encoded_results,
    fill_booking,
    fill_replay,
    fill_stored_decision,
)
from almeno_grpc.rpc.conversion.key_facts import fill_key_facts
from almeno_grpc.rpc.conversion.loans import fill_installment, fill_loan
from almeno_grpc.rpc.conversion.repayments import fill_payoff, fill_repayment
from almeno_grpc.rpc.customer_servicer import CustomerServicer
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.pages import page_of
from almeno_grpc.rpc.persons import Persons
from almeno_grpc.service.booking import Booking, BookingRequest, BookingService
from almeno_grpc.service.checks import CheckService
from almeno_grpc.service.customer_changes import CustomerChangeService
from almeno_grpc.service.customers import CustomerService
from almeno_grpc.service.decision_snapshot import StoredDecision
from almeno_grpc.service.decisions import DamagedDecision, DecisionService
from almeno_grpc.service.key_facts import KeyFactsService
from almeno_grpc.service.repayments import Recorded, RepaymentService
from almeno_grpc.service.time_slices import computed_in_slices

MAX_BATCH_REQUESTS = 1000


class CreditServices(NamedTuple):
    """The use cases that CreditService serves."""

    customers: CustomerService
    customer_changes: CustomerChangeService
    checks: CheckService
    booking: BookingService
    repayments: RepaymentService
    decisions: DecisionService
    key_facts: KeyFactsService


class CreditServicer(CustomerServicer):
    """Serves CreditService. Answers that are remembered go out as the bytes that were stored.

    An RPC that changes something gives the answer that will be, so that no thread waits for the disk.
    """

    def __init__(self, services: CreditServices, persons: Persons, metrics: Metrics) -> None:
        super().__init__(services.customers, services.customer_changes, persons)
        self._checks = services.checks
        self._booking = services.booking
        self._repayments = services.repayments
        self._decisions = services.decisions
        self._key_facts = services.key_facts
        self._metrics = metrics

    def CheckEligibility(self, request: pb.CheckEligibilityRequest, _context: grpc.ServicerContext) -> Future[bytes]:
        """Decides without storing or booking."""
        fields = FieldReader()
        loan_request = requests.loan_request(fields, request, self._checks.today)
        fields.raise_if_invalid()
        return self._checks.check(loan_request, self._check_answer)

    def _check_answer(self, decision: Decision) -> bytes:
        self._metrics.decision("check", decision.reasons)
        return encoded_check(decision)

    def BatchCheckEligibility(self, request: pb.BatchCheckEligibilityRequest, _context: grpc.ServicerContext) -> bytes:
        """Decides many requests without storing or booking."""
        fields = FieldReader()
        fields.number("requests", len(request.requests), 1, MAX_BATCH_REQUESTS)
        fields.raise_if_invalid()
        asked = computed_in_slices(
            requests.loan_request_or_error(each, self._checks.today) for each in request.requests
        )
        outcomes = self._checks.check_all([each for each in asked if isinstance(each, LoanRequest)])
        decided = Counter(each.reasons for each in outcomes if isinstance(each, Decision))
        for reasons, count in decided.items():
            self._metrics.decision("check", reasons, count)
        in_order = iter(outcomes)
        return encoded_results(each if isinstance(each, CreditError) else next(in_order) for each in asked)

    def CreateLoan(self, request: pb.CreateLoanRequest, context: grpc.ServicerContext) -> Future[bytes]:
        """Decides, stores the decision and books what it approves."""
        fields = FieldReader()
        call = requests.request_context(fields, "CreateLoan", request, request.request_id, context)
        loan_request = requests.loan_request(fields, request, self._booking.today)
        fields.raise_if_invalid()
        requests.raise_if_beyond("max_loan_amount", loan_request.loan_amount)

        def count(booking: Booking) -> None:
            self._metrics.decision("booking", booking.decision.reasons)

        def encode(booking: Booking) -> bytes:
            response = pb.CreateLoanResponse()
            fill_booking(response, booking)
            return response.SerializeToString()

        return self._booking.book(BookingRequest(loan_request, request.disburse_later), call, encode, count)

    def GetLoan(self, request: pb.GetLoanRequest, _context: grpc.ServicerContext) -> pb.GetLoanResponse:
        """Fetches a loan and its customer."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        fields.raise_if_invalid()
        loan, customer = self._booking.get_loan(loan_id)
        response = pb.GetLoanResponse()
        fill_customer(response.customer, customer, in_full=self._persons.are_shown([customer.customer_id]))
        fill_loan(response.loan, loan, self._booking.today())
        return response

    def ListLoans(self, request: pb.ListLoansRequest, _context: grpc.ServicerContext) -> pb.ListLoansResponse:
        """Lists a customer's loans."""
        fields = FieldReader()
        customer_id = fields.identifier("customer_id", request.customer_id)
        state = requests.loan_state(fields, request.state)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            f"loans of {customer_id}, {state or 'all'}",
            size,
            request.page_token,
            (0,),
            partial(self._booking.page_of_loans, customer_id, state),
            lambda loan: (loan.loan_id,),
        )
        today = self._booking.today()
        response = pb.ListLoansResponse(next_page_token=page.next_page_token)
        for loan in page.rows:
            fill_loan(response.loans.add(), loan, today)
        return response

    def GetRepaymentSchedule(
        self, request: pb.GetRepaymentScheduleRequest, _context: grpc.ServicerContext
    ) -> pb.GetRepaymentScheduleResponse:
        """Lists every instalment of a loan."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        fields.raise_if_invalid()
        response = pb.GetRepaymentScheduleResponse()
        for installment in self._repayments.schedule(loan_id):
            fill_installment(response.installments.add(), installment)
        return response

    def RecordRepayment(self, request: pb.RecordRepaymentRequest, context: grpc.ServicerContext) -> Future[bytes]:
        """Records a repayment."""
        fields = FieldReader()
        call = requests.request_context(fields, "RecordRepayment", request, request.request_id, context)
        repayment = loan_requests.repayment(fields, request)
        fields.raise_if_invalid()
        requests.raise_if_beyond("max_repayment", repayment.amount)

        def encode(recorded: Recorded) -> bytes:
            response = pb.RecordRepaymentResponse()
            fill_repayment(response.repayment, recorded.repayment)
            fill_loan(response.loan, recorded.loan, recorded.business_date)
            return response.SerializeToString()

        return self._repayments.record(repayment, call, encode)

    def ListRepayments(
        self, request: pb.ListRepaymentsRequest, _context: grpc.ServicerContext
    ) -> pb.ListRepaymentsResponse:
        """Lists a loan's repayments."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            f"repayments of {loan_id}",
            size,
            request.page_token,
            (0,),
            partial(self._repayments.page, loan_id),
            lambda repayment: (repayment.number,),
        )
        response = pb.ListRepaymentsResponse(next_page_token=page.next_page_token)
        for repayment in page.rows:
            fill_repayment(response.repayments.add(), repayment)
        return response

    def GetPayoff(self, request: pb.GetPayoffRequest, _context: grpc.ServicerContext) -> pb.GetPayoffResponse:
        """Says what closes a loan on a day."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        payoff_date = fields.optional_date("payoff_date", request)
        fields.raise_if_invalid()
        response = pb.GetPayoffResponse()
        fill_payoff(response.payoff, self._repayments.payoff(loan_id, payoff_date))
        return response

    def GetKeyFacts(self, request: pb.GetKeyFactsRequest, _context: grpc.ServicerContext) -> pb.GetKeyFactsResponse:
        """Discloses what a loan costs."""
        fields = FieldReader()
        loan_id, decision_id = requests.key_facts_subject(fields, request)
        fields.raise_if_invalid()
        found = self._key_facts.of_decision(decision_id) if decision_id else self._key_facts.of_loan(loan_id)
        response = pb.GetKeyFactsResponse()
        fill_key_facts(response.key_facts, found)
        return response

    def GetDecision(self, request: pb.GetDecisionRequest, _context: grpc.ServicerContext) -> pb.GetDecisionResponse:
        """Fetches a stored decision."""
        fields = FieldReader()
        decision_id = fields.uuid("decision_id", request.decision_id)
        fields.raise_if_invalid()
        response = pb.GetDecisionResponse()
        fill_stored_decision(response.decision, self._decisions.get(decision_id))
        return response

    def ListDecisions(
        self, request: pb.ListDecisionsRequest, _context: grpc.ServicerContext
    ) -> pb.ListDecisionsResponse:
        """Lists the stored decisions on a customer."""
        fields = FieldReader()
        customer_id = fields.identifier("customer_id", request.customer_id)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            f"decisions on {customer_id}",
            size,
            request.page_token,
            ("",),
            partial(self._decisions.page, customer_id),
            _decision_key,
        )
        response = pb.ListDecisionsResponse(next_page_token=page.next_page_token)
        for stored in page.rows:
            fill_stored_decision(response.decisions.add(), stored)
        return response

    def ReplayDecision(
        self, request: pb.ReplayDecisionRequest, _context: grpc.ServicerContext
    ) -> pb.ReplayDecisionResponse:
        """Takes a stored decision again and compares."""
        fields = FieldReader()
        decision_id = fields.uuid("decision_id", request.decision_id)
        fields.raise_if_invalid()
        response = pb.ReplayDecisionResponse()
        fill_replay(response, self._decisions.replay(decision_id))
        return response


def _decision_key(stored: StoredDecision | DamagedDecision) -> tuple[str]:
    return (stored.record.decision_id if isinstance(stored, DamagedDecision) else stored.decision_id,)
