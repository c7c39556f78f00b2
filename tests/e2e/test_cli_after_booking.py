"""The command line on what follows a booking, against a real server: repayments, decisions, policies, reports."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.calls import NOBODY
from support.command_line import DRIFT, REFUSED, USAGE, Almeno
from support.servers import ROOT, RunningServer, StartServer

LOAN = ("--amount", "5,00,000", "--rate", "10.5", "--tenure", 60)
SMALL_LOAN = ("--amount", "10,000", "--rate", "12", "--tenure", 12)
TODAY, FIRST_DUE = "2026-04-10", "2026-05-10"


@pytest.fixture
def almeno(server: RunningServer, tmp_path: Path) -> Almeno:
    return Almeno(server.address, tmp_path)


@pytest.fixture
def sample(files_server: RunningServer, tmp_path: Path) -> Almeno:
    return Almeno(files_server.address, tmp_path)


def booked(almeno: Almeno, phone: str, *options: str) -> dict[str, Any]:
    """A new customer's loan of five lakh, booked today: its first instalment of ₹10,746.95 is due in a month."""
    person = ("--first-name", "Asha", "--last-name", "Rao", "--age", 34, "--income", "85,000", "--phone", phone)
    customer_id = almeno.json("register", *person)["customer"]["customer_id"]
    loan: dict[str, Any] = almeno.json("apply", customer_id, *LOAN, *options)["loan"]
    return loan


def test_loan_is_repaid_in_parts_and_closed_by_its_payoff(almeno: Almeno) -> None:
    loan_id = booked(almeno, "98450 44441")["loan_id"]
    assert "1 instalment paid off wholly" in almeno.run("repay", loan_id, "--amount", "₹10,746.95")
    part = almeno.json("repay", loan_id, "--amount", "250")
    assert (part["repayment"]["emis_completed"], part["loan"]["paid_toward_next"]) == (0, "250.00")
    assert "₹250.00 paid" in almeno.run("loan", loan_id)
    payoff = almeno.json("payoff", loan_id)["payoff"]
    assert (payoff["payoff_date"], payoff["principal"], payoff["advance"]) == (TODAY, "500000.00", "10996.95")
    assert payoff["amount"] == "489003.05"
    too_much = almeno.json("repay", loan_id, "--amount", "489003.06", ends_with=REFUSED)["error"]
    assert (too_much["code"], too_much["reason"]) == ("FAILED_PRECONDITION", "REPAYMENT_EXCEEDS_PAYOFF")
    assert "closed the loan" in almeno.run("repay", loan_id, "--amount", payoff["amount"])
    loan = almeno.json("loan", loan_id)["loan"]
    assert (loan["state"], loan["outstanding_principal"], loan["emis_paid"]) == ("CLOSED", "0.00", 60)
    amounts = [each["amount"] for each in almeno.json("repayments", loan_id)["repayments"]]
    assert amounts == ["10746.95", "250.00", "489003.05"]
    assert "closes" in almeno.run("repayments", loan_id)
    assert "LOAN_CLOSED" in almeno.run("payoff", loan_id, ends_with=REFUSED)
    assert "paid" in almeno.run("schedule", loan_id)


def at(server: RunningServer, day: str, folder: Path) -> Almeno:
    """The command line, turned to a server that is started again on another day."""
    assert server.stop() == 0
    server.start(ALMENO_BUSINESS_DATE=day)
    return Almeno(server.address, folder)


