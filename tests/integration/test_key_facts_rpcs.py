"""Key facts and terms over the wire."""

from datetime import date
from decimal import Decimal

import pytest
from support.book import LAKH
from support.served_book import served
from support.servers import ROOT

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb

RULES = ROOT / "data" / "rules"
VERSION = "2026-12-example"
DAY = date(2027, 1, 15)


@pytest.fixture(scope="module")
def lender(databases):
    """A server whose lender has terms of its own."""
    url = databases.make()
    with served(url, business_date=DAY, rules=RULES) as server:
        yield server
    databases.drop(url)


def rupees(money) -> Decimal:
    assert money.currency_code == "INR"
    return money.units + Decimal(money.nanos).scaleb(-9)


def as_date(message) -> date:
    return date(message.year, message.month, message.day)


def key_facts(server, **subject):
    return server.credit.GetKeyFacts(pb.GetKeyFactsRequest(**subject)).key_facts


def test_key_facts_of_a_loan_are_those_of_the_terms_it_was_booked_under(lender):
    customer = lender.book.register(monthly_income=85_000_00)
    loan = lender.book.lend(customer.customer_id, 5 * LAKH, "10.5", 60).loan
    facts = key_facts(lender, loan_id=loan.loan_id)
    assert (facts.loan_id, facts.decision_id) == (loan.loan_id, loan.decision_id)
    assert (facts.tenure_months, facts.interest_rate.value, facts.apr.value) == (60, "10.5", "11.02")
    amounts = {
        "loan_amount": "500000.00",
        "monthly_installment": "10746.95",
        "processing_fee": "5000.00",
        "gst": "900.00",
        "net_disbursed": "494100.00",
        "total_interest": "144816.99",
        "total_to_pay": "644816.99",
    }
    assert {name: f"{rupees(getattr(facts, name)):.2f}" for name in amounts} == amounts
    assert (facts.terms_version, facts.cooling_off_days, facts.valid_days) == (VERSION, 3, 30)
    assert as_date(facts.valid_until) == date(2027, 2, 14)
    late = facts.late
    assert (late.charge_percent_a_year.value, late.grace_days) == ("24", 3)
    assert late.charge_max_percent_of_installment.value == "10"
    assert len(facts.installments) == 60
    first, last = facts.installments[0], facts.installments[-1]
    assert (first.number, as_date(first.due_date), as_date(last.due_date)) == (1, date(2027, 2, 15), date(2032, 1, 15))
    assert [rupees(each) for each in (first.amount, first.interest, first.principal, first.balance_after)] == [
        Decimal(text) for text in ("10746.95", "4375.00", "6371.95", "493628.05")
    ]
    assert (rupees(last.amount), rupees(last.balance_after)) == (Decimal("10746.94"), 0)


def test_key_facts_of_a_decision_are_those_of_the_loan_it_approved(lender):
    customer = lender.book.register(monthly_income=85_000_00)
    booking = lender.book.lend(customer.customer_id, 5 * LAKH, "10.5", 60)
    of_decision = key_facts(lender, decision_id=booking.decision_id)
    assert not of_decision.HasField("loan_id")
    of_loan = key_facts(lender, loan_id=booking.loan.loan_id)
    of_loan.ClearField("loan_id")
    assert of_decision == of_loan


def test_what_is_repaid_does_not_change_what_was_disclosed(lender):
    customer = lender.book.register()
    loan = lender.book.lend(customer.customer_id, LAKH).loan
    before = key_facts(lender, loan_id=loan.loan_id)
    lender.book.repay(loan.loan_id, 20_000_00)
    assert key_facts(lender, loan_id=loan.loan_id) == before


def test_imported_loan_has_no_fees_and_no_terms(lender, rows_of):
    lender.book.upsert([rows_of.customer(7)])
    lender.book.upsert([rows_of.loan(7, 6)])
    facts = key_facts(lender, loan_id=6)
    assert (facts.terms_version, facts.decision_id, facts.cooling_off_days) == ("", "", 0)
    assert not facts.HasField("late")
    assert not facts.HasField("valid_until")
    assert facts.net_disbursed == facts.loan_amount
    assert rupees(facts.processing_fee) == rupees(facts.gst) == 0
    assert rupees(facts.total_to_pay) == sum(rupees(each.amount) for each in facts.installments)
    assert Decimal(facts.apr.value) > Decimal(facts.interest_rate.value)


def test_decision_that_declined_has_no_key_facts(lender):
    customer = lender.book.register()
    decision_id = lender.book.lend(customer.customer_id, 100 * LAKH).decision_id
    refusal = lender.refusal(lambda: key_facts(lender, decision_id=decision_id))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "DECISION_DECLINED")
    assert refusal.metadata == {"decision_id": decision_id}


