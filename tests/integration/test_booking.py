"""Registering, checking and booking: what is stored, and that it is all there."""

import hashlib
import json
import uuid
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from almeno_grpc.bootstrap import load_policies, prepare_database
from almeno_grpc.clock import Clock
from almeno_grpc.config import ConfigurationError, Settings
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.errors import (
    CustomerNotFound,
    LoanNotFound,
    NoPolicyInEffect,
    PhoneNumberTaken,
    PolicyChanged,
    TermsDoNotAmortize,
)
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.service.booking import BookingRequest, BookingService
from almeno_grpc.service.idempotency import RequestContext
from almeno_grpc.service.policies import PolicyCalendar

RUPEE = 100
LAKH = 100_000 * RUPEE


@pytest.mark.parametrize(
    ("monthly_income", "approved_limit"),
    [
        (50_000 * RUPEE, 18 * LAKH),
        (1, 0),
        (138_888, 0),
        (138_889, 1 * LAKH),  # 36 times ₹1,388.89 is four paise more than half a lakh.
        (416_666, 1 * LAKH),
        (416_667, 2 * LAKH),
        (100_00_00_000 * RUPEE, 3_60_000 * LAKH),
    ],
)
def test_registered_customers_limit_is_36_months_income_in_whole_lakhs(book, monthly_income, approved_limit):
    customer = book.register(monthly_income)
    assert customer.approved_limit == approved_limit
    assert book.customers.get(customer.customer_id)[0] == customer


def test_phone_number_of_another_customer_is_taken(book):
    book.register(phone_number="+919000000000")
    with pytest.raises(PhoneNumberTaken):
        book.register(phone_number="+919000000000")
    assert len(book.rows("customer")) == 1


def test_what_does_not_exist_is_not_found(book):
    with pytest.raises(CustomerNotFound):
        book.customers.get(7)
    with pytest.raises(CustomerNotFound):
        book.check(LoanRequest(7, LAKH, Decimal(12), 12))
    with pytest.raises(CustomerNotFound):
        book.booking.page_of_loans(7, None, 0, 10)
    with pytest.raises(LoanNotFound):
        book.booking.get_loan(7)
    with pytest.raises(LoanNotFound):
        book.repayments.schedule(7)


def test_check_stores_nothing(book):
    customer = book.register()
    book.lend(customer.customer_id, LAKH)
    before = book.counts()
    for amount in (LAKH, 1000 * LAKH):
        book.check(LoanRequest(customer.customer_id, amount, Decimal(12), 12))
    with pytest.raises(TermsDoNotAmortize):
        book.check(LoanRequest(customer.customer_id, 1000 * RUPEE, Decimal(100), 600))
    assert book.counts() == before


def test_check_says_what_booking_then_does(book):
    customer = book.register()
    request = LoanRequest(customer.customer_id, 5 * LAKH, Decimal("10.5"), 60)
    checked = book.check(request)
    booking = book.lend(customer.customer_id, 5 * LAKH, "10.5", 60)
    assert booking.decision == checked
    assert booking.loan is not None
    assert booking.loan.monthly_installment == checked.monthly_installment == 1_074_695


def test_booked_loan_begins_unpaid_on_the_business_date_at_the_corrected_rate(book, rows_of):
    # Two loans this year, a third of the instalments late: 9.52 + 15 + 5 + 20 points ask for 12 per cent or more.
    book.upsert([rows_of.customer(7)])
    book.upsert([rows_of.loan(7, number, monthly_installment=3_000 * RUPEE) for number in (1, 2)])
    booking = book.lend(7, LAKH, "9", 12)
    assert booking.decision.credit_score == 50
    assert booking.decision.corrected_interest_rate == Decimal(12)
    loan = booking.loan
    assert loan is not None
    assert book.booking.get_loan(loan.loan_id)[0] == loan
    assert loan.interest_rate == Decimal(12)
    assert loan.monthly_installment == 888_488
    assert (loan.emis_paid, loan.emis_paid_on_time, loan.outstanding_principal) == (0, 0, LAKH)
    assert (loan.approval_date, loan.state) == (book.clock.today(), LoanState.ACTIVE)
    assert loan.installment_method is InstallmentMethod.REDUCING_BALANCE
    assert (loan.source_loan_id, loan.decision_id) == (None, booking.decision_id)