def test_loan_from_its_sanction_to_its_last_rupee(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(ALMENO_BUSINESS_DATE="2027-01-15", ALMENO_RULES=str(ROOT / "data" / "rules"))
    almeno = Almeno(server.address, tmp_path)
    loan = booked(almeno, "98450 44450", "--disburse-later")
    loan_id, customer_id = loan["loan_id"], loan["customer_id"]
    assert (loan["state"], loan["disbursement_date"], loan["valid_until"]) == ("SANCTIONED", None, "2027-02-14")
    facts = almeno.json("key-facts", loan_id)["key_facts"]
    assert (facts["net_disbursed"], facts["apr"]) == ("494100.00", "11.02")
    other = almeno.json("apply", customer_id, *SMALL_LOAN, "--disburse-later")["loan"]["loan_id"]
    assert "cancelled" in almeno.run("cancel", other, "--reason", "withdrawn")
    assert "LOAN_CANCELLED" in almeno.run("disburse", other, ends_with=REFUSED)
    assert "₹4,94,100.00" in almeno.run("disburse", loan_id, "--reference", "UTR 1")
    assert almeno.json("payoff", loan_id)["payoff"]["exit_amount"] == "500000.00"
    given_back = almeno.json("apply", customer_id, *SMALL_LOAN)["loan"]["loan_id"]
    assert almeno.json("exit", given_back)["loan"]["state"] == "EXITED"

    almeno = at(server, "2027-04-21", tmp_path)
    for month in ("02", "03", "04"):
        paid_on = ("--on", f"2027-{month}-15", "--channel", "nach", "--reference", f"N-{month}")
        almeno.run("repay", loan_id, "--amount", "10,746.95", *paid_on)
    bounced = almeno.json("repayments", loan_id)["repayments"][1]["repayment_id"]
    reverse = ("reverse", bounced, "--reason", "returned", "--date", "2027-04-20", "--return-code", "04")
    late = almeno.json(*reverse)["loan"]
    assert (late["emis_paid"], late["emis_paid_on_time"], late["days_past_due"]) == (2, 1, 6)
    assert late["asset_class"] == "SMA_0"
    assert "ALREADY_REVERSED" in almeno.run(*reverse, ends_with=REFUSED)
    assert "NACH, reversed" in almeno.run("repayments", loan_id)
    assert "6 days late, SMA-0" in almeno.run("loans", customer_id, "--state", "active")
    almeno.run("repay", loan_id, "--amount", "10,746.95")

    # The second was unpaid for 31 days, the third for 6: round(10,746.95 x days x 24 / 36,500).
    charges = almeno.json("charges", "list", loan_id)["charges"]
    assert [(each["installment_number"], each["open"]) for each in charges] == [(2, "219.06"), (3, "42.40")]
    bounce = ("--kind", "bounce", "--amount", 500, "--reason", "Debit of March returned")
    assert "Debit of March returned" in almeno.run("charges", "add", loan_id, *bounce)
    waived = almeno.json("waive", loan_id, "261.46", "--reason", "First time")["charges"]
    assert [each["open"] for each in waived] == ["0.00", "0.00", "500.00"]
    assert almeno.json("payoff", loan_id)["payoff"]["charges"] == "500.00"
    assert almeno.json("repay", loan_id, "--amount", 500)["repayment"]["charges_paid"] == "500.00"

    prepay = ("prepay", loan_id, "1,00,000", "--effect", "lower-installment")
    preview = almeno.json(*prepay, "--preview")
    almeno.run(*prepay, ends_with=USAGE)
    assert almeno.json("loan", loan_id)["loan"]["monthly_installment"] == "10746.95"
    prepaid = almeno.json(*prepay, "--yes")
    assert (prepaid["prepayment"], prepaid["loan"]) == (preview["prepayment"], preview["loan"])
    assert "As booked    60 months of ₹10,746.95" in almeno.run("loan", loan_id)
    payoff = almeno.json("payoff", loan_id)["payoff"]
    assert "closed the loan" in almeno.run("repay", loan_id, "--amount", payoff["amount"])
    states = {each["loan_id"]: each["state"] for each in almeno.json("loans", customer_id)["loans"]}
    assert states == {loan_id: "CLOSED", other: "CANCELLED", given_back: "EXITED"}


def test_prepayment_shows_what_it_does_and_is_booked_by_a_person_who_says_so(almeno: Almeno) -> None:
    loan_id = booked(almeno, "98450 44451")["loan_id"]
    prepay = ("prepay", loan_id, "1,00,000", "--effect", "shorter-tenure")
    assert "Nothing is booked." in almeno.run_on_a_terminal(*prepay, typed="n\n")
    assert almeno.json("repayments", loan_id)["repayments"] == []
    seen = almeno.run_on_a_terminal(*prepay, typed="y\n")
    assert seen.index("a preview") < seen.index("Book it?") < seen.index("Repayment on loan")
    (repayment,) = almeno.json("repayments", loan_id)["repayments"]
    assert (repayment["kind"], repayment["effect"]) == ("PREPAYMENT", "SHORTER_TENURE")


def test_payoff_of_a_day_to_come_has_the_instalment_due_by_then(almeno: Almeno) -> None:
    loan_id = booked(almeno, "98450 44442")["loan_id"]
    payoff = almeno.json("payoff", loan_id, "--on", FIRST_DUE)["payoff"]
    assert (payoff["overdue_amount"], payoff["principal"]) == ("10746.95", "493628.05")
    assert (payoff["accrued_interest"], payoff["amount"]) == ("0.00", "504375.00")
    assert "₹5,04,375.00 closes loan" in almeno.run("payoff", loan_id, "--on", FIRST_DUE)


def test_same_request_id_pays_once(almeno: Almeno) -> None:
    loan_id = booked(almeno, "98450 44443")["loan_id"]
    command = ("repay", loan_id, "--amount", 500, "--request-id", "5f0c2c5a-3c2e-4a47-9d55-0c7a4a6f1a78")
    assert almeno.run(*command) == almeno.run(*command)
    assert len(almeno.json("repayments", loan_id)["repayments"]) == 1


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--amount", 0), "amount"),
        (("--amount", 100, "--on", FIRST_DUE), "payment_date"),
        (("--amount", 100, "--on", "2026-04-09"), "payment_date"),
    ],
)
def test_repayment_the_service_refuses_names_the_field(
    almeno: Almeno, options: tuple[object, ...], field: str, request: pytest.FixtureRequest
) -> None:
    number = 44444 + request.node.callspec.indices["options"]
    loan_id = booked(almeno, f"98450 {number}")["loan_id"]
    error = almeno.json("repay", loan_id, *options, ends_with=REFUSED)["error"]
    assert (error["reason"], list(error["fields"])) == ("INVALID_FIELD", [field])


