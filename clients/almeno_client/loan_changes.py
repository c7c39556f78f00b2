"""RPCs of LoanService: disburse, cancel, exit, reverse a repayment, prepay, charges."""

import datetime as dt
from collections.abc import Iterator

from almeno_client.base_client import BaseClient, iterate_pages, new_request_id
from almeno_client.conversion import loan_of
from almeno_client.records import Loan
from almeno_client.repayment_conversion import (
    cancel_reason_name,
    channel_name,
    charge_kind_name,
    charge_of,
    disbursement_of,
    exit_receipt_of,
    prepayment_effect_name,
    prepayment_of,
    repayment_of,
    reversal_reason_name,
)
from almeno_client.repayment_records import (
    CancelReason,
    Charge,
    ChargedLoan,
    ChargeKind,
    Disbursement,
    ExitReceipt,
    PrepaymentEffect,
    PrepaymentPreview,
    PrepaymentReceipt,
    RepaymentChannel,
    RepaymentReceipt,
    ReversalReason,
)
from almeno_client.values import Rupees, money_message, optional_date_message
from almeno_grpc.api import loan_service_pb2 as pb


class LoanChangeCalls(BaseClient):
    """RPCs of LoanService: disburse, cancel, exit, reverse a repayment, prepay, charges.

    All of them raise `InvalidArgument` for an invalid field and `NotFound` for an unknown loan or repayment. Those that
    change something take a `request_id`, a UUID, or generate one; days that are None are the business date.
    """

    def disburse_loan(
        self,
        loan_id: int,
        *,
        disbursement_date: dt.date | None = None,
        external_reference: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Disbursement:
        """Disburses a sanctioned loan: from that day on due dates and interest count.

        Raises:
            FailedPrecondition: The loan is disbursed or cancelled, or its sanction has expired.
        """
        request = pb.DisburseLoanRequest(
            request_id=request_id or new_request_id(),
            loan_id=loan_id,
            disbursement_date=optional_date_message(disbursement_date),
            external_reference=external_reference,
        )
        response: pb.DisburseLoanResponse = self._unary(self._loan_stub.DisburseLoan, request, timeout_seconds)
        return disbursement_of(response)

    def cancel_loan(
        self,
        loan_id: int,
        *,
        reason: CancelReason,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Loan:
        """Cancels a sanctioned loan, which counts nowhere from then on.

        Raises:
            FailedPrecondition: The loan is disbursed or cancelled, or its sanction has expired.
        """
        request = pb.CancelLoanRequest(
            request_id=request_id or new_request_id(), loan_id=loan_id, reason=cancel_reason_name(reason)
        )
        response: pb.CancelLoanResponse = self._unary(self._loan_stub.CancelLoan, request, timeout_seconds)
        return loan_of(response.loan)

    def exit_loan(
        self,
        loan_id: int,
        *,
        exit_date: dt.date | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> ExitReceipt:
        """Gives a loan back in its cooling-off period, for the `exit_amount` of its payoff, which is recorded.

        Where the refunded fee is more, `refund_due` of the answer is what the lender owes.

        Raises:
            FailedPrecondition: The cooling-off period is over, or the loan is not active.
        """
        request = pb.ExitLoanRequest(
            request_id=request_id or new_request_id(),
            loan_id=loan_id,
            exit_date=optional_date_message(exit_date),
        )
        response: pb.ExitLoanResponse = self._unary(self._loan_stub.ExitLoan, request, timeout_seconds)
        return exit_receipt_of(response)

    def reverse_repayment(
        self,
        repayment_id: str,
        *,
        reason: ReversalReason,
        reversal_date: dt.date | None = None,
        return_code: str = "",
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> RepaymentReceipt:
        """Reverses a repayment: the loan stands as if it had never been.

        Raises:
            FailedPrecondition: It is reversed already, or a later prepayment or exit is to be reversed first: the
                metadata has its `repayment_id`.
        """
        request = pb.ReverseRepaymentRequest(
            request_id=request_id or new_request_id(),
            repayment_id=repayment_id,
            reason=reversal_reason_name(reason),
            reversal_date=optional_date_message(reversal_date),
            return_code=return_code,
        )
        response: pb.ReverseRepaymentResponse = self._unary(self._loan_stub.ReverseRepayment, request, timeout_seconds)
        return RepaymentReceipt(repayment_of(response.repayment), loan_of(response.loan))

    def preview_prepayment(
        self,
        loan_id: int,
        *,
        amount: Rupees,
        effect: PrepaymentEffect,
        payment_date: dt.date | None = None,
        timeout_seconds: float | None = None,
    ) -> PrepaymentPreview:
        """Computes what `prepay_loan` would do. Stores nothing. Raises what that raises, but for a reference."""
        request = pb.PreviewPrepaymentRequest(
            loan_id=loan_id,
            amount=money_message(amount),
            payment_date=optional_date_message(payment_date),
            effect=prepayment_effect_name(effect),
        )
        response: pb.PreviewPrepaymentResponse = self._unary(
            self._loan_stub.PreviewPrepayment, request, timeout_seconds
        )
        return PrepaymentPreview(prepayment_of(response.prepayment), loan_of(response.loan))

    def prepay_loan(
        self,
        loan_id: int,
        *,
        amount: Rupees,
        effect: PrepaymentEffect,
        payment_date: dt.date | None = None,
        external_reference: str = "",
        channel: RepaymentChannel = RepaymentChannel.UNSPECIFIED,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> PrepaymentReceipt:
        """Records a prepayment: the balance falls, and the rest of the schedule follows from that.

        Args:
            loan_id: Id of the loan, by the reducing balance.
            amount: Amount paid, in rupees; less than closes the loan.
            effect: Whether fewer instalments are left, or lower ones.
            payment_date: Day of the payment, not before the loan's latest repayment that stands.
            external_reference: The caller's reference; no two repayments of the loan that stand share one.
            channel: How the payment came in.
            request_id: Idempotency key, a UUID; generated when None.
            timeout_seconds: Deadline of the call, its retries included; the client's when None.

        Raises:
            AlreadyExists: A repayment of the loan has the reference.
            FailedPrecondition: The loan cannot be prepaid: not active, not by the reducing balance, overdue, paid ahead
                by more than the running instalment; or the amount closes it.
        """
        request = pb.PrepayLoanRequest(
            request_id=request_id or new_request_id(),
            loan_id=loan_id,
            amount=money_message(amount),
            payment_date=optional_date_message(payment_date),
            effect=prepayment_effect_name(effect),
            external_reference=external_reference,
            channel=channel_name(channel),
        )
        response: pb.PrepayLoanResponse = self._unary(self._loan_stub.PrepayLoan, request, timeout_seconds)
        return PrepaymentReceipt(
            prepayment_of(response.prepayment), loan_of(response.loan), repayment_of(response.repayment)
        )

    def add_charge(
        self,
        loan_id: int,
        *,
        kind: ChargeKind,
        amount: Rupees,
        reason: str,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> ChargedLoan:
        """Adds a charge to a loan, on the business date, for a returned debit or another reason.

        Raises:
            FailedPrecondition: The loan is not active, or has as many charges as it may.
        """
        request = pb.AddChargeRequest(
            request_id=request_id or new_request_id(),
            loan_id=loan_id,
            kind=charge_kind_name(kind),
            amount=money_message(amount),
            reason=reason,
        )
        response: pb.AddChargeResponse = self._unary(self._loan_stub.AddCharge, request, timeout_seconds)
        return ChargedLoan(loan_of(response.loan), tuple(map(charge_of, response.charges)))

    def waive_charges(
        self,
        loan_id: int,
        *,
        amount: Rupees,
        reason: str,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> ChargedLoan:
        """Waives charges that are open on the business date, the oldest first.

        Raises:
            FailedPrecondition: The amount is more than is open, or the loan is not active.
        """
        request = pb.WaiveChargesRequest(
            request_id=request_id or new_request_id(), loan_id=loan_id, amount=money_message(amount), reason=reason
        )
        response: pb.WaiveChargesResponse = self._unary(self._loan_stub.WaiveCharges, request, timeout_seconds)
        return ChargedLoan(loan_of(response.loan), tuple(map(charge_of, response.charges)))

    def list_charges(
        self, loan_id: int, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Iterator[Charge]:
        """Yields the charges on a loan as they stand on the business date, paid and waived ones too, the oldest first.

        Raises:
            NotFound: There is no loan with the id; raised by the first `next()`.
        """

        def fetch(page_token: str) -> tuple[Iterator[Charge], str]:
            request = pb.ListChargesRequest(loan_id=loan_id, page_size=page_size, page_token=page_token)
            response: pb.ListChargesResponse = self._unary(self._loan_stub.ListCharges, request, timeout_seconds)
            return map(charge_of, response.charges), response.next_page_token

        return iterate_pages(fetch)
