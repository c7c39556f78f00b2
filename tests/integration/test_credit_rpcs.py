"""CreditService over the wire: what goes in comes out, in the contract's units, and is found again."""

from datetime import date

import pytest
from support.calls import as_checked

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2, loan_pb2

RUPEE = 100
LAKH = 100_000 * RUPEE


@pytest.fixture
def imported(stubs, rows_of):
    """A customer with a running and a closed loan of an imported book, the second of another's number."""
    stubs.book.upsert([rows_of.customer(7), rows_of.customer(8)])
    stubs.book.upsert(
        [
            rows_of.loan(8, 5),
            rows_of.loan(7, 6, emis_paid_on_time=2),
            rows_of.loan(7, 5, row_number=8, emis_paid=12, emis_paid_on_time=11, loan_amount=1_000_07),
        ]
    )
    return stubs


def check(stubs, money, rate, amount=100_000, asked="10.5", months=12, customer_id=7):
    return stubs.credit.CheckEligibility(
        pb.CheckEligibilityRequest(
            customer_id=customer_id, loan_amount=money(amount), interest_rate=rate(asked), tenure_months=months
        )
    ).decision


def test_registered_customer_is_answered_and_found(stubs, money):
    request = pb.RegisterCustomerRequest(
        first_name="  Zoë ", last_name="O’Brien-राव", age=18, monthly_income=money(50_000), phone_number="90000 00000"
    )
    request.monthly_income.nanos = 990_000_000
    customer = stubs.credit.RegisterCustomer(request).customer
    assert (customer.first_name, customer.last_name, customer.age) == ("Zoë", "O’Brien-राव", 18)
    assert customer.phone_number == "+919000000000"
    assert (customer.monthly_income.units, customer.monthly_income.nanos) == (50_000, 990_000_000)
    assert customer.monthly_income.currency_code == customer.approved_limit.currency_code == "INR"
    assert customer.approved_limit.units == 1_800_000
    assert customer.customer_id == 1_000_000_001
    assert customer.create_time.seconds > 1_700_000_000
    found = stubs.credit.GetCustomer(pb.GetCustomerRequest(customer_id=customer.customer_id))
    assert found.customer == customer
    assert found.position.available_limit == customer.approved_limit
    assert found.position.loan_count == 0
    assert list(stubs.credit.ListCustomers(pb.ListCustomersRequest()).customers) == [customer]


def test_position_adds_up_the_loans_of_the_customer(imported):
    position = imported.credit.GetCustomer(pb.GetCustomerRequest(customer_id=7)).position
    assert (position.loan_count, position.active_loan_count, position.loans_this_year) == (2, 1, 2)
    assert (position.approved_volume.units, position.approved_volume.nanos) == (101_000, 70_000_000)
    assert position.current_debt.units == 75_000
    assert position.monthly_obligation.units == 9_208
    assert (position.emis_due, position.emis_paid_on_time) == (6, 5)
    assert position.available_limit.units == 1_725_000


def test_imported_loans_are_told_with_all_that_follows_from_them(imported):
    first = imported.credit.GetLoan(pb.GetLoanRequest(loan_id=6))
    assert first.customer.customer_id == first.loan.customer_id == 7
    loan = first.loan
    assert loan.interest_rate.value == "10.5"
    assert (loan.emis_paid, loan.emis_paid_on_time, loan.repayments_left) == (3, 2, 9)
    assert (loan.approval_date.year, loan.approval_date.month, loan.approval_date.day) == (2026, 1, 5)
    assert (loan.end_date.year, loan.end_date.month, loan.end_date.day) == (2027, 1, 5)
    assert loan.state == loan_pb2.LOAN_STATE_ACTIVE
    assert loan.installment_method == loan_pb2.INSTALLMENT_METHOD_ANNUAL_COMPOUND
    assert (loan.source_loan_id, loan.decision_id, loan.days_past_due) == (6, "", 0)
    doubled = imported.credit.GetLoan(pb.GetLoanRequest(loan_id=1_000_000_001)).loan
    assert (doubled.source_loan_id, doubled.state) == (5, loan_pb2.LOAN_STATE_CLOSED)
    assert (doubled.outstanding_principal.units, doubled.outstanding_principal.nanos) == (0, 0)


