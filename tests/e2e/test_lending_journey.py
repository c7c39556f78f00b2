"""From a stranger to a borrower: register, check, apply, look at the loan, over every connection."""

from datetime import date
from decimal import Decimal

import pytest
from almeno_client import DecisionReason, InstallmentMethod, InstallmentState, LoanState
from support.calls import (
    NOBODY,
    SECONDS,
    applicant,
    as_checked,
    check_of,
    loan_of,
    paise_of,
    per_cent,
    refused,
    registered,
    rupees,
)
from support.servers import Connection, RunningServer

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2, loan_pb2

TABLES = ("customer", "loan", "decision", "idempotency_record")


@pytest.fixture(scope="module")
def connections(server: RunningServer) -> list[Connection]:
    """So many connections that each of the two processes has some."""
    return [server.connect() for _ in range(12)]


def counts(server: RunningServer) -> dict[str, int]:
    return {table: server.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in TABLES}  # noqa: S608


def test_customer_registers_checks_applies_and_sees_the_loan_with_its_schedule(server: RunningServer) -> None:
    with server.client() as client:
        customer = client.register_customer(
            first_name="  Meera ", last_name="Nair", age=41, monthly_income="85,000", phone_number="98450 11111"
        )
        assert (customer.first_name, customer.phone_number) == ("Meera", "+919845011111")
        assert customer.approved_limit == Decimal(3_100_000)
        asked = {"loan_amount": 500_000, "interest_rate": "10.5", "tenure_months": 60}
        check = client.check_eligibility(customer.customer_id, **asked)
        assert (check.approved, check.credit_score, check.decision_id) == (True, 55, "")
        assert check.monthly_installment == Decimal("10746.95")

        application = client.create_loan(customer.customer_id, **asked)
        loan = application.loan
        assert loan is not None
        assert application.decision.decision_id == loan.decision_id != ""
        assert loan.state is LoanState.ACTIVE
        assert loan.installment_method is InstallmentMethod.REDUCING_BALANCE
        assert (loan.approval_date, loan.end_date) == (date(2026, 4, 10), date(2031, 4, 10))
        assert loan.outstanding_principal == Decimal(500_000)
        assert client.get_loan(loan.loan_id).loan == loan
        assert client.get_loan(loan.loan_id).customer == customer
        assert list(client.list_loans(customer.customer_id)) == [loan]
        assert list(client.list_loans(customer.customer_id, state=LoanState.CLOSED)) == []

        schedule = client.get_repayment_schedule(loan.loan_id)
        assert len(schedule) == 60
        assert sum(row.principal for row in schedule) == Decimal(500_000)
        assert (schedule[-1].amount, schedule[-1].balance_after) == (Decimal("10746.94"), 0)
        assert {row.state for row in schedule} == {InstallmentState.DUE_LATER}

        position = client.get_customer(customer.customer_id).position
        assert (position.loan_count, position.active_loan_count, position.loans_this_year) == (1, 1, 1)
        assert position.current_debt == Decimal(500_000)
        assert position.monthly_obligation == Decimal("10746.95")
        assert position.available_limit == Decimal(2_600_000)


def test_declined_customer_gets_reasons_and_a_counter_offer_that_is_then_approved(server: RunningServer) -> None:
    with server.client() as client:
        customer = client.register_customer(
            first_name="Ravi", last_name="Iyer", age=29, monthly_income=50_000, phone_number="98450 22222"
        )
        asked = {"interest_rate": "11", "tenure_months": 36}
        declined = client.create_loan(customer.customer_id, loan_amount=2_000_000, max_interest_rate="10", **asked)
        assert declined.loan is None
        assert declined.decision.decision_id
        assert declined.decision.reasons == (
            DecisionReason.LOAN_EXCEEDS_LIMIT,
            DecisionReason.EMI_BURDEN_TOO_HIGH,
            DecisionReason.RATE_ABOVE_MAXIMUM,
        )
        assert declined.decision.counter_offer is None, "no amount makes the rate lower"

        declined = client.create_loan(customer.customer_id, loan_amount=2_000_000, **asked)
        offer = declined.decision.counter_offer
        assert declined.decision.reasons == (DecisionReason.LOAN_EXCEEDS_LIMIT, DecisionReason.EMI_BURDEN_TOO_HIGH)
        assert offer is not None
        one_more = client.check_eligibility(customer.customer_id, loan_amount=offer + 1, **asked)
        assert one_more.reasons == (DecisionReason.EMI_BURDEN_TOO_HIGH,)
        assert one_more.counter_offer == offer
        assert list(client.list_loans(customer.customer_id)) == []

        taken = client.create_loan(customer.customer_id, loan_amount=offer, **asked)
        assert taken.decision.approved
        assert taken.decision.reasons == ()
        assert taken.loan is not None
        assert taken.loan.monthly_installment <= 25_000