def test_decision_is_listed_shown_and_taken_again(almeno: Almeno) -> None:
    loan = booked(almeno, "98450 44448")
    listed = almeno.json("decisions", loan["customer_id"])["decisions"]
    assert [each["decision_id"] for each in listed] == [loan["decision_id"]]
    assert loan["decision_id"] in almeno.run("decisions", loan["customer_id"])
    stored = almeno.json("decision", loan["decision_id"])["decision"]
    assert stored["monthly_income"] == "85000.00"
    assert re.fullmatch("[0-9a-f]{64}", stored["policy_sha256"])
    assert all(gate["passed"] for gate in stored["gates"])
    assert "What would decline the loan" in almeno.run("decision", loan["decision_id"])
    assert almeno.json("replay", loan["decision_id"])["outcome"] == "MATCH"
    assert "Match" in almeno.run("replay", loan["decision_id"])


def test_damaged_decision_is_shown_for_what_it_is(almeno: Almeno, server: RunningServer) -> None:
    loan = booked(almeno, "98450 44449")
    server.write("UPDATE decision SET snapshot = '{' WHERE decision_id = :name", name=loan["decision_id"])
    assert "Damaged" in almeno.run("decision", loan["decision_id"])
    assert "damaged" in almeno.run("decisions", loan["customer_id"])
    assert "Drift" in almeno.run("replay", loan["decision_id"], ends_with=DRIFT)


def test_what_is_not_there_is_refused(almeno: Almeno) -> None:
    nothing = "01a20a39-fd77-7603-905c-51aac40e8d7c"
    for command, reason in (
        (("repay", NOBODY, "--amount", 1), "LOAN_NOT_FOUND"),
        (("repayments", NOBODY), "LOAN_NOT_FOUND"),
        (("payoff", NOBODY), "LOAN_NOT_FOUND"),
        (("disburse", NOBODY), "LOAN_NOT_FOUND"),
        (("exit", NOBODY), "LOAN_NOT_FOUND"),
        (("charges", "list", NOBODY), "LOAN_NOT_FOUND"),
        (("waive", NOBODY, 1, "--reason", "None"), "LOAN_NOT_FOUND"),
        (("prepay", NOBODY, 1, "--effect", "shorter-tenure", "--preview"), "LOAN_NOT_FOUND"),
        (("reverse", nothing, "--reason", "mistake"), "REPAYMENT_NOT_FOUND"),
        (("decisions", NOBODY), "CUSTOMER_NOT_FOUND"),
        (("decision", nothing), "DECISION_NOT_FOUND"),
        (("replay", nothing), "DECISION_NOT_FOUND"),
        (("policies", "1999-01"), "POLICY_NOT_FOUND"),
        (("simulate", "--policy", "1999-01"), "POLICY_NOT_FOUND"),
    ):
        assert almeno.json(*command, ends_with=REFUSED)["error"]["reason"] == reason, command


