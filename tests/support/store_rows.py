"""Customers, decisions, loans and repayments as a transaction writes them, for tests of the store."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.repayment import Repayment, Standing
from almeno_grpc.service.store import DecisionRecord

TODAY = date(2026, 4, 10)


def customer_of(customer_id: int, digits: int) -> Customer:
    return Customer(customer_id, 'Asha "A\\B"', "Rao, {é}", 30, f"+{digits}", 5_000_000, 180_000_000, 7)


def decision_of(decision_id: str, customer_id: int, **changes) -> DecisionRecord:
    record = DecisionRecord(
        decision_id, customer_id, "2026-04-10", "2026-01", "f" * 64, True, 70, "", '{"a": "\\\\"}', "s" * 64, 9
    )
    return record._replace(**changes)


def loan_of(loan_id: int, customer_id: int, decision_id: str) -> Loan:
    return Loan(
        loan_id=loan_id,
        customer_id=customer_id,
        loan_amount=10_000_000,
        interest_rate=Decimal("12.5"),
        tenure_months=12,
        monthly_installment=900_000,
        installment_method=InstallmentMethod.REDUCING_BALANCE,
        emis_paid=0,
        emis_paid_on_time=0,
        outstanding_principal=10_000_000,
        approval_date=TODAY,
        decision_id=decision_id,
    )


def repaid(loan: Loan, **changes) -> tuple[Repayment, Loan]:
    after = replace(
        loan, repayment_count=loan.repayment_count + 1, latest_repayment=loan.repayment_count + 1, **changes
    )
    repayment = Repayment(
        repayment_id=f"r{loan.loan_id}-{after.repayment_count}",
        loan_id=loan.loan_id,
        customer_id=loan.customer_id,
        number=after.repayment_count,
        amount=900_000,
        payment_date=TODAY,
        before=Standing.of(loan),
        after=Standing.of(after),
        closes_loan=after.outstanding_principal == 0,
        create_time=11,
    )
    return repayment, after
