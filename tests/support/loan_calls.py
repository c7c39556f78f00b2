"""The life of loans over the wire: a book that servers of several business dates serve, and what callers do there."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from google.type import date_pb2, decimal_pb2, money_pb2

from almeno_grpc.api import (
    charge_pb2,
    credit_service_pb2,
    customer_pb2,
    loan_pb2,
    loan_service_pb2,
    repayment_pb2,
)
from support.book import LAKH
from support.served_book import Refusal, Served, served
from support.servers import ROOT

RULES = ROOT / "data" / "rules"
"""Terms with a fee of 1 % and a late charge of 24 % a year."""
INCOME = 85_000_00


def amount(paise: int) -> money_pb2.Money:
    return money_pb2.Money(currency_code="INR", units=paise // 100, nanos=paise % 100 * 10_000_000)


def day(value: date) -> date_pb2.Date:
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)


def paise(value: money_pb2.Money) -> int:
    assert value.currency_code == "INR"
    assert value.units * value.nanos >= 0
    return value.units * 100 + value.nanos // 10_000_000


@dataclass
class Lender:
    """Calls CreditService and LoanService on a business date. Amounts in paise."""

    server: Served
    business_date: date

    def book(
        self, customer_id: int = 0, *, months: int = 60, disburse_later: bool = False, request_id: str = ""
    ) -> credit_service_pb2.CreateLoanResponse:
        """Books the loan of the contract: ₹5,00,000 at 10.5 % over 60 months."""
        return self.credit(
            "CreateLoan",
            request_id=request_id,
            customer_id=customer_id or self.register(),
            loan_amount=amount(5 * LAKH),
            interest_rate=decimal_pb2.Decimal(value="10.5"),
            tenure_months=months,
            disburse_later=disburse_later,
        )

    def register(self) -> int:
        return self.server.book.register(monthly_income=INCOME).customer_id

    def lend(self, **terms: Any) -> int:
        """The number of a loan that is booked."""
        booked = self.book(**terms)
        assert booked.decision.approved, booked.decision.message
        return booked.loan.loan_id

    def credit(self, method: str, **fields: Any) -> Any:
        request = getattr(credit_service_pb2, f"{method}Request")(**fields)
        return getattr(self.server.credit, method)(request, timeout=20)

    def call(self, method: str, loan_id: int | None = None, **fields: Any) -> Any:
        """An RPC of LoanService, most of which take a loan_id."""
        of_loan = {} if loan_id is None else {"loan_id": loan_id}
        request = getattr(loan_service_pb2, f"{method}Request")(**of_loan, **fields)
        return getattr(self.server.loans, method)(request, timeout=20)

    def repay(
        self, loan_id: int, paid: int, on: date | None = None, **fields: Any
    ) -> credit_service_pb2.RecordRepaymentResponse:
        if on is not None:
            fields["payment_date"] = day(on)
        return self.credit("RecordRepayment", loan_id=loan_id, amount=amount(paid), **fields)

    def prepay(self, loan_id: int, paid: int, effect: str, on: date | None = None, **fields: Any) -> Any:
        """PrepayLoan, with the effect SHORTER_TENURE or LOWER_INSTALLMENT."""
        return self.call("PrepayLoan", loan_id, **_prepayment(paid, effect, on), **fields)

    def preview(self, loan_id: int, paid: int, effect: str, on: date | None = None) -> Any:
        return self.call("PreviewPrepayment", loan_id, **_prepayment(paid, effect, on))

    def reverse(self, repayment_id: str, reason: str = "RETURNED", **fields: Any) -> Any:
        return self.call("ReverseRepayment", repayment_id=repayment_id, reason=f"REVERSAL_REASON_{reason}", **fields)

    def charge(self, loan_id: int, charged: int, kind: str = "BOUNCE", **fields: Any) -> Any:
        fields = {"reason": "returned by the bank"} | fields
        return self.call("AddCharge", loan_id, kind=f"CHARGE_KIND_{kind}", amount=amount(charged), **fields)

    def waive(self, loan_id: int, waived: int, **fields: Any) -> Any:
        return self.call("WaiveCharges", loan_id, amount=amount(waived), **({"reason": "goodwill"} | fields))

    def charges(self, loan_id: int, **page: Any) -> loan_service_pb2.ListChargesResponse:
        return self.call("ListCharges", loan_id, **page)

    def loan(self, loan_id: int) -> loan_pb2.Loan:
        return self.credit("GetLoan", loan_id=loan_id).loan

    def position(self, customer_id: int) -> customer_pb2.CreditPosition:
        return self.credit("GetCustomer", customer_id=customer_id).position

    def payoff(self, loan_id: int, on: date | None = None) -> repayment_pb2.Payoff:
        of_day = {} if on is None else {"payoff_date": day(on)}
        return self.credit("GetPayoff", loan_id=loan_id, **of_day).payoff

    def repayments(self, loan_id: int) -> list[repayment_pb2.Repayment]:
        return list(self.credit("ListRepayments", loan_id=loan_id, page_size=1000).repayments)

    def refused(self, name: str, *arguments: Any, **fields: Any) -> Refusal:
        """How a method of this class is refused; it must be."""
        return self.server.refusal(partial(getattr(self, name), *arguments, **fields))


def _prepayment(paid: int, effect: str, on: date | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"amount": amount(paid), "effect": f"PREPAYMENT_EFFECT_{effect}"}
    return fields if on is None else fields | {"payment_date": day(on)}


@dataclass
class Lenders:
    """Servers of one book, each of its own business date."""

    database_url: str
    stack: contextlib.ExitStack
    rules: Path | None = None
    open: dict[date, Lender] = field(default_factory=dict)

    def on(self, business_date: date) -> Lender:
        """The lender on a day."""
        if business_date not in self.open:
            server = served(self.database_url, business_date=business_date, rules=self.rules)
            self.open[business_date] = Lender(self.stack.enter_context(server), business_date)
        return self.open[business_date]


@contextlib.contextmanager
def lenders_of(database_url: str, rules: Path | None = None) -> Iterator[Lenders]:
    """A lender on whatever days a test asks for, under the package's terms or a lender's own."""
    with contextlib.ExitStack() as stack:
        yield Lenders(database_url, stack, rules)


def charge_rows(charges: Any) -> list[tuple[str, int, int, int, int, int]]:
    """Kind, instalment, and amount, paid, waived and open in paise."""
    return [
        (
            charge_pb2.ChargeKind.Name(each.kind).removeprefix("CHARGE_KIND_"),
            each.installment_number,
            *(paise(part) for part in (each.amount, each.paid, each.waived, each.open)),
        )
        for each in charges
    ]