@pytest.mark.parametrize(("amount", "max_rate"), [(LAKH, None), (LAKH, "12.5"), (20 * LAKH, None), (20 * LAKH, "8.25")])
def test_stored_decision_is_complete_and_exact(book, rows_of, amount, max_rate):
    book.upsert([rows_of.customer(7)])
    # One instalment of three was late: 50 × (2/3 − 0.60)/0.35 points, which no decimal says exactly.
    book.upsert([rows_of.loan(7, 5)])
    request = LoanRequest(7, amount, Decimal("8.75"), 12, Decimal(max_rate) if max_rate else None)
    booking = book.book(request)
    decision = booking.decision
    (row,) = book.rows("decision")
    assert row | {"snapshot": None, "business_date": str(row["business_date"])} == {
        "decision_id": booking.decision_id,
        "customer_id": 7,
        "business_date": "2026-04-10",
        "policy_version": "2026-01",
        "policy_sha256": load_policies()[0].sha256,
        "approved": int(decision.approved),
        "credit_score": decision.credit_score,
        "reasons": ",".join(decision.reasons),
        "snapshot": None,
        "snapshot_sha256": hashlib.sha256(row["snapshot"].encode()).hexdigest(),
        "create_time_us": row["create_time_us"],
    }
    snapshot = json.loads(row["snapshot"])
    gates = snapshot.pop("gates")
    assert [gate["passed"] for gate in gates] == [gate["reason"] not in decision.reasons for gate in gates]
    assert snapshot == {
        "decision_id": booking.decision_id,
        "create_time": row["create_time_us"],
        "business_date": "2026-04-10",
        "policy_version": "2026-01",
        "policy_sha256": load_policies()[0].sha256,
        "customer_id": 7,
        "loan_amount": amount,
        "interest_rate": "8.75",
        "tenure_months": 12,
        "max_interest_rate": max_rate,
        "monthly_income": 50_000 * RUPEE,
        "approved_limit": 18 * LAKH,
        "position": {
            "loan_count": 1,
            "active_loan_count": 1,
            "loans_this_year": 1,
            "approved_volume": LAKH,
            "current_debt": 7_500_000,
            "monthly_obligation": 920_800,
            "emis_due": 3,
            "emis_paid_on_time": 2,
        },
        "credit_score": decision.credit_score,
        "score_components": [
            {"name": "on_time_payments", "points": "200/21", "max_points": 50, "observed": "2/3"},
            {"name": "past_loans", "points": "15", "max_points": 15, "observed": "1"},
            {"name": "current_year_activity", "points": "10", "max_points": 15, "observed": "1"},
            {"name": "approved_volume", "points": "20", "max_points": 20, "observed": "0.0556"},
        ],
        "corrected_interest_rate": "8.75",
        "monthly_installment": decision.monthly_installment,
        "installment_method": "REDUCING_BALANCE",
        "approved": decision.approved,
        "reasons": [reason.value for reason in decision.reasons],
        "counter_offer": decision.counter_offer,
        "message": decision.message,
    }
    assert decision.approved is (amount == LAKH)
    assert (decision.counter_offer is None) is (decision.approved or max_rate == "8.25")
    assert len(book.rows("loan")) == 1 + decision.approved


def test_declined_request_is_stored_and_books_nothing(book):
    customer = book.register()
    booking = book.lend(customer.customer_id, 100 * LAKH)
    assert booking.loan is None
    (stored,) = book.rows("decision")
    assert (stored["decision_id"], stored["approved"]) == (booking.decision_id, 0)
    assert book.rows("loan") == []


def test_decisions_are_named_in_the_order_they_were_taken(book):
    customer = book.register()
    names = [book.lend(customer.customer_id, LAKH).decision_id for _ in range(20)]
    assert len(set(names)) == 20
    assert [name[:13] for name in names] == sorted(name[:13] for name in names)


def test_policy_is_pinned_with_the_first_decision_it_takes(book):
    customer = book.register()
    assert book.rows("policy_pin") == []
    for _ in range(3):
        book.lend(customer.customer_id, LAKH)
    assert book.rows("policy_pin") == [{"version": "2026-01", "sha256": load_policies()[0].sha256}]


