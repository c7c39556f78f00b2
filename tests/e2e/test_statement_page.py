"""The page of a statement of account in a real browser: how it prints."""

import re
from pathlib import Path

import pytest
from almeno_client.reports.statement_page import statement_page
from almeno_client.statements import statement_of
from support.browser import OpenedPage
from support.statement_messages import statement

pytestmark = pytest.mark.tools


@pytest.mark.parametrize(("pairs_of_lines", "sheets"), [(0, 1), (39, 3)])
def test_statement_prints_on_sheets_of_a4_without_half_empty_ones(
    tmp_path: Path, pairs_of_lines: int, sheets: int
) -> None:
    page = OpenedPage(tmp_path / "statement.html")
    page.file.write_text(statement_page(statement_of(statement(pairs_of_lines))), encoding="utf-8")
    printed = page.printed(tmp_path / "statement.pdf")
    size = re.findall(rb"/MediaBox \[0 0 594\.9\d* 841\.9\d*\]", printed)
    assert len(size) == len(re.findall(rb"/Type /Page\b", printed)) == sheets
