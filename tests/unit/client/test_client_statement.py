"""The statement of a loan's account in the client library, on the command line and as a page."""

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pytest
from almeno_client import ChargeKind, StatementLineKind
from google.type.date_pb2 import Date
from support.credit_messages import rupees
from support.statement_messages import REPAYMENT_ID, statement

from almeno_grpc.api import loan_service_pb2, statement_pb2


@pytest.fixture
def lender(service):
    service.answers("GetStatement", statement())
    return service


def shows(result, *texts):
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.replace("│", " ").split())
    assert [text for text in texts if text not in words] == [], result.stdout


@pytest.mark.usefixtures("lender")
def test_statement_is_a_record_of_rupees_with_a_line_of_each_kind(client):
    account = client.get_statement(5)
    assert (account.loan_id, account.customer_id) == (1_000_000_001, 14)
    assert (account.start, account.end) == (date(2027, 1, 15), date(2027, 1, 27))
    balance = account.opening_balance
    for line in account.lines:
        balance += line.debit - line.credit
        assert line.balance == balance
    assert account.closing_balance == balance == account.opening_balance + account.debits - account.credits
    assert (account.accrued_interest, account.accrued_charges) == (Decimal("598.93"), Decimal("7.00"))
    assert {line.kind for line in account.lines} == set(StatementLineKind) - {StatementLineKind.UNSPECIFIED}
    due, bounce, repaid = account.lines[4], account.lines[5], account.lines[7]
    assert (due.installment_number, due.installment_amount, due.debit) == (4, Decimal("10746.95"), Decimal("4375.00"))
    assert (bounce.charge_kind, due.charge_kind) == (ChargeKind.BOUNCE, ChargeKind.UNSPECIFIED)
    assert (repaid.repayment_id, repaid.external_reference) == (REPAYMENT_ID, "NACH 2611")
    assert repaid.installment_amount is None


def test_period_is_sent_as_it_is_given(client, almeno, lender):
    client.get_statement(5)
    client.get_statement(5, start=date(2027, 4, 1), end=date(2028, 3, 31))
    assert almeno("statement", "5", "--from", "2027-04-01", "--to", "2028-03-31").exit_code == 0
    whole, year, by_command = lender.requests["GetStatement"]
    assert (whole.HasField("from"), whole.HasField("to")) == (False, False)
    assert year == by_command
    assert getattr(year, "from") == Date(year=2027, month=4, day=1)
    assert year.to == Date(year=2028, month=3, day=31)


def test_line_that_is_newer_than_the_client_is_not_lost(client, almeno, service):
    line = statement_pb2.StatementLine(
        value_date=Date(year=2027, month=1, day=15), kind=99, debit=rupees(5), credit=rupees(0), balance=rupees(5)
    )
    answer = statement()
    del answer.lines[:]
    answer.lines.append(line)
    service.answers("GetStatement", answer)
    assert client.get_statement(5).lines[0].kind is StatementLineKind.UNSPECIFIED
    shows(almeno("statement", "5"), "2027-01-15 Another line ₹5.00 ₹5.00")


@pytest.mark.usefixtures("lender")
def test_statement_is_shown_as_a_table_with_its_totals(almeno):
    shows(
        almeno("statement", "5", width=120),
        "Statement of account, loan 1000000001",
        "Closing balance ₹4,02,819.00",
        "Interest not billed yet ₹598.93",
        "Charges not billed yet ₹7.00",
        "2027-01-15 Disbursed ₹4,94,100.00 ₹4,94,100.00",
        "Instalments 1 to 3, paid before this book: principal ₹2,000.00",
        "Instalment 4 of ₹10,746.95 due: interest ₹4,375.00",
        "Charge for a returned debit ₹590.00",
        "Charge for late payment ₹28.00",
        "Repayment, NACH 2611 ₹10,746.00",
        "Charges waived ₹90.00",
        "Payment reversed ₹10,746.00",
        "Interest given back ₹84.00",
        "Prepayment ₹1,00,000.00",
    )


@pytest.mark.usefixtures("lender")
def test_table_fits_a_terminal_of_80_columns(almeno):
    shown = almeno("statement", "5", width=80).stdout.splitlines()
    assert max(map(len, shown)) <= 80
    (line,) = (line for line in shown if "2027-01-15" in line and "₹4,94,100.00" in line)
    assert line.split() == ["2027-01-15", "Disbursed", "₹4,94,100.00", "₹4,94,100.00"]


