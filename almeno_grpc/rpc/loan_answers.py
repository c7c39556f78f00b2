"""Loans as messages."""

from datetime import date

from almeno_grpc.api import loan_pb2
from almeno_grpc.domain.loan import Loan
from almeno_grpc.rpc.answers import INSTALLMENT_METHODS, LOAN_STATES
from almeno_grpc.rpc.kept_messages import fill_amount, fill_day, in_rupees


def fill_loan(message: loan_pb2.Loan, loan: Loan, on: date) -> None:
    """Fills in a loan as it stands on the day."""
    LoanMessage(message).fill(loan, on)


class LoanMessage:
    """A message of a loan, to be filled in."""

    def __init__(self, message: loan_pb2.Loan) -> None:
        self._message = message
        self._loan_amount = in_rupees(message.loan_amount)
        self._interest_rate = message.interest_rate
        self._monthly_installment = in_rupees(message.monthly_installment)
        self._outstanding_principal = in_rupees(message.outstanding_principal)
        self._approval_date = message.approval_date
        self._end_date = message.end_date
        self._paid_toward_next = in_rupees(message.paid_toward_next)

    def fill(self, loan: Loan, on: date) -> None:
        """Fills in a loan as it stands on the day, over another one it may be."""
        message = self._message
        message.loan_id = loan.loan_id
        message.customer_id = loan.customer_id
        fill_amount(self._loan_amount, loan.loan_amount)
        self._interest_rate.value = f"{loan.interest_rate:f}"
        message.tenure_months = loan.tenure_months
        fill_amount(self._monthly_installment, loan.monthly_installment)
        message.emis_paid = loan.emis_paid
        message.emis_paid_on_time = loan.emis_paid_on_time
        message.repayments_left = loan.repayments_left
        fill_amount(self._outstanding_principal, loan.outstanding_principal)
        fill_day(self._approval_date, loan.approval_date)
        fill_day(self._end_date, loan.end_date)
        message.state = LOAN_STATES[loan.state]
        message.days_past_due = loan.days_past_due(on)
        message.installment_method = INSTALLMENT_METHODS[loan.installment_method]
        if loan.source_loan_id is None:
            message.ClearField("source_loan_id")
        else:
            message.source_loan_id = loan.source_loan_id
        message.decision_id = loan.decision_id or ""
        fill_amount(self._paid_toward_next, loan.paid_toward_next)