UNKNOWN = "0197f000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("subject", "code", "reason", "fields"),
    [
        ({}, "INVALID_ARGUMENT", "INVALID_FIELD", ["loan_id"]),
        ({"loan_id": 0}, "INVALID_ARGUMENT", "INVALID_FIELD", ["loan_id"]),
        ({"loan_id": -1}, "INVALID_ARGUMENT", "INVALID_FIELD", ["loan_id"]),
        ({"decision_id": ""}, "INVALID_ARGUMENT", "INVALID_FIELD", ["decision_id"]),
        ({"decision_id": "7"}, "INVALID_ARGUMENT", "INVALID_FIELD", ["decision_id"]),
        ({"loan_id": 2**63 - 1}, "NOT_FOUND", "LOAN_NOT_FOUND", []),
        ({"decision_id": UNKNOWN}, "NOT_FOUND", "DECISION_NOT_FOUND", []),
    ],
)
def test_key_facts_of_nothing_are_refused(lender, subject, code, reason, fields):
    refusal = lender.refusal(lambda: key_facts(lender, **subject))
    assert (refusal.code, refusal.reason, refusal.fields) == (code, reason, fields)


def test_what_was_disclosed_binds_though_the_file_of_the_terms_is_gone(databases):
    url = databases.make()
    with served(url, business_date=DAY, rules=RULES) as server:
        booking = server.book.lend(server.book.register(85_000_00).customer_id, 5 * LAKH, "10.5", 60)
        disclosed = key_facts(server, decision_id=booking.decision_id)
        assert rupees(disclosed.processing_fee) == 5000
    with served(url, business_date=DAY) as server:
        assert key_facts(server, decision_id=booking.decision_id) == disclosed
        of_loan = key_facts(server, loan_id=booking.loan.loan_id)
        assert (of_loan.apr, of_loan.terms_version) == (disclosed.apr, VERSION)
    databases.drop(url)


def test_loan_whose_amount_the_fees_exceed_is_refused(databases, tmp_path):
    terms = (RULES / "terms" / f"{VERSION}.toml").read_text(encoding="utf-8")
    (tmp_path / "terms").mkdir()
    (tmp_path / "terms" / f"{VERSION}.toml").write_text(
        terms.replace('processing_min = "0"', 'processing_min = "1000"'), encoding="utf-8"
    )
    url = databases.make()
    with served(url, business_date=DAY, rules=tmp_path) as server:
        customer = server.book.register()
        request = pb.CreateLoanRequest(customer_id=customer.customer_id, tenure_months=12)
        request.loan_amount.units = 1000
        request.interest_rate.value = "12"
        refusal = server.refusal(lambda: server.credit.CreateLoan(request))
        assert (refusal.code, refusal.reason, refusal.fields) == (
            "INVALID_ARGUMENT",
            "FEES_EXCEED_AMOUNT",
            ["loan_amount"],
        )
    databases.drop(url)


def test_terms_are_listed_as_their_files_say(lender):
    response = lender.portfolio.ListTerms(portfolio_pb.ListTermsRequest())
    assert [(terms.version, terms.in_effect) for terms in response.terms] == [("2026-12", False), (VERSION, True)]
    terms = lender.portfolio.GetTerms(portfolio_pb.GetTermsRequest(version=VERSION)).terms
    assert terms == response.terms[1]
    assert terms.toml.encode() == (RULES / "terms" / f"{VERSION}.toml").read_bytes()
    assert as_date(terms.effective_date) == date(2026, 12, 1)
    assert (terms.valid_days, terms.cooling_off_days, terms.refunded_on_exit) == (30, 3, False)
    assert (terms.processing_percent.value, terms.gst_percent.value) == ("1", "18")
    assert (rupees(terms.processing_min), rupees(terms.processing_max)) == (0, 25_000)
    assert (terms.late.charge_percent_a_year.value, terms.late.grace_days) == ("24", 3)


@pytest.mark.parametrize(
    ("version", "code", "reason", "fields"),
    [
        ("2025-01", "NOT_FOUND", "TERMS_NOT_FOUND", []),
        ("../2026-12", "NOT_FOUND", "TERMS_NOT_FOUND", []),
        ("", "INVALID_ARGUMENT", "INVALID_FIELD", ["version"]),
        ("9" * 65, "INVALID_ARGUMENT", "INVALID_FIELD", ["version"]),
    ],
)
def test_terms_that_there_are_not_are_refused(lender, version, code, reason, fields):
    refusal = lender.refusal(lambda: lender.portfolio.GetTerms(portfolio_pb.GetTermsRequest(version=version)))
    assert (refusal.code, refusal.reason, refusal.fields) == (code, reason, fields)