def draft(almeno: Almeno, **changes: str) -> Path:
    """A draft made of the policy in effect, with keys changed."""
    text = almeno.run("policies", "2026-01", "--toml")
    for key, value in {"version": '"draft"', **changes}.items():
        text, changed = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert changed == 1, key
    assert almeno.folder is not None
    file = almeno.folder / "draft.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_policy_in_effect_is_listed_and_shown(almeno: Almeno) -> None:
    policy, later = almeno.json("policies")["policies"]
    assert [(each["version"], each["in_effect"]) for each in (policy, later)] == [("2026-01", True), ("2026-12", False)]
    assert almeno.run("policies", "2026-01", "--toml") == policy["toml"]
    assert policy["toml"] in almeno.run("policies", "2026-01")
    assert policy["sha256"] in almeno.run("policies")


def test_stricter_draft_flips_answers_in_one_direction(sample: Almeno) -> None:
    file = draft(sample, max_emi_share_of_income='"0.20"')
    shown = sample.run("simulate", file, "--against", "2026-01", "--html", "page.html")
    assert "Policy draft against 2026-01" in shown
    assert "The plots are in page.html" in shown
    document = sample.json("simulate", file, "--flips", 0)
    summary, flips = document["summary"], document["flips"]
    assert (summary["customers"], summary["newly_approved"]) == (300, 0)
    assert summary["newly_declined"] == len(flips) == summary["before"]["approvals"] - summary["after"]["approvals"] > 0
    assert {tuple(flip["after"]["reasons"]) for flip in flips} == {("EMI_BURDEN_TOO_HIGH",)}
    assert summary["before"]["scores"] == summary["after"]["scores"]


def test_walks_over_the_book_show_their_progress_on_a_terminal(sample: Almeno) -> None:
    for command in (("simulate", "--policy", "2026-01"), ("report",)):
        assert "300/300" in sample.run_on_a_terminal(*command)


def test_policy_against_itself_flips_nobody(sample: Almeno) -> None:
    assert "No customer's answer flips." in sample.run("simulate", "--policy", "2026-01")
    assert sample.folder is not None
    assert (sample.folder / "almeno-simulation.html").stat().st_size > 1_000_000


def test_draft_that_is_no_policy_is_refused_by_its_key(sample: Almeno) -> None:
    file = draft(sample, max_emi_share_of_income='"-1"')
    error = sample.json("simulate", file, ends_with=REFUSED)["error"]
    assert (error["reason"], list(error["fields"])) == ("INVALID_FIELD", ["policy"])
    assert "max_emi_share_of_income" in error["message"]
    file.write_bytes(b"\xff")
    assert "not a text file" in sample.run("simulate", file, ends_with=USAGE)


def test_report_adds_up(sample: Almeno) -> None:
    assert "The plots are in almeno-report.html" in sample.run("report")
    summary = sample.json("report")["summary"]
    assert (summary["customers"], summary["loans"]) == (300, 782)
    for parts, whole in (("loans_by_state", "loans"), ("vintages", "loans"), ("scores", "customers")):
        assert sum(part[whole] for part in summary[parts]) == summary[whole], parts
    assert sum(bucket["customers"] for bucket in summary["emi_burden"]) == 300
    late = sample.json("late", "--limit", 0)
    assert len(late["late_loans"]) == late["late_loan_count"] == summary["late_loan_count"]
    assert sum(Decimal(each["overdue_amount"]) for each in late["late_loans"]) == Decimal(summary["overdue_amount"])


@pytest.mark.parametrize(
    "command",
    [
        "repay",
        "repayments",
        "payoff",
        "decision",
        "decisions",
        "replay",
        "policies",
        "simulate",
        "report",
        "late",
        "disburse",
        "cancel",
        "exit",
        "reverse",
        "prepay",
        "charges",
        "waive",
    ],
)
def test_help_of_every_command_is_there(almeno: Almeno, command: str) -> None:
    assert "Usage" in almeno.run(command, "--help")
