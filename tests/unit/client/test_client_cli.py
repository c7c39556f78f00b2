import json
import uuid
from decimal import Decimal

import pytest
import typer.main
from almeno_client.cli import app, session
from almeno_client.decision_records import DecisionReason
from almeno_client.formatting import REASON_SENTENCES, months, per_cent, printable, rupees
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import decision_pb2
from almeno_grpc.config import Settings, settings_from_command_line

TERMS = ("--amount", "₹5,00,000", "--rate", "10.5", "--tenure", "60")
ASHA = ("--first-name", "Asha", "--last-name", "Verma", "--age", "34", "--income", "50,000", "--phone", "9629317944")


def commands(group, path=("almeno",)):
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


TREE = [(("almeno",), typer.main.get_command(app)), *commands(typer.main.get_command(app))]


@pytest.mark.parametrize(
    ("path", "command"), TREE, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_and_each_of_its_options_has_help(path, command):
    assert command.help, path
    assert [parameter.name for parameter in command.params if not parameter.help] == []


def test_commands_are_those_of_the_mission():
    assert {" ".join(path[1:]) for path, _ in TREE} == {
        "", "events", "register", "update", "limit", "customer", "customers", "find", "changes",
        "check", "apply", "loan", "schedule", "loans", "imports",
        "key-facts", "terms",
        "import", "import customers", "import loans", "import status", "import cancel",
        "disburse", "cancel", "exit", "reverse", "prepay", "charges", "charges list", "charges add", "waive",
        "statement",
        "repay", "repayments", "payoff", "decision", "decisions", "replay", "policies", "simulate", "report", "late",
        "export",
        "login", "whoami", "health", "keys", "keys create", "keys rotate", "keys revoke", "keys list",
        "principals", "principals create", "principals update", "principals list",
        "certificates", "certificates set", "certificates remove", "audit", "audit list", "audit checkpoint",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "option", "default"),
    [
        ("report", "--html FILE", "almeno-report.html at a terminal, else none"),
        ("simulate", "--html FILE", "almeno-simulation.html at a terminal, else none"),
        ("export", "--as-of YYYY-MM-DD", "the service's business date"),
        ("export", "--from YYYY-MM-DD", "the beginning of the book"),
        ("export", "--to YYYY-MM-DD", "the service's business date"),
    ],
)
def test_help_tells_what_holds_without_an_option(almeno, command, option, default):
    _, _, behind = almeno(command, "--help").stdout.partition(f" {option} ")
    about = " ".join(behind.partition("\n  -")[0].split())
    assert about.endswith(f"[default: {default}]")


def test_help_tells_the_exit_codes(almeno):
    told = almeno("--help").stdout
    for code in session.ExitCode:
        assert f"  {code.value} " in told


@pytest.fixture
def book(service, sample):
    """A service with one customer and one loan."""
    service.answers("RegisterCustomer", credit.RegisterCustomerResponse(customer=sample.customer()))
    service.answers("GetCustomer", credit.GetCustomerResponse(customer=sample.customer(), position=sample.position()))
    service.answers(
        "ListCustomers",
        credit.ListCustomersResponse(customers=[sample.customer(customer_id=number) for number in (1, 2, 3)]),
    )
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=sample.decision()))
    service.answers(
        "CreateLoan", credit.CreateLoanResponse(decision=sample.decision(decision_id="d-0001"), loan=sample.loan())
    )
    service.answers("GetLoan", credit.GetLoanResponse(loan=sample.loan(days_past_due=12), customer=sample.customer()))
    service.answers("ListLoans", credit.ListLoansResponse(loans=[sample.loan()]))
    service.answers(
        "GetRepaymentSchedule",
        credit.GetRepaymentScheduleResponse(installments=[sample.installment(k, state=k) for k in (1, 2, 3)]),
    )
    return service


def shows(result, *texts):
    assert result.exit_code == 0, result.output
    assert [text for text in texts if text not in result.stdout] == [], result.stdout


def test_register_shows_the_customer_with_the_limit(almeno, book):
    shows(almeno("register", *ASHA), "Customer 14", "Asha Verma", "+919629317944", "₹50,000.00", "₹18,00,000.00")
    (request,) = book.requests["RegisterCustomer"]
    assert (request.first_name, request.age, request.monthly_income.units) == ("Asha", 34, 50_000)


@pytest.mark.usefixtures("book")
def test_customer_is_shown_with_the_position(almeno):
    shows(almeno("customer", "14"), "Asha Verma", "Owed now", "₹4,56,789.25", "34 of 36 instalments due")


