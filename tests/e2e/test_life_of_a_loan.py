"""A loan from its booking to its closing, on a real server whose business date moves on, and loans of a loaded book."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest
from almeno_client import FailedPrecondition, InstallmentState, InvalidArgument, LoanState
from support.calls import SECONDS, loan_of, paise_of, refused, registered, rupees
from support.servers import LOANS, ROOT, RunningServer, StartServer

from almeno_grpc.api import credit_service_pb2 as pb

DUE_LATER, PAID, PAID_LATE = InstallmentState.DUE_LATER, InstallmentState.PAID, InstallmentState.PAID_LATE
OVERDUE = InstallmentState.OVERDUE


def at(server: RunningServer, day: str) -> RunningServer:
    """The same server, started again on another day."""
    assert server.stop() == 0
    server.start(ALMENO_BUSINESS_DATE=day)
    return server


def test_loan_is_booked_repaid_late_and_in_advance_and_paid_off(start_server: StartServer) -> None:
    server = start_server(ALMENO_BUSINESS_DATE="2026-01-31")
    with server.client() as client:
        customer = client.register_customer(
            first_name="Meera", last_name="Nair", age=41, monthly_income="85,000", phone_number="98450 11111"
        )
        asked = {"loan_amount": 100_000, "interest_rate": 12, "tenure_months": 12}
        loan = client.create_loan(customer.customer_id, **asked).loan
        assert loan is not None
        assert loan.monthly_installment == Decimal("8884.88")
        number = loan.loan_id

    with at(server, "2026-02-28").client() as client:
        # The first instalment, on its due date: wholly, and ₹1,000 of the next.
        after = client.record_repayment(number, amount="9884.88").loan
        assert (after.emis_paid, after.emis_paid_on_time, after.paid_toward_next) == (1, 1, 1000)
        assert after.outstanding_principal == Decimal("92115.12")
        assert client.check_eligibility(customer.customer_id, **asked).score_components[0].observed == "1/1"

    with at(server, "2026-04-02").client() as client:
        overdue = client.get_loan(number).loan
        assert overdue.days_past_due == 2
        score = client.check_eligibility(customer.customer_id, **asked)
        assert score.score_components[0].observed == "1/2", "an overdue instalment shows in the very next decision"
        assert client.get_repayment_schedule(number)[1].state is OVERDUE
        late = client.record_repayment(number, amount="7884.88", payment_date=date(2026, 4, 1))
        assert (late.repayment.emis_completed, late.loan.emis_paid, late.loan.emis_paid_on_time) == (1, 2, 1)
        assert late.loan.days_past_due == 0
        with pytest.raises(InvalidArgument, match="payment_date: must not be before 2026-04-01"):
            client.record_repayment(number, amount=1, payment_date=date(2026, 3, 31))

    with at(server, "2026-05-15").client() as client:
        assert client.get_loan(number).loan.days_past_due == 15
        payoff = client.get_payoff(number)
        # Due on 30 April: the third. 15 of the 31 days up to 31 May: 15/31 of the fourth's interest of ₹761.08.
        assert (payoff.overdue_amount, payoff.accrued_interest) == (Decimal("8884.88"), Decimal("368.26"))
        assert payoff.principal == Decimal("76108.02")
        assert payoff.amount == Decimal("85361.16")
        with pytest.raises(FailedPrecondition) as refusal:
            client.record_repayment(number, amount=payoff.amount + 1)
        assert refusal.value.reason == "REPAYMENT_EXCEEDS_PAYOFF"
        closed = client.record_repayment(number, amount=payoff.amount)
        assert closed.repayment.closes_loan
        assert closed.loan.state is LoanState.CLOSED
        assert (closed.loan.outstanding_principal, closed.loan.days_past_due) == (0, 0)
        rows = client.get_repayment_schedule(number)
        assert [row.state for row in rows] == [PAID, PAID_LATE, PAID_LATE, *[PAID] * 9]
        paid = sum(repayment.amount for repayment in client.list_repayments(number))
        assert sum(row.paid_amount for row in rows) == paid == Decimal("9884.88") + Decimal("7884.88") + payoff.amount
        position = client.get_customer(customer.customer_id).position
        assert (position.active_loan_count, position.current_debt, position.monthly_obligation) == (0, 0, 0)
        assert (position.emis_due, position.emis_paid_on_time) == (3, 3)
        with pytest.raises(FailedPrecondition) as refusal:
            client.get_payoff(number)
        assert refusal.value.reason == "LOAN_CLOSED"


def test_loan_repaid_through_all_processes_at_once_keeps_every_repayment(server: RunningServer) -> None:
    customer_id = registered(server.credit, income=200_000).customer_id
    loan_id = server.credit.CreateLoan(loan_of(customer_id, 100_000, "12", 12), timeout=SECONDS).loan.loan_id
    connections = [server.connect() for _ in range(12)]

    def pay(number: int) -> pb.RecordRepaymentResponse:
        request = pb.RecordRepaymentRequest(loan_id=loan_id, amount=rupees(1_000))
        return connections[number % 12].credit.RecordRepayment(request, timeout=SECONDS)

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(pay, range(100)))
    # On the day it is booked a loan is paid off with the amount lent.
    assert [answer.repayment.closes_loan for answer in answers].count(True) == 1
    loan = server.credit.GetLoan(pb.GetLoanRequest(loan_id=loan_id), timeout=SECONDS).loan
    assert (loan.repayments_left, paise_of(loan.outstanding_principal)) == (0, 0)
    listed = server.credit.ListRepayments(pb.ListRepaymentsRequest(loan_id=loan_id, page_size=1000), timeout=SECONDS)
    ids = [repayment.repayment_id for repayment in listed.repayments]
    assert len(ids) == len(set(ids)) == 100
    assert {answer.repayment.repayment_id for answer in answers} == set(ids)
    assert sum(repayment.emis_completed for repayment in listed.repayments) == 12
    another = pb.RecordRepaymentRequest(loan_id=loan_id, amount=rupees(1))
    assert refused(server.credit.RecordRepayment, another).reason == "LOAN_CLOSED"


def test_book_loaded_again_leaves_repayments_alone(new_files_server: RunningServer) -> None:
    server = new_files_server
    active = [
        row["loan_id"] for row in server.rows("SELECT loan_id FROM loan WHERE emis_paid < tenure_months LIMIT 20")
    ]
    with server.client() as client:
        for loan_id in active[:10]:
            client.record_repayment(loan_id, amount=client.get_loan(loan_id).loan.monthly_installment)
        for loan_id in active[10:]:
            assert client.record_repayment(loan_id, amount=client.get_payoff(loan_id).amount).repayment.closes_loan
    before = server.rows("SELECT * FROM loan ORDER BY customer_id, loan_id")
    again = server.load(LOANS, (ROOT / "data" / "loans.xlsx").read_bytes(), "loans.xlsx")
    assert (again.rows_unchanged, again.rows_updated, again.rows_rejected) == (again.rows_total, 0, 0)
    assert server.rows("SELECT * FROM loan ORDER BY customer_id, loan_id") == before