def test_server_with_another_file_of_a_policy_that_has_decided_books_nothing(book):
    customer = book.register()
    book.lend(customer.customer_id, 1 * LAKH)
    changed = [replace(policy, sha256="0" * 64) for policy in load_policies()]
    other = BookingService(book.store, PolicyCalendar(changed), book.terms, book.clock)
    request = LoanRequest(customer.customer_id, 1 * LAKH, Decimal(12), 12)
    before = book.counts()
    with pytest.raises(PolicyChanged, match="2026-01"):
        other.book(BookingRequest(request), RequestContext(), lambda _: b"").result()
    other.close()
    assert book.counts() == before


def test_policy_of_a_decision_that_was_undone_is_not_pinned(book):
    customer = book.register()
    request = LoanRequest(customer.customer_id, LAKH, Decimal(12), 12)

    def fail(_booking):
        raise RuntimeError("no power")

    for _ in range(2):
        # An answer that is to be remembered is made before the commit.
        with pytest.raises(RuntimeError):
            book.booking.book(BookingRequest(request), RequestContext(request_id=str(uuid.uuid4())), fail).result()
    assert book.rows("policy_pin") == []
    book.lend(customer.customer_id, LAKH)
    assert len(book.rows("policy_pin")) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda policies: [replace(policies[0], sha256="0" * 64)],
            "2026-01 has taken decisions, but its file has changed",
        ),
        (
            lambda policies: [replace(policies[0], version="2026-02")],
            "2026-01 has taken decisions, but its file is gone",
        ),
    ],
)
def test_server_does_not_start_on_a_policy_that_has_changed_since_it_decided(
    monkeypatch, book, database_url, change, said
):
    settings = Settings(database_url=database_url)
    changed = change(load_policies())
    with monkeypatch.context() as patch:
        patch.setattr("almeno_grpc.bootstrap.load_policies", lambda _folder: changed)
        prepare_database(settings)
    book.lend(book.register().customer_id, LAKH)
    prepare_database(settings)
    monkeypatch.setattr("almeno_grpc.bootstrap.load_policies", lambda _folder: changed)
    with pytest.raises(ConfigurationError, match=said):
        prepare_database(settings)


def test_database_that_cannot_be_used_keeps_the_server_from_starting(tmp_path):
    with pytest.raises(ConfigurationError, match="names mysql"):
        prepare_database(Settings(database_url="mysql://localhost/book"))
    file = tmp_path / "letter.txt"
    file.write_text("Dear customer, " * 1000)
    with pytest.raises(ConfigurationError, match="no SQLite database"):
        prepare_database(Settings(database_url=f"sqlite:///{file}"))


def test_day_before_every_policy_has_no_decision(book):
    customer = book.register()
    early = type(book)(book.store, Clock(date(1969, 12, 31), book.clock.timezone))
    with pytest.raises(NoPolicyInEffect):
        early.check(LoanRequest(customer.customer_id, LAKH, Decimal(12), 12))
    early.close()


@pytest.mark.parametrize("year", [1899, 2200, 9999])
def test_business_date_from_which_the_longest_loan_would_outlast_the_calendar_is_refused(year):
    with pytest.raises(ConfigurationError, match="ALMENO_BUSINESS_DATE: the business date lies in the years 1900"):
        Settings.from_environment({"ALMENO_BUSINESS_DATE": f"{year}-12-31"})


def test_longest_loan_of_the_last_business_date_has_a_schedule(book):
    book.clock = Clock(date(2199, 12, 31), book.clock.timezone)
    book.__post_init__()
    loan = book.lend(book.register().customer_id, 2 * LAKH, "10", 600).loan
    assert loan is not None
    assert loan.end_date == book.repayments.schedule(loan.loan_id)[-1].due_date == date(2249, 12, 31)


def test_loans_are_listed_by_state(book, rows_of):
    book.upsert([rows_of.customer(7)])
    book.upsert([rows_of.loan(7, 1), rows_of.loan(7, 2, emis_paid=12, emis_paid_on_time=12), rows_of.loan(7, 3)])
    found = {
        state: [loan.loan_id for loan in book.booking.page_of_loans(7, state, 0, 10)]
        for state in (None, LoanState.ACTIVE, LoanState.CLOSED)
    }
    assert found == {None: [1, 2, 3], LoanState.ACTIVE: [1, 3], LoanState.CLOSED: [2]}
    assert [loan.loan_id for loan in book.booking.page_of_loans(7, None, 1, 1)] == [2]
    assert book.booking.page_of_loans(7, None, 3, 10) == []
