"""Statements of loans' accounts as messages."""

from almeno_grpc.api import loan_service_pb2, statement_pb2
from almeno_grpc.domain.statement_line import LineKind, StatementLine
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.repayments import CHARGE_KINDS
from almeno_grpc.rpc.conversion.values import fill_date, fill_money
from almeno_grpc.service.statements import StatementOf

_KINDS = enum_values(LineKind, statement_pb2.StatementLineKind)


def fill_statement(message: loan_service_pb2.GetStatementResponse, of: StatementOf) -> None:
    """Fills a statement."""
    loan, statement = of.loan, of.statement
    message.loan_id, message.customer_id = loan.loan_id, loan.customer_id
    # The name of the field is a keyword of Python.
    fill_date(getattr(message, "from"), statement.begin)
    fill_date(message.to, statement.end)
    fill_money(message.opening_balance, statement.opening_balance)
    for line in statement.lines:
        _fill_line(message.lines.add(), line)
    fill_money(message.closing_balance, statement.closing_balance)
    fill_money(message.accrued_interest, statement.accrued_interest)
    fill_money(message.accrued_charges, statement.accrued_charges)


def _fill_line(message: statement_pb2.StatementLine, line: StatementLine) -> None:
    fill_date(message.value_date, line.value_date)
    message.kind = _KINDS[line.kind]
    fill_money(message.debit, line.debit)
    fill_money(message.credit, line.credit)
    fill_money(message.balance, line.balance)
    if line.installment is not None:
        message.installment_number = line.installment.number
        if line.kind is LineKind.INSTALLMENT_DUE:
            fill_money(message.installment_amount, line.installment.amount)
    if line.charge_kind is not None:
        message.charge_kind = CHARGE_KINDS[line.charge_kind]
    if line.repayment is not None:
        message.repayment_id = line.repayment.repayment_id
        if line.kind is not LineKind.REVERSAL:
            message.external_reference = line.repayment.external_reference
