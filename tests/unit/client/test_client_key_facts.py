"""Key facts and terms in the client library, on the command line and as a page."""

import json
from datetime import date
from decimal import Decimal

import pytest
from support.key_facts_messages import key_facts, key_facts_without_terms, late_charge, terms

from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio


@pytest.fixture
def lender(service):
    """A service with the key facts of a loan, and two versions of terms."""
    service.answers("GetKeyFacts", credit.GetKeyFactsResponse(key_facts=key_facts()))
    service.answers("ListTerms", portfolio.ListTermsResponse(terms=[terms("2026-12"), terms()]))
    service.answers("GetTerms", portfolio.GetTermsResponse(terms=terms()))
    return service


def shows(result, *texts):
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.replace("│", " ").split())
    assert [text for text in texts if text not in words] == [], result.stdout


def test_key_facts_are_records_of_rupees_and_rates(client, lender):
    facts = client.get_key_facts(5)
    assert (facts.loan_id, facts.decision_id, facts.terms_version) == (1_000_000_001, "d-0001", "2026-12-example")
    assert (facts.apr, facts.net_disbursed, facts.gst) == (Decimal("11.02"), Decimal("494100.00"), Decimal("900.00"))
    assert facts.total_to_pay == facts.loan_amount + facts.total_interest
    assert facts.valid_until == date(2027, 2, 14)
    assert facts.late.charge_percent_a_year == 24
    assert [row.due_date for row in facts.installments] == [date(2027, 2, 15), date(2027, 3, 15)]
    (request,) = lender.requests["GetKeyFacts"]
    assert (request.WhichOneof("subject"), request.loan_id) == ("loan_id", 5)


def test_key_facts_of_a_decision_are_asked_for_by_its_id(client, service):
    message = key_facts_without_terms()
    message.ClearField("loan_id")
    service.answers("GetKeyFacts", credit.GetKeyFactsResponse(key_facts=message))
    facts = client.get_key_facts(decision_id="d-0001")
    assert (facts.loan_id, facts.late, facts.valid_until) == (None, None, None)
    (request,) = service.requests["GetKeyFacts"]
    assert request.decision_id == "d-0001"


@pytest.mark.parametrize("subject", [{}, {"loan_id": 5, "decision_id": "d-0001"}])
def test_key_facts_are_of_a_loan_or_of_a_decision(client, lender, subject):
    with pytest.raises(ValueError, match="either a loan_id or a decision_id"):
        client.get_key_facts(**subject)
    assert not lender.requests


def test_terms_are_listed_and_fetched(client, lender):
    assert [(each.version, each.in_effect) for each in client.list_terms()] == [
        ("2026-12", False),
        ("2026-12-example", True),
    ]
    found = client.get_terms("2026-12-example")
    assert (found.processing_percent, found.processing_max, found.gst_percent) == (1, Decimal("25000.00"), 18)
    assert (found.valid_days, found.cooling_off_days, found.refunded_on_exit) == (30, 1, True)
    assert lender.requests["GetTerms"][0].version == "2026-12-example"


@pytest.mark.usefixtures("lender")
def test_command_shows_what_the_loan_costs(almeno):
    shown = almeno("key-facts", "5", width=120)
    shows(
        shown,
        "Key facts of loan 1000000001",
        "Processing fee ₹5,000.00",
        "GST on the fee ₹900.00",
        "Net amount disbursed ₹4,94,100.00",
        "To pay in all ₹6,44,816.99",
        "Annual percentage rate 11.02 %",
        "1 day from the disbursement",
        "2027-02-14, 30 days from the approval",
        "24 % a year on what is unpaid, from the due date, unless all is paid within 3 days",
    )
    assert "Balance after" not in shown.stdout
    shows(almeno("key-facts", "5", "--schedule", width=120), "Balance after", "2027-03-15", "₹4,93,626.05")


def test_command_shows_a_loan_without_terms_and_terms_without_a_late_charge(almeno, service):
    service.answers("GetKeyFacts", credit.GetKeyFactsResponse(key_facts=key_facts_without_terms()))
    shown = almeno("key-facts", "5")
    shows(shown, "₹6,44,816.99")
    assert "Cooling-off" not in shown.stdout
    service.answers("GetKeyFacts", credit.GetKeyFactsResponse(key_facts=key_facts(late=late_charge("0"))))
    shows(almeno("key-facts", "5"), "Late payment no charge")


def test_command_takes_a_decision(almeno, lender):
    message = key_facts()
    message.ClearField("loan_id")
    lender.answers("GetKeyFacts", credit.GetKeyFactsResponse(key_facts=message))
    shows(almeno("key-facts", "--decision", "d-0001"), "Key facts of decision d-0001")
    assert lender.requests["GetKeyFacts"][0].decision_id == "d-0001"


@pytest.mark.parametrize("arguments", [(), ("5", "--decision", "d-0001"), ("five",)])
def test_wrong_usage_ends_with_2_before_anything_is_sent(almeno, lender, arguments):
    assert almeno("key-facts", *arguments).exit_code == 2
    assert not lender.requests


@pytest.mark.usefixtures("lender")
def test_page_has_all_key_facts_and_the_schedule_and_fetches_nothing(almeno, tmp_path):
    file = tmp_path / "facts.html"
    shows(almeno("key-facts", "5", "--html", str(file)), "The page is")
    page = file.read_text(encoding="utf-8")
    for text in ("Key facts of loan 1000000001", "11.02 %", "₹4,94,100.00", "24 % a year", "2027-03-15"):
        assert text in page
    assert "default-src 'none'" in page
    # Without a plot there is no plotting library in it.
    assert len(page) < 20_000
    assert "<script" not in page


@pytest.mark.usefixtures("lender")
def test_page_is_not_written_over_a_file_that_is_none(almeno, tmp_path):
    file = tmp_path / "facts.html"
    file.write_text("mine")
    assert almeno("key-facts", "5", "--html", str(file)).exit_code == 2
    assert file.read_text() == "mine"


@pytest.mark.usefixtures("lender")
def test_terms_are_shown_with_their_file(almeno):
    listed = almeno("terms", width=140)
    shows(listed, "2026-12-example", "2026-12-01", "1 %", "24 %")
    assert listed.stdout.count("in effect") == 1
    shows(almeno("terms", "2026-12-example"), "Terms 2026-12-example", "ab" * 32, "# What a loan costs.")
    assert almeno("terms", "2026-12-example", "--toml").stdout == terms().toml
    assert "name the version" in almeno("terms", "--toml").stderr


@pytest.mark.usefixtures("lender")
@pytest.mark.parametrize(
    ("arguments", "key"), [(("key-facts", "5"), "key_facts"), (("terms",), "terms"), (("terms", "2026-12"), "terms")]
)
def test_json_is_one_document_and_nothing_else(almeno, arguments, key):
    document = json.loads(almeno(*arguments, "--json").stdout)
    assert list(document) == [key]
    if key == "key_facts":
        assert (document[key]["apr"], len(document[key]["installments"])) == ("11.02", 2)


@pytest.mark.usefixtures("lender")
def test_tables_fit_a_terminal_of_80_columns(almeno):
    for arguments in (("key-facts", "5", "--schedule"), ("terms",)):
        assert max(map(len, almeno(*arguments, width=80).stdout.splitlines())) <= 80
