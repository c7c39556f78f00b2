"""The RPC that fetches the statement of a loan's account."""

import datetime as dt

from almeno_client.base_client import BaseClient
from almeno_client.enums import enum_names
from almeno_client.repayment_conversion import charge_kind_of
from almeno_client.statement_records import Statement, StatementLine, StatementLineKind
from almeno_client.values import date_of, optional_date_message, rupees_of
from almeno_grpc.api import loan_service_pb2, statement_pb2

_KINDS = enum_names(dict(statement_pb2.StatementLineKind.items()), StatementLineKind, "STATEMENT_LINE_KIND_")


class StatementCalls(BaseClient):
    """The RPC that fetches the statement of a loan's account."""

    def get_statement(
        self,
        loan_id: int,
        *,
        start: dt.date | None = None,
        end: dt.date | None = None,
        timeout_seconds: float | None = None,
    ) -> Statement:
        """Fetches the statement of a loan's account for a period: debits, credits and balance by value date.

        Args:
            loan_id: Id of the loan.
            start: First day; that of the disbursement when None.
            end: Last day, itself a part of the period; the business date when None.
            timeout_seconds: Deadline of the call, its retries included; the client's when None.

        Raises:
            InvalidArgument: The period ends after the business date or before it begins, or has too many lines.
            NotFound: There is no loan with the id.
        """
        # The name of the first field is a keyword of Python.
        period = {"from": optional_date_message(start), "to": optional_date_message(end)}
        request = loan_service_pb2.GetStatementRequest(loan_id=loan_id, **period)
        response: loan_service_pb2.GetStatementResponse = self._unary(
            self._loan_stub.GetStatement, request, timeout_seconds
        )
        return statement_of(response)


def statement_of(message: loan_service_pb2.GetStatementResponse) -> Statement:
    """Converts a statement."""
    return Statement(
        loan_id=message.loan_id,
        customer_id=message.customer_id,
        start=date_of(getattr(message, "from")),
        end=date_of(message.to),
        opening_balance=rupees_of(message.opening_balance),
        lines=tuple(map(_line_of, message.lines)),
        closing_balance=rupees_of(message.closing_balance),
        accrued_interest=rupees_of(message.accrued_interest),
        accrued_charges=rupees_of(message.accrued_charges),
    )


def _line_of(message: statement_pb2.StatementLine) -> StatementLine:
    has_amount = message.HasField("installment_amount")
    return StatementLine(
        value_date=date_of(message.value_date),
        kind=_KINDS.get(message.kind, StatementLineKind.UNSPECIFIED),
        debit=rupees_of(message.debit),
        credit=rupees_of(message.credit),
        balance=rupees_of(message.balance),
        installment_number=message.installment_number,
        installment_amount=rupees_of(message.installment_amount) if has_amount else None,
        charge_kind=charge_kind_of(message.charge_kind),
        repayment_id=message.repayment_id,
        external_reference=message.external_reference,
    )
