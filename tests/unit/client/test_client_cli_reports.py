import csv
import json
import os
import stat
import sys
from datetime import datetime
from html.parser import HTMLParser

import pytest
from almeno_client.reports.plots import count_ticks
from support.credit_messages import rupees
from support.portfolio_model import flip, progress, simulation, summary

from almeno_grpc.api import portfolio_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio

DRAFT = 'version = "2026-07-draft"\n'
FLIPS = [flip(number, approved=number % 10 == 0) for number in range(1, 31)]


class Page(HTMLParser):
    """What a test looks at in a page: its elements with their attributes, and the words of the tables."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.cells, self._in_cell = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._in_cell = tag in ("td", "th", "dt", "dd")

    def handle_data(self, text):
        if self._in_cell:
            self.cells.append(text)
            self._in_cell = False

    def plots(self):
        return [attributes["id"] for _, attributes in self.elements if attributes.get("id", "").startswith("plot-")]


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """Each test works in a folder of its own, for reports are written to where one works."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "draft.toml").write_text(DRAFT)
    return tmp_path


@pytest.fixture
def simulates(service):
    def lay_down(figures=None, flips=FLIPS):
        stream = [
            portfolio.SimulatePolicyResponse(progress=progress(100, 300)),
            portfolio.SimulatePolicyResponse(summary=figures or simulation()),
            *(portfolio.SimulatePolicyResponse(flip=each) for each in flips),
        ]
        service.answers("SimulatePolicy", lambda *_: stream)
        return service

    return lay_down


@pytest.fixture
def sums_up(service):
    def lay_down(figures=None):
        stream = [
            portfolio.SummarizePortfolioResponse(progress=progress(100, 300)),
            portfolio.SummarizePortfolioResponse(summary=figures or summary()),
        ]
        service.answers("SummarizePortfolio", lambda *_: stream)
        return service

    return lay_down


def shows(result, *texts):
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert [text for text in texts if text not in words] == [], result.stdout


def test_simulation_of_a_draft_shows_both_policies_side_by_side(almeno, simulates):
    service = simulates()
    shown = almeno(
        "simulate", "draft.toml", "--against", "2026-01", "--amount", "2,00,000", "--rate", "9", "--tenure", "36"
    )
    shows(shown, "Policy 2026-07-draft against 2026-01 on 2026-11-23", "₹2,00,000 over 36 months at 9 % a year")
    shows(shown, "Approved 214 190 −24", "Share approved 71.3 % 63.3 %", "Average rate approved 11.32 % 11.40 %")
    shows(shown, "Newly approved 3 Newly declined 27")
    shows(shown, "Amount approved ₹10,70,00,000.00 ₹9,50,00,000.00 −₹1,20,00,000.00")
    shows(shown, "Expected interest ₹3,40,00,000.00 ₹3,15,00,000.00 −₹25,00,000.00")
    shows(shown, "No schedule repays the loan 1 1 0", "51–60 71 71 0", "31 to 50 at least 12 % 92 58 63.0 %")
    shows(shown, "above 45 as asked 170 128 75.3 %", "up to 20 declined 36 0 0.0 %", "13.25 % 0 62 +62")
    shows(shown, "Loan beyond the limit 31 31 0", "2 approved at 12 %, score 48 declined, score 9: score too low")
    shows(shown, "There are more; --flips 0 shows all.", "The plots are in almeno-simulation.html")
    (request,) = service.requests["SimulatePolicy"]
    assert (request.policy, request.against_version) == (DRAFT, "2026-01")
    assert (request.loan_amount.units, request.interest_rate.value, request.tenure_months) == (200_000, "9", 36)


def test_simulation_has_terms_of_its_own_and_takes_a_version(almeno, simulates):
    service = simulates()
    shows(almeno("simulate", "--policy", "2026-07"), "₹5,00,000 over 60 months at 10.5 % a year, for every customer.")
    (request,) = service.requests["SimulatePolicy"]
    assert (request.version, request.against_version) == ("2026-07", "")
    assert (request.loan_amount.units, request.interest_rate.value, request.tenure_months) == (500_000, "10.5", 60)


