"""Callers at the same time, through both processes of a real server: no gate lets two through that only one may."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from support.calls import SECONDS, applicant, check_of, loan_of, refusal_of, registered, rupees
from support.servers import Connection, RunningServer

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2

CALLERS = 32
TRIALS = 6


@pytest.fixture(scope="module")
def callers(server: RunningServer) -> list[Connection]:
    """Callers with a connection each, so that both processes serve some of them."""
    connections = [server.connect() for _ in range(CALLERS)]
    for connection in connections:
        grpc.channel_ready_future(connection.channel).result(SECONDS)
    return connections


def at_once(callers: list[Connection], call: Callable[[Connection, int], object]) -> list:
    """Lets every caller call at the same moment; gives the answers, or the errors, in the callers' order."""
    barrier = threading.Barrier(len(callers))

    def run(number: int) -> object:
        barrier.wait(SECONDS)
        try:
            return call(callers[number], number)
        except grpc.RpcError as error:
            return error

    with ThreadPoolExecutor(len(callers)) as pool:
        return list(pool.map(run, range(len(callers))))


@pytest.mark.parametrize(
    ("income", "amount", "months", "reason"),
    [
        # A limit of 36 lakh: one loan of 20 lakh fits, and the instalments of all 32 would.
        (100_000, 2_000_000, 600, decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT),
        # Instalments of at most 25,000: one of 15,000 fits, and the limit of 18 lakh would take six such loans.
        (50_000, 300_000, 20, decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH),
    ],
    ids=["limit", "emi"],
)
@pytest.mark.parametrize("trial", range(TRIALS))
def test_of_32_callers_for_a_loan_of_which_one_fits_exactly_one_gets_it(
    callers: list[Connection], income: int, amount: int, months: int, reason: int, trial: int
) -> None:
    credit = callers[trial].credit
    customer_id = registered(credit, income=income).customer_id
    request = loan_of(customer_id, amount, "0", months)
    answers = at_once(callers, lambda caller, _: caller.credit.CreateLoan(request, timeout=SECONDS))
    booked = [answer for answer in answers if answer.decision.approved]
    assert len(booked) == 1
    assert booked[0].HasField("loan")
    declined = [answer for answer in answers if not answer.decision.approved]
    assert not any(answer.HasField("loan") for answer in declined)
    assert all(reason in answer.decision.reasons for answer in declined)
    assert all(answer.decision.position.loan_count == 1 for answer in declined)
    assert len({answer.decision.decision_id for answer in answers}) == CALLERS
    loans = credit.ListLoans(pb.ListLoansRequest(customer_id=customer_id), timeout=SECONDS).loans
    assert [loan.loan_id for loan in loans] == [booked[0].loan.loan_id]


@pytest.mark.parametrize("trial", range(TRIALS))
def test_callers_for_loans_that_fit_three_times_get_three(callers: list[Connection], trial: int) -> None:
    credit = callers[trial].credit
    customer_id = registered(credit, income=100_000).customer_id
    request = loan_of(customer_id, 1_200_000, "0", 600)
    answers = at_once(callers, lambda caller, _: caller.credit.CreateLoan(request, timeout=SECONDS))
    assert sum(answer.decision.approved for answer in answers) == 3
    position = credit.GetCustomer(pb.GetCustomerRequest(customer_id=customer_id), timeout=SECONDS).position
    assert (position.loan_count, position.current_debt) == (3, rupees(3_600_000))


@pytest.mark.parametrize("trial", range(TRIALS))
def test_callers_with_the_same_request_id_get_one_loan_and_the_same_bytes(
    server: RunningServer, callers: list[Connection], trial: int
) -> None:
    customer_id = registered(callers[trial].credit, income=200_000).customer_id
    request = loan_of(customer_id, 10_000, request_id=str(uuid.uuid4())).SerializeToString()

    def call(caller: Connection, _: int) -> bytes:
        method = caller.channel.unary_unary("/almeno.credit.v1.CreditService/CreateLoan")
        return method(request, timeout=SECONDS)

    answers = at_once(callers[:16], call)
    assert len(set(answers)) == 1
    assert pb.CreateLoanResponse.FromString(answers[0]).decision.approved
    (found,) = server.rows(f"SELECT count(*) AS loans FROM loan WHERE customer_id = {customer_id}")  # noqa: S608
    assert found["loans"] == 1


@pytest.mark.parametrize("trial", range(TRIALS))
def test_same_request_id_with_different_requests_takes_effect_once(callers: list[Connection], trial: int) -> None:
    credit = callers[trial].credit
    customer_id = registered(credit, income=200_000).customer_id
    request_id = str(uuid.uuid4())
    answers = at_once(
        callers,
        lambda caller, number: caller.credit.CreateLoan(
            loan_of(customer_id, 10_000 + number, request_id=request_id), timeout=SECONDS
        ),
    )
    errors = [refusal_of(answer) for answer in answers if isinstance(answer, grpc.RpcError)]
    assert len(errors) == CALLERS - 1
    assert {(error.code, error.reason) for error in errors} == {("INVALID_ARGUMENT", "REQUEST_ID_REUSED")}
    loans = credit.ListLoans(pb.ListLoansRequest(customer_id=customer_id), timeout=SECONDS).loans
    assert len(loans) == 1


@pytest.mark.parametrize("trial", range(TRIALS))
def test_phone_number_asked_for_by_32_at_once_goes_to_one(callers: list[Connection], trial: int) -> None:
    request = applicant(phone_number=f"70123{trial:05d}")
    answers = at_once(callers, lambda caller, _: caller.credit.RegisterCustomer(request, timeout=SECONDS))
    errors = [refusal_of(answer) for answer in answers if isinstance(answer, grpc.RpcError)]
    assert len(errors) == CALLERS - 1
    assert {error.reason for error in errors} == {"PHONE_NUMBER_TAKEN"}


def test_checks_during_bookings_see_whole_loans_only(callers: list[Connection]) -> None:
    customer_id = registered(callers[0].credit, income=1_000_000).customer_id

    def call(caller: Connection, number: int) -> object:
        if number % 2:
            return [caller.credit.CreateLoan(loan_of(customer_id, 10_000), timeout=SECONDS) for _ in range(3)]
        checks = [caller.credit.CheckEligibility(check_of(customer_id, 1_000), timeout=SECONDS) for _ in range(10)]
        return [check.decision.position for check in checks]

    for number, answer in enumerate(at_once(callers, call)):
        if number % 2:
            assert all(booking.decision.approved for booking in answer)
        else:
            seen = [position.loan_count for position in answer]
            assert seen == sorted(seen)
            assert all(position.current_debt.units == 10_000 * position.loan_count for position in answer)
    position = callers[0].credit.GetCustomer(pb.GetCustomerRequest(customer_id=customer_id), timeout=SECONDS).position
    assert position.loan_count == CALLERS // 2 * 3