def test_customers_are_listed_up_to_the_limit(almeno, book):
    shows(almeno("customers"), "Asha Verma", "₹18,00,000.00")
    assert "There are more" in almeno("customers", "--limit", "2").stdout
    assert "There are more" not in almeno("customers", "--limit", "3").stdout
    assert len(json.loads(almeno("customers", "--limit", "0", "--json").stdout)["customers"]) == 3
    assert [request.page_size for request in book.requests["ListCustomers"]] == [51, 3, 4, 1000]


def test_empty_list_says_so(almeno, service):
    service.answers("ListCustomers", credit.ListCustomersResponse())
    shows(almeno("customers"), "There are no customers yet.")


@pytest.mark.usefixtures("book")
def test_check_shows_the_score_and_its_parts(almeno):
    result = almeno("check", "14", *TERMS)
    shows(result, "Approved", "74 of 100", "Instalments paid on time", "49.2 / 50", "34/36", "0.6859", "█")
    shows(result, "10.5 %, as asked", "₹10,746.95", "₹5,00,000.00", "policy 2026-01", "Position", "₹13,43,210.75")


@pytest.mark.parametrize("amount", ["500000", "5,00,000", "₹5,00,000", "Rs. 5,00,000.00"])
def test_amount_may_be_typed_in_many_ways(almeno, book, amount):
    assert almeno("check", "14", "--amount", amount, "--rate", "10.50%", "--tenure", "24").exit_code == 0
    (request,) = book.requests["CheckEligibility"]
    assert (request.loan_amount.units, request.loan_amount.nanos) == (500_000, 0)
    assert (request.interest_rate.value, request.tenure_months) == ("10.50", 24)


def test_decline_shows_why_and_what_would_pass(almeno, service, sample):
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=sample.decline()))
    result = almeno("check", "14", *TERMS)
    assert result.exit_code == 3
    for text in (
        "Declined",
        "31 of 100",
        "• With this loan the customer would owe more than the approved limit.",
        "• The monthly instalments, with this one, would take too much of the income.",
        "12 %, corrected from 10.5 % asked",
        "Possible instead: up to ₹1,23,456.00 over 60 months.",
    ):
        assert text in result.stdout
    assert result.stderr == ""


def test_score_of_nought_for_debt_above_the_limit_is_explained(almeno, service, sample):
    reasons = [decision_pb2.DECISION_REASON_DEBT_EXCEEDS_LIMIT]
    service.answers(
        "CheckEligibility", credit.CheckEligibilityResponse(decision=sample.decline(credit_score=0, reasons=reasons))
    )
    assert "0 of 100: whoever owes more than the approved limit has no score" in almeno("check", "14", *TERMS).stdout


def test_apply_shows_the_decision_and_the_loan(almeno, book):
    shows(almeno("apply", "14", *TERMS), "Approved", "d-0001", "Loan 1000000001", "2026-01-31 to 2031-01-31")
    (request,) = book.requests["CreateLoan"]
    assert uuid.UUID(request.request_id)
    assert not request.HasField("max_interest_rate")


def test_apply_passes_on_the_highest_rate_and_the_request_id(almeno, service, sample):
    service.answers("CreateLoan", credit.CreateLoanResponse(decision=sample.decline()))
    request_id = str(uuid.uuid4())
    result = almeno("apply", "14", *TERMS, "--max-rate", "11", "--request-id", request_id)
    assert result.exit_code == 3
    (request,) = service.requests["CreateLoan"]
    assert (request.max_interest_rate.value, request.request_id) == ("11", request_id)


@pytest.mark.usefixtures("book")
def test_loan_is_shown_with_its_schedule_on_request(almeno):
    without = almeno("loan", "5")
    shows(without, "12 days past due", "Asha Verma", "equal instalments on the reducing balance")
    assert "Balance after" not in without.stdout
    shows(almeno("loan", "5", "--schedule"), "12 days past due", "Balance after", "₹92,115.12", "due later")
    shows(almeno("schedule", "5"), "₹8,884.88", "2026-02-28", "paid")


def test_loans_are_listed_by_state(almeno, book):
    shows(almeno("loans", "14", "--state", "active"), "1000000001", "₹5,00,000.00", "0/60", "active")
    almeno("loans", "14")
    assert [request.state for request in book.requests["ListLoans"]] == [1, 0]


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("width", [80, 110])
def test_frames_are_as_wide_as_the_terminal(almeno, width):
    for arguments in (("check", "14", *TERMS), ("loan", "5"), ("customer", "14")):
        lines = almeno(*arguments, width=width).stdout.splitlines()
        assert {len(line) for line in lines} == {width}


