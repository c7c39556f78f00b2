"""Books made to measure with, and the bare read of their files."""

import subprocess
import sys
from pathlib import Path

from support.servers import ROOT

BARE_READ = (
    "import sys, python_calamine as c; c.CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).to_python()"
)
MAKER = ROOT / "data" / "make_sample_book.py"


def make_book(folder: Path, customers: int, loans: int) -> tuple[Path, Path]:
    """Makes a book: the files of its customers and of its loans."""
    options = ("--folder", str(folder), "--customers", str(customers), "--loans", str(loans))
    subprocess.run([sys.executable, str(MAKER), *options], check=True, capture_output=True)
    return folder / "customers.xlsx", folder / "loans.xlsx"
