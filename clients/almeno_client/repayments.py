"""RPCs on repayments: record, list, payoff."""

import datetime as dt
from collections.abc import Iterator

from almeno_client.base_client import BaseClient, iterate_pages, new_request_id
from almeno_client.conversion import loan_of
from almeno_client.repayment_conversion import channel_name, payoff_of, repayment_of
from almeno_client.repayment_records import Payoff, Repayment, RepaymentChannel, RepaymentReceipt
from almeno_client.values import Rupees, money_message, optional_date_message
from almeno_grpc.api import credit_service_pb2


class RepaymentCalls(BaseClient):
    """RPCs on repayments: record, list, payoff."""

    def record_repayment(
        self,
        loan_id: int,
        *,
        amount: Rupees,
        payment_date: dt.date | None = None,
        external_reference: str = "",
        channel: RepaymentChannel = RepaymentChannel.UNSPECIFIED,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> RepaymentReceipt:
        """Records a payment on a loan. Exactly the payoff of the day closes the loan.

        Args:
            loan_id: Id of the loan.
            amount: Amount paid, in rupees; at most the payoff of the day.
            payment_date: Date of the payment, not before the latest repayment that stands; the business date when None.
            external_reference: The caller's reference; no two repayments of the loan that stand share one.
            channel: How the payment came in.
            request_id: Idempotency key, a UUID; generated when None.
            timeout_seconds: Deadline of the call, its retries included; the client's when None.

        Raises:
            InvalidArgument: A field is invalid.
            NotFound: There is no loan with the id.
            AlreadyExists: A repayment of the loan has the reference.
            FailedPrecondition: The loan is not active, or the amount is more than its payoff.
        """
        request = credit_service_pb2.RecordRepaymentRequest(
            request_id=request_id or new_request_id(),
            loan_id=loan_id,
            amount=money_message(amount),
            payment_date=optional_date_message(payment_date),
            external_reference=external_reference,
            channel=channel_name(channel),
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
            NotFound: There is no loan with the id; raised by the first `next()`.
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
        """Computes the payoff of a loan on a day, which may lie in the future; on the business date when None.

        Raises:
            InvalidArgument: The day lies before the disbursement or before the latest repayment that stands.
            NotFound: There is no loan with the id.
            FailedPrecondition: The loan is not active.
        """
        request = credit_service_pb2.GetPayoffRequest(loan_id=loan_id, payoff_date=optional_date_message(payoff_date))
        response: credit_service_pb2.GetPayoffResponse = self._unary(
            self._credit_stub.GetPayoff, request, timeout_seconds
        )
        return payoff_of(response.payoff)
