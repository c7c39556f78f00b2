"""The pages of `almeno report` and `almeno simulate` in a real browser, on the sample book: every plot is drawn."""

import re
from pathlib import Path

import pytest
from support.browser import WIDTH_PIXELS, OpenedPage
from support.command_line import Almeno
from support.servers import SAMPLE_BOOK, RunningServer, StartServer

pytestmark = pytest.mark.tools

# As the pages have them: the two policies, approvals and declines, a book in one colour and loans that are late.
BEFORE, AFTER, APPROVED, DECLINED, ONE, LATE = "#a3b1c2", "#1d4e89", "#2a8c7f", "#d1603d", "#3a6ea5", "#e8903a"
TABLES_WIDTH_PIXELS = 200


@pytest.fixture(scope="module")
def lender(start_shared_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Almeno:
    """The sample book, with loans asked for in two months, those of the first month two instalments behind.

    Of the book before that, in whose last year nothing was paid or decided, there is a page: quiet.html.
    """
    server = start_shared_server(*SAMPLE_BOOK, ALMENO_BUSINESS_DATE="2026-11-23")
    server.wait_for_event("import_ended", count=2)
    folder = tmp_path_factory.mktemp("reports")
    Almeno(server.address, folder).run("report", "--html", "quiet.html")
    _ask_for_loans(server, range(100_001, 100_041))
    server.stop()
    server.start(ALMENO_BUSINESS_DATE="2027-01-31")
    _ask_for_loans(server, range(100_041, 100_061))
    return Almeno(server.address, folder)


def _ask_for_loans(server: RunningServer, customers: range) -> None:
    with server.client() as client:
        for customer_id in customers:
            client.create_loan(customer_id, loan_amount=600_000, interest_rate=11, tenure_months=24)


def opened(lender: Almeno, name: str) -> OpenedPage:
    assert lender.folder is not None
    return OpenedPage(lender.folder / name)


def looked_at(page: OpenedPage, plots: int, colours: dict[str, int]) -> None:
    """Asserts that a page has so many plots, all drawn, and that its picture has enough of each colour."""
    assert list(page.plots) == [f"plot-{number}" for number in range(1, plots + 1)]
    for name, plot in page.plots.items():
        assert plot.marks, f"{name} has no marks"
        assert len(plot.words) > 4, f"{name} has no axes"
    pixels = page.pixels_by_colour(page.file.with_suffix(".png"))
    assert len(pixels) > 500, "the picture is blank, or near to it"
    assert {colour: pixels.get(colour, 0) for colour, least in colours.items() if pixels.get(colour, 0) < least} == {}


def is_fit_for_paper_and_small_screens(page: OpenedPage, max_pages: int) -> None:
    """Asserts that no word of a plot is cut or lies over another, and that paper is not half empty."""
    for width_pixels in (1280, 390):
        assert page.overlaps_and_overflows(width_pixels) == {"over": [], "cut": [], "wide": []}, width_pixels
    sheets = page.printed_pages()
    assert 1 < len(sheets) <= max_pages
    assert [(used, height) for used, height in sheets if used < height / 2] == []


def test_report_draws_every_plot(lender: Almeno) -> None:
    lender.run("report", "--html", "book.html")
    page = opened(lender, "book.html")
    looked_at(page, 8, {ONE: 50_000, LATE: 1_000, APPROVED: 10_000, DECLINED: 5_000})
    is_fit_for_paper_and_small_screens(page, max_pages=5)
    marks = {name: plot.marks for name, plot in page.plots.items()}
    # Loans and outstanding by five classes; the scores by 0 and twenty fives; a burden of nothing, ten tens and above.
    assert (marks["plot-1"], marks["plot-5"], marks["plot-6"]) == (10, 21, 12)
    # A year of disbursements and collections; two months of decisions, approved and declined.
    assert (marks["plot-4"], marks["plot-7"]) == (24, 4)
    # A plot leaves the table beside it its room; that of the vintages has its table below.
    beside = [plot for name, plot in page.plots.items() if name != "plot-3"]
    assert all(plot.width_pixels < WIDTH_PIXELS - TABLES_WIDTH_PIXELS for plot in beside)


def test_report_of_a_year_without_a_payment_is_on_three_sheets(lender: Almeno) -> None:
    is_fit_for_paper_and_small_screens(opened(lender, "quiet.html"), max_pages=3)


def test_simulation_draws_every_plot(lender: Almeno) -> None:
    assert lender.folder is not None
    policy = lender.run("policies", "2026-12", "--toml")
    draft = re.sub(r'^min_rate = "12"$', 'min_rate = "13.25"', policy, flags=re.MULTILINE)
    draft = re.sub(r"^max_emi_share_of_income = .*$", 'max_emi_share_of_income = "0.30"', draft, flags=re.MULTILINE)
    (lender.folder / "draft.toml").write_text(draft.replace('version = "2026-12"', 'version = "draft"'))
    lender.run("simulate", "draft.toml", "--html", "simulation.html")
    page = opened(lender, "simulation.html")
    looked_at(page, 6, {BEFORE: 20_000, AFTER: 20_000, APPROVED: 10_000, DECLINED: 3_000})
    is_fit_for_paper_and_small_screens(page, max_pages=3)
    assert page.plots["plot-1"].marks == 4, "amount and interest of each policy"
    assert page.plots["plot-2"].marks == 42, "21 bars for each policy"
    assert page.plots["plot-3"].marks == 16, "four bands of each policy, approved or not"


def test_browser_finds_what_a_page_may_not_fetch(tmp_path: Path, lender: Almeno) -> None:
    lender.run("report", "--html", "book.html")
    text = opened(lender, "book.html").file.read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(text.replace("</main>", '<img src="https://example.com/dot.png" alt=""></main>'), encoding="utf-8")
    with pytest.raises(AssertionError, match="Content Security Policy"):
        OpenedPage(page).plots  # noqa: B018 - opening it is the test


def test_browser_tells_an_empty_plot_from_a_drawn_one(tmp_path: Path, lender: Almeno) -> None:
    lender.run("report", "--html", "book.html")
    text = opened(lender, "book.html").file.read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(text.replace("Plotly.newPlot(", "void("), encoding="utf-8")
    assert sum(plot.marks for plot in OpenedPage(page).plots.values()) == 0