def test_simulation_lists_the_flips_up_to_the_limit(almeno, simulates):
    simulates()
    assert almeno("simulate", "draft.toml", "--flips", "7").stdout.count("score 48") == 7
    everything = almeno("simulate", "draft.toml", "--flips", "0")
    assert everything.stdout.count("score 48") == 30
    assert "There are more" not in everything.stdout


def test_simulation_without_flips_says_so(almeno, simulates, folder):
    simulates(flips=[])
    shows(almeno("simulate", "draft.toml"), "No customer's answer flips.")
    assert "every customer gets the same answer" in (folder / "almeno-simulation.html").read_text(encoding="utf-8")


def test_simulation_is_json_for_programs_and_writes_no_page_unasked(almeno, simulates, folder):
    simulates()
    result = almeno("simulate", "draft.toml", "--flips", "2", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert document["summary"]["after"]["bands"][1] == {
        "above": 20, "least_rate": "13.25", "customers": 94, "approvals": 62
    }  # fmt: skip
    assert [each["customer_id"] for each in document["flips"]] == [1, 2]
    assert document["more_flips"] is True
    assert not (folder / "almeno-simulation.html").exists()
    almeno("simulate", "draft.toml", "--json", "--html", "page.html")
    assert (folder / "page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("simulate",), "either the file of a draft or --policy"),
        (("simulate", "draft.toml", "--policy", "2026-07"), "either the file of a draft or --policy"),
        (("simulate", "nowhere.toml"), "does not exist"),
        (("simulate", "binary.toml"), "not a text file"),
        (("simulate", "long.toml"), "too long for a policy"),
        (("simulate", "draft.toml", "--amount", "lots"), "--amount"),
        (("simulate", "draft.toml", "--html", "no/such/folder/page.html"), "--html"),
        (("report", "--html", "no/such/folder/page.html"), "--html"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_sent(almeno, service, folder, arguments, complaint):
    (folder / "binary.toml").write_bytes(b"\xff\xfe")
    (folder / "long.toml").write_bytes(b"#" * (64 * 1024 + 1))
    result = almeno(*arguments)
    assert result.exit_code == 2, result.output
    assert complaint in " ".join(result.stderr.split())
    assert not service.requests


def test_report_shows_the_book_in_figures(almeno, sums_up):
    sums_up()
    shown = almeno("report")
    shows(shown, "The book on 2026-11-23", "Customers 300", "₹3,06,60,000.00", "policy 2026-01")
    shows(shown, "Overdue ₹1,80,171.00 on 18 loans", "Gross non-performing 1.57 % of the principal")
    shows(shown, "Provision ₹3,12,720.00 under norms 2026-12", "Active 110", "Closed 34 ₹0.00")
    shows(shown, "SMA-0 9 ₹12,00,000.00 3.9 % ₹4,800.00", "Non-performing 3 ₹4,80,000.00 1.6 % ₹1,92,000.00")
    shows(shown, "Late loans, 10 of 18", "1000000003 100003 Non-performing 95 ₹10,003.00 ₹1,60,000.00")
    shows(shown, "almeno late shows more of them.")
    shows(shown, "Jul 2026 0 ₹0.00 0 ₹0.00", "Nov 2026 11 ₹11,00,000.00 110 ₹2,75,000.00")
    shows(shown, "Total 25 ₹25,00,000.00 250 ₹6,25,000.00", "Total 110 ₹3,06,60,000.00 100.0 % ₹3,12,720.00")
    assert "1000000011" not in shown.stdout
    shows(shown, "2023 45 ₹1,46,40,000.00 ₹21,56,000.00 14.7 %", "51–60 71 23.7 %", "nothing 120 40.0 %")
    shows(shown, "Nov 2026 31 1 96.9 %", "Jun 2026 5 4", "The plots are in almeno-report.html")


def test_report_is_json_for_programs(almeno, sums_up, folder):
    sums_up()
    document = json.loads(almeno("report", "--json").stdout)
    assert document["summary"]["loans_by_class"][4] == {
        "asset_class": "NON_PERFORMING", "loans": 3, "outstanding_principal": "480000.00", "provision": "192000.00"
    }  # fmt: skip
    assert document["summary"]["gross_non_performing_ratio"] == "1.57"
    assert len(document["summary"]["late_loans"]) == document["summary"]["late_loan_count"] == 18
    assert document["summary"]["outstanding_principal"] == "30660000.00"
    assert not (folder / "almeno-report.html").exists()


def test_late_loans_are_listed_up_to_the_limit(almeno, sums_up):
    sums_up()
    shown = almeno("late", "--limit", "3")
    shows(shown, "Late loans, 3 of 18", "1000000001 100001 Non-performing 400 ₹10,001.00 ₹1,60,000.00")
    shows(shown, "₹1,80,171.00 is overdue on 18 loans on 2026-11-23.", "There are more; --limit 0 shows all.")
    assert "1000000004" not in shown.stdout
    everything = almeno("late", "--limit", "0")
    shows(everything, "Late loans Loan Customer", "1000000018 100018 SMA-0 21")
    assert "There are more" not in everything.stdout


@pytest.mark.parametrize("command", [("report",), ("simulate", "draft.toml")])
@pytest.mark.parametrize("output", [None, "tsv", "csv", "json"])
def test_report_for_programs_writes_its_page_only_where_html_says(almeno, sums_up, simulates, folder, command, output):
    sums_up()
    simulates()
    almeno(*command, output=output)
    assert [file.name for file in folder.iterdir()] == ["draft.toml"]
    result = almeno(*command, "--html", "page.html", output=output)
    assert (folder / "page.html").exists()
    assert ("The page is page.html\n" in result.stderr) == (output != "json")


def test_late_loans_are_json_for_programs(almeno, sums_up):
    sums_up(summary(late_loan_count=1200))
    document = json.loads(almeno("late", "--limit", "2", "--json").stdout)
    assert (document["late_loan_count"], document["overdue_amount"], document["more"]) == (1200, "180171.00", True)
    assert document["business_date"] == "2026-11-23"
    assert [each["days_past_due"] for each in document["late_loans"]] == [400, 200]
    assert document["late_loans"][0]["asset_class"] == "NON_PERFORMING"
    assert json.loads(almeno("late", "--limit", "0", "--json").stdout)["more"] is True


def test_book_without_a_late_loan_says_so(almeno, sums_up):
    sums_up(summary(late_loans=[], late_loan_count=0))
    shows(almeno("late"), "No loan is late on 2026-11-23.")
    assert almeno("late", output="csv").stdout.startswith("loan_id,customer_id,")


def test_class_that_is_newer_than_the_client_is_shown_as_another(almeno, sums_up):
    figures = summary()
    figures.loans_by_class.add(asset_class=17, loans=5)
    sums_up(figures)
    shows(almeno("report"), "Another class 5 ₹0.00")


def test_tables_fit_a_terminal_of_80_columns(almeno, simulates, sums_up):
    simulates()
    sums_up()
    for arguments in (("report",), ("late",), ("simulate", "draft.toml")):
        assert max(map(len, almeno(*arguments, width=80).stdout.splitlines())) <= 80


def test_pages_need_nothing_from_anywhere_else(almeno, simulates, sums_up, folder):
    simulates()
    sums_up()
    almeno("simulate", "draft.toml")
    almeno("report")
    for name in ("almeno-simulation.html", "almeno-report.html"):
        page = Page((folder / name).read_text(encoding="utf-8"))
        assert not [tag for tag, attributes in page.elements if {"src", "href"} & set(attributes)], name
        policies = [
            attributes["content"]
            for tag, attributes in page.elements
            if attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        assert len(policies) == 1
        assert policies[0].startswith("default-src 'none'")


def test_page_has_a_plot_and_its_table_for_each_question(almeno, simulates, sums_up, folder):
    simulates()
    sums_up()
    almeno("simulate", "draft.toml")
    almeno("report")
    simulated = Page((folder / "almeno-simulation.html").read_text(encoding="utf-8"))
    assert simulated.plots() == [f"plot-{number}" for number in range(1, 7)]
    assert {"214 → 190", "−24 customers", "63.3 %", "was 71.3 %"} <= set(simulated.cells), "tiles"
    assert {"46–50", "above 45", "13.25 %", "Loan beyond the limit", "−23"} <= set(simulated.cells)
    book = Page((folder / "almeno-report.html").read_text(encoding="utf-8"))
    assert book.plots() == [f"plot-{number}" for number in range(1, 9)]
    assert {"₹3.07 crore", "₹3,06,60,000.00", "Gross NPA ratio", "1.57 %", "₹4,80,000.00", "on 18 late loans"} <= set(
        book.cells
    ), "tiles"
    assert {"Non-performing", "SMA-2", "1000000018", "2024", "₹1,94,36,000.00", "above 100 %", "Sep 2026"} <= set(
        book.cells
    )


def test_page_on_an_empty_book_says_what_there_is_not(almeno, sums_up, folder):
    nothing = {"loans_by_class": [], "loans_by_state": [], "late_loans": [], "late_loan_count": 0}
    nothing |= {"gross_non_performing_ratio": None, "overdue_amount": None, "provision": None}
    sums_up(summary(customers=0, loans=0, vintages=[], scores=[], decisions=[], **nothing))
    assert almeno("report").exit_code == 0
    text = (folder / "almeno-report.html").read_text(encoding="utf-8")
    assert "There are no loans yet." in text
    assert "No instalment is overdue." in text
    assert "Nothing has been decided here yet" in text
    assert "NaN" not in Page(text).cells


def test_year_without_a_payment_has_a_sentence_and_no_plot_of_nothing(almeno, sums_up, folder):
    amounts = {"disbursed_amount": rupees(5_000), "collected_amount": rupees(0)}
    sums_up(summary(cash=[portfolio_pb2.MonthOfCash(year=2020, month=3, disbursements=1, **amounts)]))
    assert almeno("report").exit_code == 0
    text = (folder / "almeno-report.html").read_text(encoding="utf-8")
    assert "Nothing has been disbursed or repaid here in the last 12 months." in text
    assert "Amount, ₹" not in text
    months = rows_of(folder / "almeno-report-tables" / "disbursements-and-collections-by-month.csv")
    assert (months[0]["Month"], months[0]["Disbursed"]) == ("Mar 2020", "5000.00")


def test_page_without_a_customer_draws_no_axis_of_nothing(almeno, sums_up, simulates, folder):
    empty = {"loans_by_state": [], "late_loans": [], "late_loan_count": 0, "cash": []}
    figures = summary(customers=0, loans=0, vintages=[], scores=[], decisions=[], emi_burden=[], **empty)
    for entry in figures.loans_by_class:
        entry.loans = 0
        entry.outstanding_principal.CopyFrom(rupees(0))
    sums_up(figures)
    assert almeno("report").exit_code == 0
    assert Page((folder / "almeno-report.html").read_text(encoding="utf-8")).plots() == []
    nobody = simulation()
    for policy in (nobody.before, nobody.after):
        policy.approvals = 0
    simulates(nobody)
    assert almeno("simulate", "draft.toml").exit_code == 0
    text = (folder / "almeno-simulation.html").read_text(encoding="utf-8")
    assert "plot-1" not in Page(text).plots()


def test_heading_breaks_at_its_spaces_alone(almeno, sums_up, folder):
    sums_up()
    almeno("report")
    text = (folder / "almeno-report.html").read_text(encoding="utf-8")
    assert "<span>SMA-0,</span> <span>0–29</span> days</th>" in text
    assert "thead span { white-space: nowrap; }" in text


def test_version_of_a_draft_is_shown_as_text_whatever_it_says(almeno, simulates, folder):
    figures = simulation()
    figures.after.policy_version = "</script><script>alert(1)</script>"
    simulates(figures)
    assert almeno("simulate", "draft.toml").exit_code == 0
    text = (folder / "almeno-simulation.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "</script><script>" not in text
    # The plots' words may carry tags, as the plotting library has it: the draft's must not be among them.
    assert "\\u003cscript" not in text


def test_two_policies_of_one_version_are_told_apart(almeno, simulates):
    figures = simulation()
    figures.after.policy_version = "2026-01"
    simulates(figures)
    shows(almeno("simulate", "draft.toml"), "Policy 2026-01, tried against 2026-01, before")


def test_page_is_written_over_a_page(almeno, sums_up, folder):
    sums_up()
    for _ in range(2):
        assert almeno("report").exit_code == 0
    assert {file.name for file in folder.glob("*report*")} == {"almeno-report.html", "almeno-report-tables"}
    assert not [*folder.glob(".*"), *(folder / "almeno-report-tables").glob(".*")]


def rows_of(file):
    """A file of CSV: its rows by heading."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def test_figures_of_every_table_are_plain_numbers_in_files_beside_the_page(almeno, sums_up, folder):
    sums_up()
    shows(almeno("report", "--html", "book.html"), "The tables are in book-tables")
    classes = rows_of(folder / "book-tables" / "active-loans-by-asset-class.csv")
    assert [each["Class"] for each in classes] == ["Standard", "SMA-0", "SMA-1", "SMA-2", "Non-performing", "Total"]
    assert classes[-2] == {
        "Class": "Non-performing", "Loans": "3", "Outstanding": "480000.00", "Share, %": "1.6", "Provision": "192000.00"
    }  # fmt: skip
    assert [classes[-1][name] for name in ("Loans", "Outstanding", "Provision")] == ["110", "30660000.00", "312720.00"]
    late = rows_of(folder / "book-tables" / "late-loans.csv")
    assert [len(late), late[-1]["Overdue"]] == [19, "180171.00"]
    page = (folder / "book.html").read_text(encoding="utf-8")
    assert len(list((folder / "book-tables").iterdir())) == page.count("<table>")


def test_provenance_tells_when_and_of_which_service_and_rules(almeno, sums_up, simulates, folder):
    sums_up(summary(policy_sha256="ab" * 32, norms_sha256="cd" * 32, server_version="0.9"))
    simulates()
    almeno("report")
    facts = {row["Fact"]: row["Value"] for row in rows_of(folder / "almeno-report-tables" / "provenance.csv")}
    assert datetime.fromisoformat(facts["Written"]).tzinfo is not None
    assert facts["Service"].startswith("unix:")
    assert (facts["Business date"], facts["Policy"], facts["Version of the service"]) == (
        "2026-11-23", "2026-01", "0.9"
    )  # fmt: skip
    assert (facts["SHA-256 of the policy"], facts["SHA-256 of the norms"]) == ("ab" * 32, "cd" * 32)
    # A service that is older than this client has not told.
    almeno("simulate", "draft.toml")
    facts = {row["Fact"]: row["Value"] for row in rows_of(folder / "almeno-simulation-tables" / "provenance.csv")}
    assert facts["SHA-256 of the policy after"] == "not told by the service"
    assert facts["Asked for"] == "₹5,00,000 over 60 months at 10.5 % a year"


def test_every_flip_is_in_a_file_whatever_the_limit_of_the_table(almeno, simulates, folder):
    simulates()
    almeno("simulate", "draft.toml", "--flips", "2")
    flips = rows_of(folder / "almeno-simulation-tables" / "flips.csv")
    assert [each["customer_id"] for each in flips] == [str(number) for number in range(1, 31)]
    assert flips[0] == {
        "customer_id": "1",
        "before_approved": "true", "before_score": "48", "before_rate": "12", "before_reasons": "",
        "after_approved": "false", "after_score": "9", "after_rate": "10.5", "after_reasons": "CREDIT_SCORE_TOO_LOW",
    }  # fmt: skip
    assert not (folder / "almeno-simulation-tables" / "customers-whose-answer-flips.csv").exists()


@pytest.mark.parametrize("command", [("report",), ("simulate", "draft.toml")])
def test_page_and_tables_are_their_owners_alone(almeno, simulates, sums_up, folder, command):
    simulates()
    sums_up()
    before = os.umask(0o022)
    try:
        assert almeno(*command, "--html", "book.html").exit_code == 0
    finally:
        os.umask(before)
    tables = folder / "book-tables"
    assert stat.S_IMODE(tables.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (folder / "book.html", *tables.iterdir())} == {0o600}


@pytest.mark.parametrize("command", [("report",), ("simulate", "draft.toml")])
def test_folder_of_something_else_is_never_written_to(almeno, simulates, sums_up, folder, command):
    service = simulates()
    sums_up()
    (folder / "book-tables").mkdir()
    (folder / "book-tables" / "flips.csv").write_text("mine")
    result = almeno(*command, "--html", "book.html")
    assert result.exit_code == 2
    assert "has no tables of almeno" in " ".join(result.stderr.split())
    assert (folder / "book-tables" / "flips.csv").read_text() == "mine"
    assert not (folder / "book.html").exists()
    assert not service.requests


def test_simulation_that_fails_leaves_no_file_behind(almeno, simulates, folder):
    simulates()
    almeno("simulate", "draft.toml", "--policy", "2026-07")
    assert sorted(file.name for file in folder.iterdir()) == ["draft.toml"]


@pytest.mark.parametrize(("largest", "ticks"), [(0, [0]), (1, [0, 1]), (3, [0, 1, 2, 3]), (70, [0, 20, 40, 60, 80])])
def test_counts_are_marked_at_whole_numbers(largest, ticks):
    assert count_ticks(largest)["tickvals"] == ticks
    assert count_ticks(120_000)["ticktext"][-1] == "1,50,000"


@pytest.mark.parametrize("command", [("report",), ("simulate", "draft.toml"), ("--json", "report")])
def test_file_that_is_no_page_is_never_overwritten_unasked(almeno, sums_up, folder, command):
    service = sums_up()
    other = folder / "customers.csv"
    other.write_text("<!DOCTYPE html><html>of another program's")
    result = almeno(*command, "--html", "customers.csv")
    assert result.exit_code == 2
    assert "no page of almeno" in " ".join(result.stderr.split())
    assert other.read_text() == "<!DOCTYPE html><html>of another program's"
    assert not service.requests


@pytest.mark.parametrize("answer", [True, False])
def test_person_is_asked_before_a_file_is_overwritten(almeno, sums_up, folder, monkeypatch, answer):
    sums_up()
    (folder / "old.html").write_text("old")
    asked = []
    monkeypatch.setattr("almeno_client.cli.page_files.is_interactive", lambda: True)
    monkeypatch.setattr(
        "almeno_client.cli.page_files.typer.confirm", lambda text, **_: bool(asked.append(text)) or answer
    )
    result = almeno("report", "--html", "old.html")
    assert (result.exit_code, len(asked)) == ((0, 1) if answer else (2, 1))
    assert ("<!DOCTYPE html>" in (folder / "old.html").read_text(encoding="utf-8")) == answer


@pytest.mark.parametrize("target", ["a page", "another file", "nothing"])
def test_page_is_never_written_through_a_symbolic_link(almeno, sums_up, folder, target):
    sums_up()
    almeno("report", "--html", "target")
    if target != "a page":
        (folder / "target").unlink()
    if target == "another file":
        (folder / "target").write_text("kept")
    before = (folder / "target").read_bytes() if target != "nothing" else None
    (folder / "link.html").symlink_to("target")
    result = almeno("report", "--html", "link.html")
    assert result.exit_code == 2
    assert "symbolic link" in result.stderr
    assert (folder / "target").read_bytes() == before if before else not (folder / "target").exists()


@pytest.mark.parametrize("special", ["/dev/null", "/dev/stdout"])
def test_page_is_written_to_files_only(almeno, sums_up, special):
    sums_up()
    assert almeno("report", "--html", special).exit_code == 2


@pytest.mark.parametrize("command", [("report",), ("simulate", "draft.toml"), ("--json", "report")])
def test_page_that_cannot_be_drawn_is_refused_before_the_work_and_says_what_to_install(
    almeno, sums_up, folder, monkeypatch, command
):
    service = sums_up()
    monkeypatch.setitem(sys.modules, "plotly", None)
    result = almeno(*command, "--html", "page.html")
    assert result.exit_code == 2
    assert "pip install 'almeno-grpc[report]'" in " ".join(result.stderr.replace("│", "").split())
    assert not (folder / "page.html").exists()
    assert not service.requests


def test_report_without_the_plotting_shows_its_tables_and_says_what_to_install(almeno, sums_up, folder, monkeypatch):
    sums_up()
    monkeypatch.setitem(sys.modules, "plotly", None)
    result = almeno("report")
    assert result.exit_code == 0
    assert "Gross non-performing" in result.stdout
    assert "pip install 'almeno-grpc[report]'" in result.stderr
    assert not list(folder.glob("*.html"))
    assert almeno("--json", "report").stderr == ""