def test_loan_that_is_behind_tells_since_when(stubs, rows_of):
    stubs.book.upsert([rows_of.customer(7)])
    stubs.book.upsert([rows_of.loan(7, 6, emis_paid=1, emis_paid_on_time=1)])
    assert (
        stubs.credit.GetLoan(pb.GetLoanRequest(loan_id=6)).loan.days_past_due
        == (date(2026, 4, 10) - date(2026, 3, 5)).days
    )


def test_loans_are_listed_by_state(imported):
    def numbers(**request):
        answer = imported.credit.ListLoans(pb.ListLoansRequest(customer_id=7, **request))
        return [loan.loan_id for loan in answer.loans]

    assert numbers() == [6, 1_000_000_001]
    assert numbers(state=loan_pb2.LOAN_STATE_ACTIVE) == [6]
    assert numbers(state=loan_pb2.LOAN_STATE_CLOSED) == [1_000_000_001]


def test_check_and_booking_say_the_same_and_only_booking_leaves_a_loan(imported, money, rate):
    checked = check(imported, money, rate)
    assert checked.decision_id == ""
    answer = imported.credit.CreateLoan(
        pb.CreateLoanRequest(
            customer_id=7,
            loan_amount=money(100_000),
            interest_rate=rate("10.5"),
            tenure_months=12,
            max_interest_rate=rate("24"),
        )
    )
    assert answer.decision.decision_id == answer.loan.decision_id != ""
    assert answer.decision.approved
    assert not answer.decision.HasField("counter_offer")
    assert as_checked(answer.decision) == checked
    loan = answer.loan
    assert loan.monthly_installment == checked.monthly_installment
    assert not loan.HasField("source_loan_id")
    assert (loan.repayments_left, loan.outstanding_principal.units) == (12, 100_000)
    assert imported.credit.GetLoan(pb.GetLoanRequest(loan_id=loan.loan_id)).loan == loan


def test_decision_tells_what_it_was_taken_from(imported, money, rate):
    decision = check(imported, money, rate, asked="8.2500")
    assert decision.interest_rate.value == decision.corrected_interest_rate.value == "8.25"
    assert [(part.name, part.max_points, part.observed) for part in decision.score_components] == [
        ("on_time_payments", 50, "5/6"),
        ("past_loans", 15, "2"),
        ("current_year_activity", 15, "2"),
        ("approved_volume", 20, "0.0561"),
    ]
    assert decision.score_components[0].points == pytest.approx(100 / 3, rel=1e-15)
    assert decision.credit_score == 73
    assert decision.policy_version == "2026-01"
    assert (decision.business_date.year, decision.business_date.month, decision.business_date.day) == (2026, 4, 10)
    assert decision.position == imported.credit.GetCustomer(pb.GetCustomerRequest(customer_id=7)).position
    assert decision.customer_id == 7
    assert decision.message.startswith("Approved: ₹1,00,000 over 12 months at 8.25 % a year")


def test_declined_loan_is_an_answer_without_a_loan(imported, money, rate):
    answer = imported.credit.CreateLoan(
        pb.CreateLoanRequest(customer_id=7, loan_amount=money(10_000_000), interest_rate=rate("10.5"), tenure_months=12)
    )
    assert not answer.decision.approved
    assert not answer.HasField("loan")
    assert list(answer.decision.reasons) == [
        decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT,
        decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH,
    ]
    offered = answer.decision.counter_offer
    assert offered.nanos == 0
    assert check(imported, money, rate, offered.units).approved
    assert not check(imported, money, rate, offered.units + 1).approved
    assert answer.decision.decision_id


def test_rate_above_the_highest_accepted_declines_by_itself(imported, money, rate):
    request = pb.CreateLoanRequest(
        customer_id=7, loan_amount=money(100_000), interest_rate=rate("10.5"), tenure_months=12
    )
    request.max_interest_rate.value = "10.4999"
    answer = imported.credit.CreateLoan(request)
    assert list(answer.decision.reasons) == [decision_pb2.DECISION_REASON_RATE_ABOVE_MAXIMUM]
    assert not answer.decision.HasField("counter_offer")