def test_loan_just_booked_counts_in_the_very_next_check_on_every_connection(
    server: RunningServer, connections: list[Connection]
) -> None:
    customer_id = registered(server.credit, income=200_000).customer_id
    for number, booking in enumerate(connections, start=1):
        booked = booking.credit.CreateLoan(loan_of(customer_id, 10_000), timeout=SECONDS)
        assert booked.decision.approved
        for connection in connections:
            decision = connection.credit.CheckEligibility(check_of(customer_id, 10_000), timeout=SECONDS).decision
            assert decision.position.loan_count == number
            assert decision.position.current_debt == rupees(10_000 * number)
            assert connection.credit.GetLoan(pb.GetLoanRequest(loan_id=booked.loan.loan_id), timeout=SECONDS)


def test_customer_just_registered_is_known_on_every_connection(connections: list[Connection]) -> None:
    for registering in connections:
        customer = registered(registering.credit)
        for connection in connections:
            request = pb.GetCustomerRequest(customer_id=customer.customer_id)
            assert connection.credit.GetCustomer(request, timeout=SECONDS).customer == customer


def test_check_stores_nothing_and_answers_the_same_again(server: RunningServer, connections: list[Connection]) -> None:
    customer_id = registered(server.credit).customer_id
    before = counts(server)
    for amount in (1_000, 500_000, 1_000_000_000):
        answers = {
            connection.credit.CheckEligibility(check_of(customer_id, amount), timeout=SECONDS).SerializeToString()
            for connection in connections
        }
        assert len(answers) == 1
    assert counts(server) == before


def test_check_and_application_come_to_the_same_decision(server: RunningServer) -> None:
    customer_id = registered(server.credit, income=60_000).customer_id
    for amount in (20_000, 300_000, 4_000_000, 55_000, 700_000):
        check = server.credit.CheckEligibility(check_of(customer_id, amount), timeout=SECONDS).decision
        decision = server.credit.CreateLoan(loan_of(customer_id, amount), timeout=SECONDS).decision
        assert decision.decision_id
        assert as_checked(decision) == check


@pytest.mark.parametrize(
    ("amount", "rate", "months", "installment", "last"),
    [
        (100_000, "12", 12, 8884_88, 8884_85),
        (20_000, "15", 24, 969_73, 969_79),
        (500_000, "10.5", 60, 10746_95, 10746_94),
        (1_000_000, "9", 240, 8997_26, 8996_98),
        (10_000, "0", 7, 1428_57, 1428_58),
    ],
)
def test_installments_of_the_contract_come_over_the_wire(
    server: RunningServer, amount: int, rate: str, months: int, installment: int, last: int
) -> None:
    customer_id = registered(server.credit, income=100_000).customer_id
    loan = server.credit.CreateLoan(loan_of(customer_id, amount, rate, months), timeout=SECONDS).loan
    assert paise_of(loan.monthly_installment) == installment
    request = pb.GetRepaymentScheduleRequest(loan_id=loan.loan_id)
    rows = server.credit.GetRepaymentSchedule(request, timeout=SECONDS).installments
    assert [row.number for row in rows] == list(range(1, months + 1))
    assert {paise_of(row.amount) for row in rows[:-1]} == {installment}
    assert paise_of(rows[-1].amount) == last
    assert sum(paise_of(row.principal) for row in rows) == amount * 100
    assert all(paise_of(row.principal) > 0 for row in rows)


