"""What the command line writes: whole figures, letters as they are, JSON that can be read back, and nothing lost."""

import io
import json
import os
import re
import sys
import uuid
from decimal import Decimal

import grpc
import pytest
from almeno_client.cli import app
from almeno_client.cli.list_table import ListTable
from almeno_client.cli.output import write_json
from almeno_client.formatting import printable
from rich.cells import cell_len
from rich.console import Console
from support.portfolio_model import policy

from almeno_grpc.api import change_event_pb2
from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio

TERMS = ("--amount", "₹5,00,000", "--rate", "10.5", "--tenure", "60")
DECISION_ID = "8a6a4a38-7c3e-4a4c-8c26-8fae9b6ba1e2"
UNWRITTEN = 10


@pytest.fixture
def book(service, sample):
    service.answers("ListCustomers", credit.ListCustomersResponse(customers=[sample.customer()]))
    service.answers("CreateLoan", credit.CreateLoanResponse(decision=sample.decision(), loan=sample.loan()))
    service.answers("StartImport", portfolio.StartImportResponse(book_import=sample.import_("SUCCEEDED")))
    service.answers("ListImportIssues", portfolio.ListImportIssuesResponse())
    return service


@pytest.fixture(params=["buffered", "unbuffered"])
def ends_unwritten(request, monkeypatch, capsys, address):
    """Runs a command whose standard output cannot be written; gives what it says on standard error.

    Unbuffered, as in many containers (PYTHONUNBUFFERED): no flush fails any more, only the write.
    """
    buffering = 0 if request.param == "unbuffered" else -1

    def run(*arguments, output="/dev/full"):
        binary = os.fdopen(os.open(output, os.O_WRONLY) if isinstance(output, str) else output, "wb", buffering)
        stdout = io.TextIOWrapper(binary, encoding="utf-8", write_through=not buffering)
        with stdout, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stdout)
            patch.setenv("ALMENO_ADDRESS", address)
            with pytest.raises(SystemExit) as ended:
                app([*arguments])
        assert ended.value.code == UNWRITTEN
        return capsys.readouterr().err

    return run


def closed_pipe():
    """The end to write to of a pipe whose reader has gone."""
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.mark.parametrize("before", [(), ("--json",), ("--output", "csv"), ("--output", "tsv"), ("--output", "table")])
def test_booking_whose_answer_cannot_be_written_tells_how_to_have_it_again(ends_unwritten, book, before):
    told = ends_unwritten(*before, "apply", "14", *TERMS)
    (request,) = book.requests["CreateLoan"]
    assert "cannot write the answer: No space left on device" in told
    assert uuid.UUID(request.request_id)
    assert request.request_id in told
    assert "Traceback" not in told
    if before == ("--json",):
        assert json.loads(told)["error"]["request_id"] == request.request_id
    else:
        assert f"with no second effect, add --request-id {request.request_id}" in told


def test_import_whose_end_cannot_be_written_is_no_unreadable_file(ends_unwritten, book, tmp_path):
    (tmp_path / "loans.csv").write_text("x")
    told = ends_unwritten("import", "loans", str(tmp_path / "loans.csv"))
    (messages,) = book.requests["StartImport"]
    assert messages[0].header.request_id in told


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(
    "arguments",
    [
        ("customers",), ("--json", "customers"), ("customers", "--output", "csv"), ("customers", "--output", "tsv"),
        ("--version",), ("--help",), ("keys",),
    ],
)  # fmt: skip
def test_list_that_cannot_be_written_is_told_in_a_line(ends_unwritten, arguments):
    told = ends_unwritten(*arguments)
    assert "cannot write the answer: No space left on device" in told
    assert len(told.splitlines()) == 1
    assert "--request-id" not in told


@pytest.mark.parametrize("output", ["table", "json", "csv", "tsv"])
def test_reader_that_has_gone_ends_a_list_in_silence_and_a_booking_with_the_way_to_repeat_it(
    ends_unwritten, book, output
):
    assert ends_unwritten("--output", output, "customers", "--limit", "0", output=closed_pipe()) == ""
    told = ends_unwritten("--output", output, "apply", "14", *TERMS, output=closed_pipe())
    assert book.requests["CreateLoan"][0].request_id in told


@pytest.mark.parametrize("output", ["table", "json", "tsv"])
def test_reader_of_events_that_has_gone_ends_the_command_in_silence(ends_unwritten, service, output):
    event = change_event_pb2.ChangeEvent(sequence=1, business_date={"year": 2026, "month": 1, "day": 1})
    service.answers("WatchEvents", lambda *_: [portfolio.WatchEventsResponse(events=[event])])
    assert ends_unwritten("events", "--follow", "--output", output, output=closed_pipe()) == ""