def test_schedule_of_a_booked_loan_repays_it_to_the_paisa(stubs, money, rate):
    customer = stubs.book.register()
    answer = stubs.credit.CreateLoan(
        pb.CreateLoanRequest(
            customer_id=customer.customer_id,
            loan_amount=money(100_000),
            interest_rate=rate("12"),
            tenure_months=12,
        )
    )
    rows = stubs.credit.GetRepaymentSchedule(pb.GetRepaymentScheduleRequest(loan_id=answer.loan.loan_id)).installments
    assert [row.number for row in rows] == list(range(1, 13))
    assert [(row.due_date.year, row.due_date.month, row.due_date.day) for row in rows][::11] == [
        (2026, 5, 10),
        (2027, 4, 10),
    ]
    assert {(row.amount.units, row.amount.nanos) for row in rows[:11]} == {(8884, 880_000_000)}
    assert (rows[11].amount.units, rows[11].amount.nanos) == (8884, 850_000_000)
    assert sum(row.principal.units * 100 + row.principal.nanos // 10_000_000 for row in rows) == LAKH
    assert (rows[11].balance_after.units, rows[11].balance_after.nanos) == (0, 0)
    assert {row.state for row in rows} == {loan_pb2.INSTALLMENT_STATE_DUE_LATER}


def test_schedule_of_an_imported_loan_shows_what_was_paid(imported):
    rows = imported.credit.GetRepaymentSchedule(pb.GetRepaymentScheduleRequest(loan_id=6)).installments
    assert len(rows) == 12
    assert [row.state for row in rows[:4]] == [
        loan_pb2.INSTALLMENT_STATE_PAID,
        loan_pb2.INSTALLMENT_STATE_PAID,
        loan_pb2.INSTALLMENT_STATE_PAID_LATE,
        loan_pb2.INSTALLMENT_STATE_DUE_LATER,
    ]
    assert [row.paid_amount.units for row in rows[:4]] == [9208, 9208, 9208, 0]
    assert rows[2].balance_after.units == 75_000
    assert sum(row.principal.units * 100 + row.principal.nanos // 10_000_000 for row in rows) == LAKH


@pytest.mark.parametrize(
    ("call", "reason", "metadata"),
    [
        (lambda s: s.GetCustomer(pb.GetCustomerRequest(customer_id=77)), "CUSTOMER_NOT_FOUND", {"customer_id": "77"}),
        (
            lambda s: s.GetCustomer(pb.GetCustomerRequest(customer_id=2**63 - 1)),
            "CUSTOMER_NOT_FOUND",
            {"customer_id": str(2**63 - 1)},
        ),
        (lambda s: s.ListLoans(pb.ListLoansRequest(customer_id=77)), "CUSTOMER_NOT_FOUND", {"customer_id": "77"}),
        (lambda s: s.GetLoan(pb.GetLoanRequest(loan_id=77)), "LOAN_NOT_FOUND", {"loan_id": "77"}),
        (
            lambda s: s.GetRepaymentSchedule(pb.GetRepaymentScheduleRequest(loan_id=77)),
            "LOAN_NOT_FOUND",
            {"loan_id": "77"},
        ),
    ],
)
def test_what_does_not_exist_is_not_found(shared_stubs, call, reason, metadata):
    refusal = shared_stubs.refusal(lambda: call(shared_stubs.credit))
    assert (refusal.code, refusal.reason, refusal.metadata) == ("NOT_FOUND", reason, metadata)


def test_unknown_customer_can_neither_check_nor_book(shared_stubs, money, rate):
    terms = {"customer_id": 77, "loan_amount": money(1000), "interest_rate": rate("12"), "tenure_months": 12}
    for call in (
        lambda: shared_stubs.credit.CheckEligibility(pb.CheckEligibilityRequest(**terms)),
        lambda: shared_stubs.credit.CreateLoan(pb.CreateLoanRequest(**terms)),
    ):
        refusal = shared_stubs.refusal(call)
        assert (refusal.code, refusal.reason) == ("NOT_FOUND", "CUSTOMER_NOT_FOUND")


def test_taken_phone_number_is_told_as_such(shared_stubs, money):
    def register(phone_number):
        return shared_stubs.credit.RegisterCustomer(
            pb.RegisterCustomerRequest(
                first_name="A", last_name="B", age=30, monthly_income=money(1), phone_number=phone_number
            )
        )

    register("9111111111")
    refusal = shared_stubs.refusal(lambda: register("+91 91111-11111"))
    assert (refusal.code, refusal.reason, refusal.fields) == ("ALREADY_EXISTS", "PHONE_NUMBER_TAKEN", ["phone_number"])
    assert "9111111111" not in refusal.message


def test_terms_that_do_not_amortize_are_refused_before_anything_is_stored(stubs, money, rate):
    customer = stubs.book.register()
    before = stubs.book.counts()
    terms = {
        "customer_id": customer.customer_id,
        "loan_amount": money(1000),
        "interest_rate": rate("100"),
        "tenure_months": 600,
    }
    for call in (
        lambda: stubs.credit.CheckEligibility(pb.CheckEligibilityRequest(**terms)),
        lambda: stubs.credit.CreateLoan(pb.CreateLoanRequest(**terms)),
    ):
        refusal = stubs.refusal(call)
        assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "TERMS_DO_NOT_AMORTIZE")
    assert stubs.book.counts() == before


def test_check_over_the_wire_stores_nothing(imported, money, rate):
    before = imported.book.counts()
    assert check(imported, money, rate).approved
    assert not check(imported, money, rate, amount=10_000_000).approved
    assert imported.book.counts() == before


def test_changes_of_a_customer_and_of_the_loans_are_listed_in_pages(imported, rows_of):
    book = imported.book
    sheets = [
        book.upsert([rows_of.customer(7, row_number=3, approved_limit=19 * LAKH), rows_of.customer(8, age=31)]),
        book.upsert([rows_of.loan(7, 6, emis_paid_on_time=3)]),
    ]
    first = imported.credit.ListCustomerChanges(pb.ListCustomerChangesRequest(customer_id=7, page_size=1))
    token = first.next_page_token
    last = imported.credit.ListCustomerChanges(pb.ListCustomerChangesRequest(customer_id=7, page_token=token))
    assert last.next_page_token == ""
    [limit], [on_time] = first.changes, last.changes
    assert (limit.number, limit.customer_id, limit.HasField("loan_id")) == (1, 7, False)
    assert (limit.field, limit.old_value, limit.new_value) == ("approved_limit", "1800000.00", "1900000.00")
    assert (limit.import_id, limit.row_number, limit.principal) == (sheets[0].import_id, 3, "")
    assert limit.change_time.ToMicroseconds() == 1
    assert (on_time.number, on_time.loan_id, on_time.import_id) == (2, 6, sheets[1].import_id)
    assert (on_time.field, on_time.old_value, on_time.new_value) == ("emis_paid_on_time", "2", "3")


@pytest.mark.usefixtures("imported")
def test_list_of_changes_of_nobody_or_by_a_token_of_another_list_is_refused(stubs, rows_of):
    stubs.book.upsert([rows_of.customer(7, age=31, monthly_income=RUPEE)])
    token = stubs.credit.ListCustomerChanges(pb.ListCustomerChangesRequest(customer_id=7, page_size=1)).next_page_token
    for request, reason in (
        (pb.ListCustomerChangesRequest(customer_id=9), "CUSTOMER_NOT_FOUND"),
        (pb.ListCustomerChangesRequest(customer_id=0), "INVALID_FIELD"),
        (pb.ListCustomerChangesRequest(customer_id=7, page_size=-1), "INVALID_FIELD"),
        (pb.ListCustomerChangesRequest(customer_id=8, page_token=token), "INVALID_PAGE_TOKEN"),
    ):
        assert stubs.refusal(lambda r=request: stubs.credit.ListCustomerChanges(r)).reason == reason
    assert len(stubs.credit.ListCustomerChanges(pb.ListCustomerChangesRequest(customer_id=8)).changes) == 0