def test_period_without_lines_says_so(almeno, service):
    answer = loan_service_pb2.GetStatementResponse()
    answer.CopyFrom(statement())
    del answer.lines[:]
    service.answers("GetStatement", answer)
    shows(almeno("statement", "5"), "The period has no lines.")


@pytest.mark.usefixtures("lender")
def test_json_is_one_document(almeno):
    document = json.loads(almeno("statement", "5", "--json").stdout)
    assert set(document) == {"statement"}
    account = document["statement"]
    assert (account["start"], account["closing_balance"]) == ("2027-01-15", "402819.00")
    assert account["lines"][4] == {
        "value_date": "2027-01-19",
        "kind": "INSTALLMENT_DUE",
        "debit": "4375.00",
        "credit": "0.00",
        "balance": "502375.00",
        "installment_number": 4,
        "installment_amount": "10746.95",
        "charge_kind": "UNSPECIFIED",
        "repayment_id": "",
        "external_reference": "",
    }


@pytest.mark.usefixtures("lender")
def test_csv_is_a_row_a_line_between_the_balances(almeno):
    opening, *lines, closing = csv.DictReader(io.StringIO(almeno("statement", "5", "--output", "csv").stdout))
    balances = [{name: value for name, value in row.items() if value} for row in (opening, closing)]
    assert balances == [
        {"value_date": "2027-01-15", "kind": "OPENING_BALANCE", "balance": "0.00"},
        {"value_date": "2027-01-27", "kind": "CLOSING_BALANCE", "balance": "402819.00"},
    ]
    assert lines[4] == {
        "value_date": "2027-01-19", "kind": "INSTALLMENT_DUE", "installment_number": "4",
        "installment_amount": "10746.95", "charge_kind": "UNSPECIFIED", "repayment_id": "", "external_reference": "",
        "debit": "4375.00", "credit": "0.00", "balance": "502375.00",
    }  # fmt: skip
    moved = sum(Decimal(line["debit"]) - Decimal(line["credit"]) for line in lines)
    assert Decimal(opening["balance"]) + moved == Decimal(closing["balance"])


@pytest.mark.usefixtures("lender")
def test_piped_statement_is_the_same_rows_between_tabs(almeno):
    piped = list(csv.reader(io.StringIO(almeno("statement", "5", output=None).stdout), delimiter="\t"))
    _, *rows = csv.reader(io.StringIO(almeno("statement", "5", "--output", "csv").stdout))
    assert piped == rows


@pytest.mark.parametrize("arguments", [(), ("five",), ("5", "--from", "15/01/2027"), ("5", "--to", "tomorrow")])
def test_wrong_usage_ends_with_2_before_anything_is_sent(almeno, lender, arguments):
    assert almeno("statement", *arguments).exit_code == 2
    assert not lender.requests


@pytest.mark.usefixtures("lender")
def test_page_has_every_line_between_the_balances_and_fetches_nothing(almeno, tmp_path):
    file = tmp_path / "statement.html"
    shows(almeno("statement", "5", "--html", str(file)), "The page is")
    page = file.read_text(encoding="utf-8")
    assert page.count('<tr class="line">') == 12
    assert page.index("Opening balance</td>") < page.index("Disbursed") < page.index("Closing balance</td>")
    for text in ("Statement of account, loan 1000000001", "Repayment, NACH 2611", "₹4,02,819.00", "size: A4 portrait"):
        assert text in page
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_page_shows_a_reference_as_text_whatever_it_is(almeno, service, tmp_path):
    answer = statement()
    answer.lines[7].external_reference = "<b>\x1b[31m"
    service.answers("GetStatement", answer)
    file = tmp_path / "statement.html"
    assert almeno("statement", "5", "--html", str(file)).exit_code == 0
    page = file.read_text(encoding="utf-8")
    assert "Repayment, &lt;b&gt;�[31m" in page


@pytest.mark.usefixtures("lender")
def test_page_is_not_written_over_a_file_that_is_none(almeno, tmp_path):
    file = tmp_path / "statement.html"
    file.write_text("mine")
    assert almeno("statement", "5", "--html", str(file)).exit_code == 2
    assert file.read_text() == "mine"