NAMES = {
    "Malayalam chillu": "അനില്\u200d",
    "Bengali ra": "র\u200d্যাব",
    "Kannada": "ರ\u200dಾವ್",
    "Marathi": "सर्\u200dया",
    "Hindi": "रक्\u200cषा",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_joiners_of_indian_scripts_are_shown(name):
    assert printable(name) == name


@pytest.mark.parametrize("space", "\u00a0\u202f\u3000\u2009\u205f\u1680")
def test_space_of_any_kind_is_shown_as_a_space(space):
    assert printable(f"Mary{space}Ann") == "Mary Ann"


@pytest.mark.parametrize(
    "hidden", ["\u202e", "\u2066", "\u200e", "\u200b", "\u2060", "\ufeff", "\x1b", "\x85", "\u2028", "\u00ad", "\ud800"]
)
def test_what_cannot_be_seen_is_replaced(hidden):
    assert printable(f"Asha{hidden}gpj") == "Asha�gpj"


def test_joiner_that_joins_nothing_is_replaced():
    assert printable("\u200dAsha \u200d12\u200d a\u200d\u200d") == "�Asha �12� a\u200d�"


def bytes_of(address, monkeypatch, encoding, *arguments, output="json"):
    """What a command writes to a stream of an encoding."""
    out = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding=encoding, errors="replace"))
        patch.setenv("ALMENO_ADDRESS", address)
        with pytest.raises(SystemExit):
            app(["--output", output, *arguments])
        sys.stdout.flush()
        return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252", "iso2022_jp"])
def test_json_reads_back_to_the_same_names_whatever_the_encoding(address, service, sample, monkeypatch, encoding):
    names = ["अशोक", "José", "₹\U0001f600", "a\u202eb\u200d\x7f\x85c"]
    customers = [sample.customer(first_name=name) for name in names]
    service.answers("ListCustomers", credit.ListCustomersResponse(customers=customers))
    written = bytes_of(address, monkeypatch, encoding, "customers")
    document = json.loads(written.decode("utf-8"))
    assert [customer["first_name"] for customer in document["customers"]] == names


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("output", ["csv", "tsv"])
def test_cells_keep_their_letters_whatever_the_encoding(address, service, sample, monkeypatch, encoding, output):
    service.answers("ListCustomers", credit.ListCustomersResponse(customers=[sample.customer(first_name="अशोक ₹")]))
    assert "अशोक ₹" in bytes_of(address, monkeypatch, encoding, "customers", output=output).decode("utf-8")


def test_json_shows_letters_and_escapes_marks_that_turn_the_direction(almeno, service, sample):
    service.answers("ListCustomers", credit.ListCustomersResponse(customers=[sample.customer(first_name="अशोक\u202e")]))
    shown = almeno("--json", "customers").stdout
    assert '"अशोक\\u202e"' in shown


def test_json_error_escapes_marks_that_turn_the_direction(almeno, service, sample):
    service.answers("ListCustomers", sample.refusal(grpc.StatusCode.NOT_FOUND, "no \u202e", "CUSTOMER_NOT_FOUND"))
    assert "no \\u202e" in almeno("--json", "customers").stderr


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_policy_is_written_as_the_toml_file_it_is(address, service, monkeypatch, encoding):
    text = 'version = "2026-07"  # ₹ अ\n'
    service.answers("GetPolicy", portfolio.GetPolicyResponse(policy=policy(toml=text)))
    assert bytes_of(address, monkeypatch, encoding, "policies", "2026-07", "--toml").decode() == text


FIGURE = re.compile(r"₹[0-9,]+(?:\.[0-9]*)?|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9.]+ %|[0-9a-f-]{36}")


@pytest.fixture
def large_book(service, sample):
    """A book with the longest figures."""
    crores = sample.rupees(12_34_56_789, 1)
    loan = sample.loan(
        loan_amount=crores, outstanding_principal=crores, monthly_installment=sample.rupees(12_34_567, 89)
    )
    stored = sample.stored_decision(decision_id=DECISION_ID, loan_amount=crores)
    approved = sample.decision(decision_id=DECISION_ID)
    repayment = sample.repayment(1, repayment_id=DECISION_ID, amount=crores, outstanding_principal=crores)
    customer = sample.customer(customer_id=1_000_000_001, monthly_income=crores, approved_limit=crores)
    queued = sample.import_("SUCCEEDED", import_id=DECISION_ID, rows_total=1_000_000, rows_rejected=12)
    service.answers("ListLoans", credit.ListLoansResponse(loans=[loan]))
    service.answers("ListDecisions", credit.ListDecisionsResponse(decisions=[stored, approved]))
    service.answers("ListRepayments", credit.ListRepaymentsResponse(repayments=[repayment]))
    service.answers("ListCustomers", credit.ListCustomersResponse(customers=[customer]))
    service.answers("ListImports", portfolio.ListImportsResponse(imports=[queued]))


