"""LoanService: each RPC checks its request, calls a use case and converts what that gives."""

from collections.abc import Iterable
from functools import partial
from itertools import count

import grpc

from almeno_grpc.api import loan_service_pb2 as pb
from almeno_grpc.api import loan_service_pb2_grpc
from almeno_grpc.domain import limits
from almeno_grpc.domain.charge import Charge, ChargeKind
from almeno_grpc.rpc import loan_requests, requests
from almeno_grpc.rpc.conversion.loans import fill_loan
from almeno_grpc.rpc.conversion.repayments import fill_charge, fill_prepayment, fill_repayment
from almeno_grpc.rpc.conversion.statements import fill_statement
from almeno_grpc.rpc.conversion.values import fill_money
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.pages import page_of
from almeno_grpc.service.loan_changes import Changed, Charged, Disbursed, Exited, LoanChangeService, Prepaid
from almeno_grpc.service.repayments import Recorded, RepaymentService
from almeno_grpc.service.statements import StatementService

MAX_CHARGES_ANSWERED = 100
"""The charges in the answer to a charge or a waiver, which is stored with its request_id."""


class LoanServicer(loan_service_pb2_grpc.LoanServiceServicer):
    """Serves LoanService. Answers that are remembered go out as the bytes that were stored."""

    def __init__(self, changes: LoanChangeService, repayments: RepaymentService, statements: StatementService) -> None:
        self._changes = changes
        self._repayments = repayments
        self._statements = statements

    def DisburseLoan(self, request: pb.DisburseLoanRequest, context: grpc.ServicerContext) -> bytes:
        """Disburses a sanctioned loan."""
        fields = FieldReader()
        call = requests.request_context(fields, "DisburseLoan", request, request.request_id, context)
        loan_id = fields.identifier("loan_id", request.loan_id)
        disbursement_date = fields.optional_date("disbursement_date", request)
        reference = loan_requests.external_reference(fields, request.external_reference)
        fields.raise_if_invalid()

        def encode(disbursed: Disbursed) -> bytes:
            response = pb.DisburseLoanResponse()
            fill_loan(response.loan, disbursed.loan, disbursed.business_date)
            fill_money(response.processing_fee, disbursed.fees.processing_fee)
            fill_money(response.gst, disbursed.fees.gst)
            fill_money(response.net_disbursed, disbursed.net_disbursed)
            return response.SerializeToString()

        return self._changes.disburse(loan_id, disbursement_date, reference, call, encode)

    def CancelLoan(self, request: pb.CancelLoanRequest, context: grpc.ServicerContext) -> bytes:
        """Cancels a sanctioned loan."""
        fields = FieldReader()
        call = requests.request_context(fields, "CancelLoan", request, request.request_id, context)
        loan_id = fields.identifier("loan_id", request.loan_id)
        reason = loan_requests.cancel_reason(fields, request.reason)
        fields.raise_if_invalid()

        def encode(changed: Changed) -> bytes:
            response = pb.CancelLoanResponse()
            fill_loan(response.loan, changed.loan, changed.business_date)
            return response.SerializeToString()

        return self._changes.cancel(loan_id, reason, call, encode)

    def ExitLoan(self, request: pb.ExitLoanRequest, context: grpc.ServicerContext) -> bytes:
        """Gives a loan back in its cooling-off period."""
        fields = FieldReader()
        call = requests.request_context(fields, "ExitLoan", request, request.request_id, context)
        loan_id = fields.identifier("loan_id", request.loan_id)
        exit_date = fields.optional_date("exit_date", request)
        fields.raise_if_invalid()

        def encode(exited: Exited) -> bytes:
            response = pb.ExitLoanResponse()
            fill_repayment(response.repayment, exited.repayment)
            fill_loan(response.loan, exited.loan, exited.business_date)
            if exited.refund_due:
                fill_money(response.refund_due, exited.refund_due)
            return response.SerializeToString()

        return self._changes.exit(
            loan_id, exit_date, call, encode, raise_if_beyond=partial(requests.raise_if_beyond, "max_repayment")
        )

    def ReverseRepayment(self, request: pb.ReverseRepaymentRequest, context: grpc.ServicerContext) -> bytes:
        """Reverses a repayment."""
        fields = FieldReader()
        call = requests.request_context(fields, "ReverseRepayment", request, request.request_id, context)
        reversal = loan_requests.reversal(fields, request)
        fields.raise_if_invalid()

        def encode(recorded: Recorded) -> bytes:
            response = pb.ReverseRepaymentResponse()
            fill_repayment(response.repayment, recorded.repayment)
            fill_loan(response.loan, recorded.loan, recorded.business_date)
            return response.SerializeToString()

        return self._changes.reverse(reversal, call, encode)

    def PreviewPrepayment(
        self, request: pb.PreviewPrepaymentRequest, _context: grpc.ServicerContext
    ) -> pb.PreviewPrepaymentResponse:
        """Computes what a prepayment would do."""
        fields = FieldReader()
        prepayment = loan_requests.prepayment(fields, request)
        fields.raise_if_invalid()
        preview = self._changes.preview_prepayment(prepayment)
        response = pb.PreviewPrepaymentResponse()
        fill_prepayment(response.prepayment, preview.prepayment)
        fill_loan(response.loan, preview.loan, preview.business_date)
        return response

    def PrepayLoan(self, request: pb.PrepayLoanRequest, context: grpc.ServicerContext) -> bytes:
        """Records a prepayment."""
        fields = FieldReader()
        call = requests.request_context(fields, "PrepayLoan", request, request.request_id, context)
        prepayment = loan_requests.prepayment(fields, request)
        fields.raise_if_invalid()
        requests.raise_if_beyond("max_repayment", prepayment.amount)

        def encode(prepaid: Prepaid) -> bytes:
            response = pb.PrepayLoanResponse()
            fill_prepayment(response.prepayment, prepaid.prepayment)
            fill_loan(response.loan, prepaid.loan, prepaid.business_date)
            if prepaid.repayment is not None:
                fill_repayment(response.repayment, prepaid.repayment)
            return response.SerializeToString()

        return self._changes.prepay(prepayment, call, encode)

    def AddCharge(self, request: pb.AddChargeRequest, context: grpc.ServicerContext) -> bytes:
        """Adds a charge to a loan."""
        fields = FieldReader()
        call = requests.request_context(fields, "AddCharge", request, request.request_id, context)
        loan_id = fields.identifier("loan_id", request.loan_id)
        kind = loan_requests.charge_kind(fields, request.kind)
        amount = fields.amount("amount", request.amount, min_paise=1, max_paise=limits.MAX_CHARGE)
        reason = fields.reason("reason", request.reason)
        fields.raise_if_invalid()

        def encode(charged: Charged) -> bytes:
            response = pb.AddChargeResponse()
            _fill_charged(response, charged)
            return response.SerializeToString()

        return self._changes.charge(loan_id, kind, amount, reason, call, encode)

    def WaiveCharges(self, request: pb.WaiveChargesRequest, context: grpc.ServicerContext) -> bytes:
        """Waives charges that are open."""
        fields = FieldReader()
        call = requests.request_context(fields, "WaiveCharges", request, request.request_id, context)
        loan_id = fields.identifier("loan_id", request.loan_id)
        amount = fields.amount("amount", request.amount, min_paise=1)
        reason = fields.reason("reason", request.reason)
        fields.raise_if_invalid()

        def encode(charged: Charged) -> bytes:
            response = pb.WaiveChargesResponse()
            _fill_charged(response, charged)
            return response.SerializeToString()

        return self._changes.charge(loan_id, ChargeKind.WAIVER, amount, reason, call, encode)

    def ListCharges(self, request: pb.ListChargesRequest, _context: grpc.ServicerContext) -> pb.ListChargesResponse:
        """Lists the charges on a loan."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()

        def fetch(day: int, number: int, place: int, most: int) -> list[tuple[ChargeKey, Charge]]:
            rows = in_order(self._repayments.charges(loan_id))
            return [row for row in rows if row[0] > (day, number, place)][:most]

        page = page_of(f"charges of {loan_id}", size, request.page_token, (0, 0, 0), fetch, lambda row: row[0])
        response = pb.ListChargesResponse(next_page_token=page.next_page_token)
        for _, charge in page.rows:
            fill_charge(response.charges.add(), charge)
        return response

    def GetStatement(self, request: pb.GetStatementRequest, _context: grpc.ServicerContext) -> pb.GetStatementResponse:
        """Fetches the statement of a loan's account."""
        fields = FieldReader()
        loan_id = fields.identifier("loan_id", request.loan_id)
        begin, end = fields.optional_date("from", request), fields.optional_date("to", request)
        fields.raise_if_invalid()
        response = pb.GetStatementResponse()
        fill_statement(response, self._statements.statement(loan_id, begin, end))
        return response


ChargeKey = tuple[int, int, int]
"""The place of a charge in the order of a loan's charges: the day, the instalment, and the place among those added."""


def in_order(charges: Iterable[Charge]) -> list[tuple[ChargeKey, Charge]]:
    """The charges of a loan by their days, of one day those added before late ones, each with its place.

    Late charges come and go with the days and with reversals; no place of another charge moves with them.

    Args:
        charges: Those added in the order in which they were.
    """
    added = count(1)

    def key(charge: Charge) -> ChargeKey:
        number = charge.installment_number
        return charge.charge_date.toordinal(), number, 0 if number else next(added)

    return sorted(((key(charge), charge) for charge in charges), key=lambda row: row[0])


def _fill_charged(response: pb.AddChargeResponse | pb.WaiveChargesResponse, charged: Charged) -> None:
    fill_loan(response.loan, charged.loan, charged.business_date)
    for _, charge in in_order(charged.charges)[-MAX_CHARGES_ANSWERED:]:
        fill_charge(response.charges.add(), charge)
