"""A statement of a loan's account as the service answers it: a line of each kind that there is."""

from datetime import date, timedelta
from typing import Any

from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from almeno_grpc.api import loan_service_pb2, statement_pb2
from support.credit_messages import rupees

REPAYMENT_ID = "123e4567-e89b-42d3-a456-426614174000"
BEGIN = date(2027, 1, 15)
_LINES: list[tuple[str, int, dict[str, Any]]] = [
    ("DISBURSEMENT", 4_94_100, {}),
    ("FEE", 5_000, {}),
    ("GST", 900, {}),
    ("PAID_BEFORE", -2_000, {"installment_number": 3}),
    ("INSTALLMENT_DUE", 4_375, {"installment_number": 4, "installment_amount": rupees(10_746, 95)}),
    ("CHARGE", 590, {"charge_kind": "CHARGE_KIND_BOUNCE"}),
    ("CHARGE", 28, {"charge_kind": "CHARGE_KIND_LATE_PAYMENT"}),
    ("REPAYMENT", -10_746, {"repayment_id": REPAYMENT_ID, "external_reference": "NACH 2611"}),
    ("WAIVER", -90, {}),
    ("REVERSAL", 10_746, {"repayment_id": REPAYMENT_ID}),
    ("INTEREST", -84, {}),
    ("PREPAYMENT", -1_00_000, {"repayment_id": REPAYMENT_ID}),
]


def statement(pairs_of_lines: int = 0) -> loan_service_pb2.GetStatementResponse:
    """A statement of twelve lines, a line a day, and as many pairs more as are asked for."""
    more = [("INSTALLMENT_DUE", 4_375, {"installment_number": 5}), ("REPAYMENT", -4_375, {})] * pairs_of_lines
    lines, balance = [], 0
    for place, (kind, moved, fields) in enumerate([*_LINES, *more]):
        balance += moved
        line = statement_pb2.StatementLine(
            value_date=_day(place),
            kind=f"STATEMENT_LINE_KIND_{kind}",
            debit=rupees(max(0, moved)),
            credit=rupees(max(0, -moved)),
            balance=rupees(balance),
            **fields,
        )
        lines.append(line)
    answer = loan_service_pb2.GetStatementResponse(
        loan_id=1_000_000_001,
        customer_id=14,
        to=_day(len(lines)),
        opening_balance=rupees(0),
        lines=lines,
        closing_balance=rupees(balance),
        accrued_interest=Money(currency_code="INR", units=598, nanos=930_000_000),
        accrued_charges=rupees(7),
    )
    getattr(answer, "from").CopyFrom(_day(0))
    return answer


def _day(place: int) -> Date:
    day = BEGIN + timedelta(days=place)
    return Date(year=day.year, month=day.month, day=day.day)