LISTS = {
    ("loans", "14"): {"₹12,34,56,789.01", "₹12,34,567.89"},
    ("decisions", "14"): {DECISION_ID, "₹12,34,56,789.01", "₹5,00,000.00", "2026-01-31"},
    ("repayments", "5"): {DECISION_ID, "₹12,34,56,789.01", "2026-03-01"},
    ("customers",): {"₹12,34,56,789.01"},
    ("imports",): {DECISION_ID, "2026-01-01"},
}


@pytest.mark.usefixtures("large_book")
@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
@pytest.mark.parametrize(("command", "figures"), LISTS.items(), ids=[" ".join(command) for command in LISTS])
def test_no_figure_of_a_list_is_cut_however_narrow_the_terminal(almeno, command, figures, width):
    shown = almeno(*command, width=width).stdout
    assert max(map(len, shown.splitlines())) <= width
    assert set(FIGURE.findall(shown)) >= figures
    assert {cut for cut in FIGURE.findall(shown) if cut.startswith("₹")} <= figures | {"₹18,00,000.00"}
    assert "…" not in shown


@pytest.mark.usefixtures("large_book")
def test_list_of_decisions_is_a_table_at_80_columns(almeno):
    lines = almeno("decisions", "14", width=80).stdout.splitlines()
    (approved,) = [line for line in lines if "approved" in line]
    assert approved.split() == [DECISION_ID, "2026-01-31", "₹5,00,000.00", "approved"]


def shown_at(width, table):
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def test_spare_columns_go_first_and_rows_become_lines_last():
    table = ListTable("Id", "Name", "Rows", right=("Rows",), whole=("Id",), spare=("Rows",))
    table.add_row("0123456789", "Asha Verma", "77777")
    assert shown_at(40, table).splitlines()[0].split() == ["Id", "Name", "Rows"]
    assert "77777" not in shown_at(18, table)
    lines = shown_at(15, table)
    assert [line.split()[0] for line in lines.splitlines() if line[0].isalpha()] == ["Id", "Name", "Rows"]
    assert {"0123456789", "77777"} <= set(lines.split())


@pytest.mark.parametrize("width", range(60, 90))
def test_room_is_given_to_what_may_be_broken_and_no_figure_is_cut(width):
    """Two words that may be broken and a column of figures that only just fits, beside others of the same width."""
    table = ListTable("Loan", "Class", "Days late", "Overdue", "Outstanding", right=("Overdue", "Outstanding"))
    table.add_row("1000000033", "Non-performing", "130", "₹53,734.75", "₹14,24,062.83")
    table.add_row("Total of these", "", "", "₹1,82,980.97", "₹14,24,062.83")
    lines = shown_at(width, table).splitlines()
    assert max(map(cell_len, lines)) <= width
    for figure in ("1000000033", "Non-performing", "₹53,734.75", "₹1,82,980.97", "₹14,24,062.83"):
        assert any(figure in line for line in lines), figure


def test_row_has_a_cell_for_each_column():
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        ListTable("a", "b").add_row("1")


def test_customer_of_whom_the_caller_may_not_see_the_name_is_shown_redacted(almeno, service, sample):
    redacted = sample.customer(first_name="", last_name="", phone_number="", redacted=True, phone_hint="7944")
    service.answers("GetCustomer", credit.GetCustomerResponse(customer=redacted, position=sample.position()))
    service.answers("ListCustomers", credit.ListCustomersResponse(customers=[redacted]))
    for command in (("customer", "14"), ("customers",)):
        shown = almeno(*command).stdout
        assert "redacted" in shown
        assert "…7944" in shown
    document = json.loads(almeno("--json", "customer", "14").stdout)["customer"]
    assert (document["redacted"], document["phone_hint"], document["first_name"]) == (True, "7944", "")


def test_amounts_stay_exact_in_json():
    out = io.StringIO()
    write_json(out, {"amount": Decimal("1E+3"), "hash": b"\x01\xff"})
    assert json.loads(out.getvalue()) == {"amount": "1000", "hash": "01ff"}
