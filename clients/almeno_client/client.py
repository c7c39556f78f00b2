"""The client of the credit service."""

from collections.abc import Iterator

from almeno_client.access import AccessCalls
from almeno_client.base_client import iterate_pages, new_request_id
from almeno_client.conversion import customer_of, installment_of, loan_of, loan_state_name
from almeno_client.customers import CustomerCalls
from almeno_client.decision_conversion import decision_of, outside_message
from almeno_client.decision_records import OutsideCredit
from almeno_client.decisions import DecisionCalls
from almeno_client.eligibility import EligibilityCalls
from almeno_client.events import EventCalls
from almeno_client.exports import ExportCalls
from almeno_client.health import HealthCalls
from almeno_client.imports import ImportCalls
from almeno_client.key_facts import KeyFactsCalls
from almeno_client.loan_changes import LoanChangeCalls
from almeno_client.portfolio import PortfolioCalls
from almeno_client.records import Installment, Loan, LoanAccount, LoanApplication, LoanState
from almeno_client.repayments import RepaymentCalls
from almeno_client.statements import StatementCalls
from almeno_client.values import Rate, Rupees, money_message, rate_message
from almeno_grpc.api import credit_service_pb2


class CreditClient(
    EligibilityCalls,
    CustomerCalls,
    RepaymentCalls,
    LoanChangeCalls,
    StatementCalls,
    DecisionCalls,
    KeyFactsCalls,
    ImportCalls,
    PortfolioCalls,
    ExportCalls,
    EventCalls,
    AccessCalls,
    HealthCalls,
):
    """A client of the credit service: one method a call, plain Python values in, frozen records out.

        with CreditClient("127.0.0.1:50051") as client:
            decision = client.check_eligibility(14, loan_amount="5,00,000", interest_rate="9", tenure_months=24)

    Calls that the service could not take at the moment are sent again. Those that change something carry a
    request_id, so that sending one again has one effect. Every call has a deadline: `timeout_seconds` of the call or
    else of the client. Every call raises a `CreditServiceError` when it fails, a `TypeError` for a float where an
    amount or a rate is due, and a `ValueError` for a value that cannot be sent.

    Construction is described at `BaseClient`.
    """

    def create_loan(  # noqa: PLR0913 - an argument for each field of the request
        self,
        customer_id: int,
        *,
        loan_amount: Rupees,
        interest_rate: Rate,
        tenure_months: int,
        max_interest_rate: Rate | None = None,
        outside: OutsideCredit | None = None,
        disburse_later: bool = False,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> LoanApplication:
        """Decides a loan request and, when it is approved, books the loan at the corrected rate.

        Args:
            customer_id: Id of the customer who applies.
            loan_amount: Requested principal, in rupees.
            interest_rate: Requested interest rate, in per cent a year.
            tenure_months: Requested number of monthly instalments.
            max_interest_rate: Maximum interest rate to accept, in per cent a year; no maximum when None.
            outside: The applicant's credit with other lenders; None when nothing is known of it.
            disburse_later: Whether the loan is sanctioned only, and waits for `disburse_loan`; else it is disbursed on
                its approval.
            request_id: Idempotency key, a UUID; generated when None.
            timeout_seconds: Deadline of the call, its retries included; the client's when None.

        Raises:
            InvalidArgument: A field is invalid, or the terms do not amortize.
            NotFound: There is no customer with the id.
        """
        request = credit_service_pb2.CreateLoanRequest(
            request_id=request_id or new_request_id(),
            customer_id=customer_id,
            loan_amount=money_message(loan_amount),
            interest_rate=rate_message(interest_rate),
            tenure_months=tenure_months,
            max_interest_rate=None if max_interest_rate is None else rate_message(max_interest_rate),
            outside=outside_message(outside),
            disburse_later=disburse_later,
        )
        response: credit_service_pb2.CreateLoanResponse = self._unary(
            self._credit_stub.CreateLoan, request, timeout_seconds
        )
        return LoanApplication(
            decision_of(response.decision), loan_of(response.loan) if response.HasField("loan") else None
        )

    def get_loan(self, loan_id: int, *, timeout_seconds: float | None = None) -> LoanAccount:
        """Fetches a loan and the customer who owes it.

        Raises:
            NotFound: There is no loan with the id.
        """
        request = credit_service_pb2.GetLoanRequest(loan_id=loan_id)
        response: credit_service_pb2.GetLoanResponse = self._unary(self._credit_stub.GetLoan, request, timeout_seconds)
        return LoanAccount(loan_of(response.loan), customer_of(response.customer))

    def list_loans(
        self,
        customer_id: int,
        *,
        state: LoanState = LoanState.UNSPECIFIED,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Iterator[Loan]:
        """Yields a customer's loans by ascending id: those of one state or, unspecified, all.

        Raises:
            NotFound: There is no customer with the id; raised by the first `next()`.
        """

        def fetch(page_token: str) -> tuple[Iterator[Loan], str]:
            request = credit_service_pb2.ListLoansRequest(
                customer_id=customer_id, state=loan_state_name(state), page_size=page_size, page_token=page_token
            )
            response: credit_service_pb2.ListLoansResponse = self._unary(
                self._credit_stub.ListLoans, request, timeout_seconds
            )
            return map(loan_of, response.loans), response.next_page_token

        return iterate_pages(fetch)

    def get_repayment_schedule(self, loan_id: int, *, timeout_seconds: float | None = None) -> tuple[Installment, ...]:
        """Fetches every instalment of a loan, paid and to come, in order.

        Raises:
            NotFound: There is no loan with the id.
        """
        request = credit_service_pb2.GetRepaymentScheduleRequest(loan_id=loan_id)
        response: credit_service_pb2.GetRepaymentScheduleResponse = self._unary(
            self._credit_stub.GetRepaymentSchedule, request, timeout_seconds
        )
        return tuple(map(installment_of, response.installments))
