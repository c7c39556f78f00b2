"""CreditService: each RPC checks its request, calls a use case and converts what that gives."""

from collections import Counter
from concurrent.futures import Future

import grpc

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import credit_service_pb2_grpc
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.decision import Decision, LoanRequest
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.metrics import Metrics
from almeno_grpc.rpc import answers, requests
from almeno_grpc.rpc.decision_answers import (
    batch_answer,
    booking_answer,
    check_answer,
    fill_position,
    replay_fields,
    stored_decision,
)
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.loan_answers import fill_loan
from almeno_grpc.rpc.pages import page_key, page_token
from almeno_grpc.service.booking import Booking, BookingService
from almeno_grpc.service.checks import CheckService
from almeno_grpc.service.customers import CustomerService
from almeno_grpc.service.decisions import DecisionService
from almeno_grpc.service.repayments import Recorded, RepaymentRequest, RepaymentService

MAX_REQUESTS_OF_A_BATCH = 1000


class CreditServicer(credit_service_pb2_grpc.CreditServiceServicer):
    """Serves CreditService. Answers that are remembered go out as the bytes that were stored.

    An RPC that changes something gives the answer that will be, so that no thread waits for the disk.
    """

    def __init__(
        self,
        customers: CustomerService,
        checks: CheckService,
        booking: BookingService,
        repayments: RepaymentService,
        decisions: DecisionService,
        metrics: Metrics,
    ) -> None:
        self._customers = customers
        self._checks = checks
        self._booking = booking
        self._repayments = repayments
        self._decisions = decisions
        self._metrics = metrics

    def RegisterCustomer(self, request: pb.RegisterCustomerRequest, context: grpc.ServicerContext) -> Future[bytes]:
        """Registers a customer."""
        fields = FieldReader()
        call = requests.request_context(fields, "RegisterCustomer", request, request.request_id, context)
        applicant = requests.applicant(fields, request)
        fields.raise_if_invalid()

        def encode(customer: Customer) -> bytes:
            return pb.RegisterCustomerResponse(customer=answers.customer_fields(customer)).SerializeToString()

        return self._customers.register(applicant, call, encode)

    def GetCustomer(self, request: pb.GetCustomerRequest, _context: grpc.ServicerContext) -> pb.GetCustomerResponse:
        """Fetches a customer with the credit position."""
        fields = FieldReader()
        customer_id = fields.identifier("customer_id", request.customer_id)
        fields.raise_if_invalid()
        customer, position = self._customers.get(customer_id)
        response = pb.GetCustomerResponse(customer=answers.customer_fields(customer))
        fill_position(response.position, position, customer.approved_limit)
        return response

    def ListCustomers(
        self, request: pb.ListCustomersRequest, _context: grpc.ServicerContext
    ) -> pb.ListCustomersResponse:
        """Lists all customers."""
        fields = FieldReader()
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        (after,) = page_key("customers", request.page_token, (0,))
        customers = self._customers.page(after, size + 1)
        return pb.ListCustomersResponse(
            customers=map(answers.customer_fields, customers[:size]),
            next_page_token=page_token("customers", customers[size - 1].customer_id) if customers[size:] else "",
        )

    def CheckEligibility(
        self, request: pb.CheckEligibilityRequest, _context: grpc.ServicerContext
    ) -> bytes | Future[bytes]:
        """Decides without storing or booking."""
        fields = FieldReader()
        loan_request = requests.loan_request(fields, request)
        fields.raise_if_invalid()
        return self._checks.check(loan_request, self._counted_check_answer)

    def _counted_check_answer(self, decision: Decision) -> bytes:
        self._metrics.decision("check", decision.reasons)
        return check_answer(decision)

    def BatchCheckEligibility(self, request: pb.BatchCheckEligibilityRequest, _context: grpc.ServicerContext) -> bytes:
        """Decides many requests without storing or booking."""
        fields = FieldReader()
        fields.number("requests", len(request.requests), 1, MAX_REQUESTS_OF_A_BATCH)
        fields.raise_if_invalid()
        asked = [requests.loan_request_or_error(each) for each in request.requests]
        outcomes = self._checks.check_all([each for each in asked if isinstance(each, LoanRequest)])
        decided = Counter(each.reasons for each in outcomes if isinstance(each, Decision))
        for reasons, count in decided.items():
            self._metrics.decision("check", reasons, count)
        in_order = iter(outcomes)
        return batch_answer(each if isinstance(each, CreditError) else next(in_order) for each in asked)

    def CreateLoan(self, request: pb.CreateLoanRequest, context: grpc.ServicerContext) -> Future[bytes]:
        """Decides, stores the decision and books what it approves."""
        fields = FieldReader()
        call = requests.request_context(fields, "CreateLoan", request, request.request_id, context)
        loan_request = requests.loan_request(fields, request)
        fields.raise_if_invalid()

        def count(booking: Booking) -> None:
            self._metrics.decision("booking", booking.decision.reasons)

        return self._booking.book(loan_request, call, booking_answer, count)

    def GetLoan(self, request: pb.GetLoanRequest, _context: grpc.ServicerContext) -> pb.GetLoanResponse:
        """Fetches a loan and its customer."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        fields.raise_if_invalid()
        loan, customer = self._booking.get_loan(loan_id)
        response = pb.GetLoanResponse(customer=answers.customer_fields(customer))
        fill_loan(response.loan, loan, self._booking.today())
        return response

    def ListLoans(self, request: pb.ListLoansRequest, _context: grpc.ServicerContext) -> pb.ListLoansResponse:
        """Lists a customer's loans."""
        fields = FieldReader()
        customer_id = fields.identifier("customer_id", request.customer_id)
        state = requests.loan_state(fields, request.state)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        scope = f"loans of {customer_id}, {state or 'all'}"
        (after,) = page_key(scope, request.page_token, (0,))
        loans = self._booking.page_of_loans(customer_id, state, after, size + 1)
        today = self._booking.today()
        response = pb.ListLoansResponse(
            next_page_token=page_token(scope, loans[size - 1].loan_id) if loans[size:] else ""
        )
        for loan in loans[:size]:
            fill_loan(response.loans.add(), loan, today)
        return response

    def GetRepaymentSchedule(
        self, request: pb.GetRepaymentScheduleRequest, _context: grpc.ServicerContext
    ) -> pb.GetRepaymentScheduleResponse:
        """Lists every instalment of a loan."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        fields.raise_if_invalid()
        return pb.GetRepaymentScheduleResponse(
            installments=map(answers.installment_fields, self._repayments.schedule(loan_id))
        )

    def RecordRepayment(self, request: pb.RecordRepaymentRequest, context: grpc.ServicerContext) -> Future[bytes]:
        """Records a repayment."""
        fields = FieldReader()
        call = requests.request_context(fields, "RecordRepayment", request, request.request_id, context)
        loan_id = fields.identifier("loan_id", request.loan_id)
        amount = fields.amount("amount", request.amount, least=1)
        payment_date = fields.optional_date("payment_date", request)
        fields.raise_if_invalid()

        def encode(recorded: Recorded) -> bytes:
            response = pb.RecordRepaymentResponse(repayment=answers.repayment_fields(recorded.repayment))
            fill_loan(response.loan, recorded.loan, recorded.business_date)
            return response.SerializeToString()

        return self._repayments.record(RepaymentRequest(loan_id, amount, payment_date), call, encode)

    def ListRepayments(
        self, request: pb.ListRepaymentsRequest, _context: grpc.ServicerContext
    ) -> pb.ListRepaymentsResponse:
        """Lists a loan's repayments."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        scope = f"repayments of {loan_id}"
        (after,) = page_key(scope, request.page_token, (0,))
        repayments = self._repayments.page(loan_id, after, size + 1)
        return pb.ListRepaymentsResponse(
            repayments=map(answers.repayment_fields, repayments[:size]),
            next_page_token=page_token(scope, repayments[size - 1].number) if repayments[size:] else "",
        )

    def GetPayoff(self, request: pb.GetPayoffRequest, _context: grpc.ServicerContext) -> pb.GetPayoffResponse:
        """Says what closes a loan on a day."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        payoff_date = fields.optional_date("payoff_date", request)
        fields.raise_if_invalid()
        return pb.GetPayoffResponse(payoff=answers.payoff_fields(self._repayments.payoff(loan_id, payoff_date)))

    def GetDecision(self, request: pb.GetDecisionRequest, _context: grpc.ServicerContext) -> pb.GetDecisionResponse:
        """Fetches a stored decision."""
        fields = FieldReader()
        decision_id = fields.uuid("decision_id", request.decision_id)
        fields.raise_if_invalid()
        return pb.GetDecisionResponse(decision=stored_decision(self._decisions.get(decision_id)))

    def ListDecisions(
        self, request: pb.ListDecisionsRequest, _context: grpc.ServicerContext
    ) -> pb.ListDecisionsResponse:
        """Lists the stored decisions on a customer."""
        fields = FieldReader()
        customer_id = fields.identifier("customer_id", request.customer_id)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        scope = f"decisions on {customer_id}"
        (after,) = page_key(scope, request.page_token, ("",))
        decisions = [stored_decision(each) for each in self._decisions.page(customer_id, after, size + 1)]
        return pb.ListDecisionsResponse(
            decisions=decisions[:size],
            next_page_token=page_token(scope, decisions[size - 1].decision_id) if decisions[size:] else "",
        )

    def ReplayDecision(
        self, request: pb.ReplayDecisionRequest, _context: grpc.ServicerContext
    ) -> pb.ReplayDecisionResponse:
        """Takes a stored decision again and compares."""
        fields = FieldReader()
        decision_id = fields.uuid("decision_id", request.decision_id)
        fields.raise_if_invalid()
        return pb.ReplayDecisionResponse(**replay_fields(self._decisions.replay(decision_id)))