@pytest.mark.usefixtures("book")
def test_list_fits_a_terminal_of_80_columns(almeno):
    for arguments in (("loans", "14"), ("customers",), ("schedule", "5")):
        lines = almeno(*arguments, width=80).stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert sum("₹" in line for line in lines) == len([line for line in lines if line.strip()]) - 2


JSON_COMMANDS = [
    (("register", *ASHA), {"customer"}),
    (("customer", "14"), {"customer", "position"}),
    (("customers",), {"customers", "more"}),
    (("check", "14", *TERMS), {"decision"}),
    (("apply", "14", *TERMS), {"decision", "loan"}),
    (("loan", "5"), {"loan", "customer"}),
    (("loan", "5", "--schedule"), {"loan", "customer", "installments"}),
    (("schedule", "5"), {"installments"}),
    (("loans", "14"), {"loans", "more"}),
]


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(("arguments", "keys"), JSON_COMMANDS, ids=[" ".join(words) for words, _ in JSON_COMMANDS])
def test_json_is_one_document_and_nothing_else(almeno, arguments, keys):
    after, before = almeno(*arguments, "--json"), almeno("--json", *arguments)
    assert after.exit_code == 0
    assert json.loads(after.stdout) == json.loads(before.stdout)
    assert set(json.loads(after.stdout)) == keys
    assert after.stderr == ""


def test_json_has_amounts_rates_and_dates_as_exact_text(almeno, service, sample):
    service.answers("CreateLoan", credit.CreateLoanResponse(decision=sample.decline()))
    result = almeno("apply", "14", *TERMS, "--json")
    document = json.loads(result.stdout)
    decision = document["decision"]
    assert result.exit_code == 3
    assert document["loan"] is None
    assert (decision["loan_amount"], decision["interest_rate"]) == ("500000.00", "10.5")
    assert (decision["counter_offer"], decision["business_date"]) == ("123456.00", "2026-01-31")
    assert decision["reasons"] == ["LOAN_EXCEEDS_LIMIT", "EMI_BURDEN_TOO_HIGH"]
    assert decision["position"]["current_debt"] == "456789.25"


@pytest.mark.usefixtures("book")
def test_json_has_instants_in_utc(almeno):
    assert json.loads(almeno("customer", "14", "--json").stdout)["customer"]["create_time"] == "2026-01-01T00:00:00Z"


def test_text_of_the_book_cannot_steer_the_terminal(almeno, service, sample):
    service.answers(
        "GetCustomer",
        credit.GetCustomerResponse(
            customer=sample.customer(first_name="\x1b[31mRed", last_name="[bold]Ink"), position=sample.position()
        ),
    )
    shows(almeno("customer", "14"), "�[31mRed [bold]Ink")


def test_version_is_told(almeno):
    shows(almeno("--version"), "almeno 0.")


@given(st.decimals(0, 10**12, places=2))
def test_amount_on_the_screen_has_the_indian_grouping(amount):
    shown = rupees(amount)
    assert shown.replace(",", "") == f"₹{amount:.2f}"
    groups = shown[1:-3].split(",")
    assert len(groups[-1]) <= 3
    assert all(len(group) == 2 for group in groups[1:-1])
    assert 1 <= len(groups[0]) <= (2 if len(groups) > 1 else 3)


def test_figures_on_the_screen():
    assert rupees(-1234567) == "-₹12,34,567.00"
    assert [per_cent(rate) for rate in (10, Decimal("10.5000"), Decimal("0.00"))] == [
        "10 %",
        "10.5 %",
        "0 %",
    ]
    assert (months(1), months(24)) == ("1 month", "24 months")
    assert printable("a\x07b\tc") == "a�b�c"
    assert set(REASON_SENTENCES) == set(DecisionReason)


def test_server_leaves_the_variables_of_the_command_line_alone():
    """Who has set them may start a server from the same shell."""
    variables = {option.envvar for _, command in TREE for option in command.params if option.envvar}
    assert {"ALMENO_OUTPUT", "ALMENO_PROFILE"} <= variables
    for variable in variables - {"ALMENO_ADDRESS"}:
        assert settings_from_command_line([], {variable: "x"}) == Settings()
