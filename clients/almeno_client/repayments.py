"""The calls on a loan that is being repaid."""

import datetime as dt
from collections.abc import Iterator

from almeno_client.base_client import BaseClient, iterate_pages, new_request_id
from almeno_client.conversion import loan_of, payoff_of, repayment_of
from almeno_client.records import Payoff, Repayment, RepaymentReceipt
from almeno_client.values import Rupees, date_message, money_message
from almeno_grpc.api import credit_service_pb2


class RepaymentCalls(BaseClient):
    """The calls that record what was paid on a loan, and say what would close it."""

    def record_repayment(
        self,
        loan_id: int,
        *,
        amount: Rupees,
        payment_date: dt.date | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> RepaymentReceipt:
        """Records a payment on a loan. Exactly the payoff of the day closes the loan.

        Args:
            loan_id: The loan it was made on.
            amount: What was paid, at most the payoff of the day.
            payment_date: The day it was paid, not before the loan's latest repayment; the business date when None.
            request_id: UUID of this request; made up when None.
            timeout_seconds: How long the call may take; the client's own when None.

        Raises:
            InvalidArgument: A field is not what it has to be.
            NotFound: No loan has the number.
            FailedPrecondition: The loan is closed, or the amount is more than its payoff.
        """
        request = credit_service_pb2.RecordRepaymentRequest(
            request_id=request_id or new_request_id(),
            loan_id=loan_id,
            amount=money_message(amount),
            payment_date=None if payment_date is None else date_message(payment_date),
        )
        response: credit_service_pb2.RecordRepaymentResponse = self._unary(
            self._credit_stub.RecordRepayment, request, timeout_seconds
        )
        return RepaymentReceipt(repayment_of(response.repayment), loan_of(response.loan))

    def list_repayments(
        self, loan_id: int, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Iterator[Repayment]:
        """Yields the repayments of a loan in the order in which they were recorded.

        Raises:
            NotFound: No loan has the number; raised with the first repayment that is asked for.
        """

        def fetch(page_token: str) -> tuple[Iterator[Repayment], str]:
            request = credit_service_pb2.ListRepaymentsRequest(
                loan_id=loan_id, page_size=page_size, page_token=page_token
            )
            response: credit_service_pb2.ListRepaymentsResponse = self._unary(
                self._credit_stub.ListRepayments, request, timeout_seconds
            )
            return map(repayment_of, response.repayments), response.next_page_token

        return iterate_pages(fetch)

    def get_payoff(
        self, loan_id: int, *, payoff_date: dt.date | None = None, timeout_seconds: float | None = None
    ) -> Payoff:
        """Says what closes a loan on a day, which may be to come; on the business date when None.

        Raises:
            InvalidArgument: The day lies before the approval or before the loan's latest repayment.
            NotFound: No loan has the number.
            FailedPrecondition: The loan is closed.
        """
        request = credit_service_pb2.GetPayoffRequest(
            loan_id=loan_id, payoff_date=None if payoff_date is None else date_message(payoff_date)
        )
        response: credit_service_pb2.GetPayoffResponse = self._unary(
            self._credit_stub.GetPayoff, request, timeout_seconds
        )
        return payoff_of(response.payoff)