def test_score_between_30_and_50_raises_the_rate_to_12_and_books_at_it(server: RunningServer) -> None:
    customer_id = registered(server.credit, income=200_000).customer_id
    for _ in range(5):
        server.credit.CreateLoan(loan_of(customer_id, 1_000, "5"), timeout=SECONDS)
    refusal = server.credit.CreateLoan(
        loan_of(customer_id, 50_000, "5", max_interest_rate=per_cent("11.9999")), timeout=SECONDS
    )
    assert list(refusal.decision.reasons) == [decision_pb2.DECISION_REASON_RATE_ABOVE_MAXIMUM]
    assert not refusal.HasField("loan")
    booked = server.credit.CreateLoan(
        loan_of(customer_id, 50_000, "5", max_interest_rate=per_cent("12")), timeout=SECONDS
    )
    assert booked.decision.credit_score == 50
    assert booked.decision.interest_rate.value == "5"
    assert booked.decision.corrected_interest_rate.value == booked.loan.interest_rate.value == "12"
    assert booked.decision.monthly_installment == booked.loan.monthly_installment


def test_phone_number_is_held_by_one_customer_however_it_is_written(server: RunningServer) -> None:
    registered(server.credit, phone_number="+91 98450 33333")
    for written in ("9845033333", "098450-33333", "+919845033333", "(+91) 98450 33333"):
        refusal = refused(server.credit.RegisterCustomer, applicant(phone_number=written))
        assert (refusal.code, refusal.reason) == ("ALREADY_EXISTS", "PHONE_NUMBER_TAKEN")
        assert refusal.fields == ("phone_number",)


def test_every_bad_field_of_a_request_is_named(server: RunningServer) -> None:
    refusal = refused(server.credit.RegisterCustomer, pb.RegisterCustomerRequest(request_id="1", age=17))
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert set(refusal.fields) == {
        "request_id",
        "first_name",
        "last_name",
        "age",
        "monthly_income",
        "phone_number",
    }


def test_what_nobody_has_is_not_found(server: RunningServer) -> None:
    credit = server.credit
    for call, request, reason in (
        (credit.GetCustomer, pb.GetCustomerRequest(customer_id=NOBODY), "CUSTOMER_NOT_FOUND"),
        (credit.CheckEligibility, check_of(NOBODY, 10_000), "CUSTOMER_NOT_FOUND"),
        (credit.CreateLoan, loan_of(NOBODY, 10_000), "CUSTOMER_NOT_FOUND"),
        (credit.ListLoans, pb.ListLoansRequest(customer_id=NOBODY), "CUSTOMER_NOT_FOUND"),
        (credit.GetLoan, pb.GetLoanRequest(loan_id=NOBODY), "LOAN_NOT_FOUND"),
        (credit.GetRepaymentSchedule, pb.GetRepaymentScheduleRequest(loan_id=NOBODY), "LOAN_NOT_FOUND"),
    ):
        refusal = refused(call, request)
        assert (refusal.code, refusal.reason) == ("NOT_FOUND", reason)


def test_page_walk_sees_every_customer_once_while_others_register(
    server: RunningServer, connections: list[Connection]
) -> None:
    before = {registered(server.credit).customer_id for _ in range(20)}
    seen: list[int] = []
    token, page = "", 0
    while True:
        request = pb.ListCustomersRequest(page_size=100, page_token=token)
        # Each page from another connection: a token holds for every process.
        answer = connections[page % len(connections)].credit.ListCustomers(request, timeout=SECONDS)
        seen += [customer.customer_id for customer in answer.customers]
        token, page = answer.next_page_token, page + 1
        if not token:
            break
        if page < 4:
            registered(server.credit)
    assert len(seen) == len(set(seen))
    assert before <= set(seen)
    assert seen == sorted(seen)


def test_page_token_of_another_list_is_refused(server: RunningServer) -> None:
    ids = [registered(server.credit, income=200_000).customer_id for _ in range(2)]
    for customer_id in ids:
        for _ in range(2):
            server.credit.CreateLoan(loan_of(customer_id, 1_000), timeout=SECONDS)
    token = server.credit.ListLoans(pb.ListLoansRequest(customer_id=ids[0], page_size=1), timeout=SECONDS)
    for request in (
        pb.ListLoansRequest(customer_id=ids[1], page_token=token.next_page_token),
        pb.ListLoansRequest(customer_id=ids[0], state=loan_pb2.LOAN_STATE_ACTIVE, page_token=token.next_page_token),
        pb.ListLoansRequest(customer_id=ids[0], page_token=f"{token.next_page_token}A"),
    ):
        refusal = refused(server.credit.ListLoans, request)
        assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
