"""An import of a made book beside the bare read of the same file."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.targets import service
from support.servers import CUSTOMERS, LOANS, ROOT, RunningServer

from almeno_grpc.api import import_pb2

BARE_READ = (
    "import sys, python_calamine as c; c.CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).to_python()"
)
MAKER = ROOT / "data" / "make_sample_book.py"


@dataclass(frozen=True)
class ImportFigures:
    """How long each took, round by round, in seconds.

    Attributes:
        database: Where the loans went.
        loans: Rows of the file.
        bare_read_seconds: A process that does no more than read the file.
        import_seconds: From the first byte of the upload to the end of the import.
    """

    database: str
    loans: int
    bare_read_seconds: Sequence[float]
    import_seconds: Sequence[float]

    def line(self) -> str:
        """The medians in a line."""
        pairs = zip(self.import_seconds, self.bare_read_seconds, strict=True)
        ratio = statistics.median(whole / read for whole, read in pairs)
        read, whole = statistics.median(self.bare_read_seconds), statistics.median(self.import_seconds)
        return (
            f"{self.database}: import of {self.loans:,} loans {whole:.2f} s, "
            f"bare read of the file {read:.2f} s, ratio {ratio:.2f}"
        )


def make_book(folder: Path, customers: int, loans: int) -> tuple[Path, Path]:
    """Makes a book: the files of its customers and of its loans."""
    options = ("--folder", str(folder), "--customers", str(customers), "--loans", str(loans))
    subprocess.run([sys.executable, str(MAKER), *options], check=True, capture_output=True)
    return folder / "customers.xlsx", folder / "loans.xlsx"


def measure_import(database: str, loans: int, rounds: int, folder: Path) -> ImportFigures:
    """Imports a made book into an empty database, after the bare read of its file, a few times."""
    customers, file = make_book(folder, loans // 3, loans)
    reads, imports = [], []
    for _ in range(rounds):
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", BARE_READ, str(file)], check=True)
        reads.append(time.monotonic() - started)
        with service(database) as target:
            assert target
            assert target.server
            _land(target.server, CUSTOMERS, customers)
            started = time.monotonic()
            _land(target.server, LOANS, file)
            imports.append(time.monotonic() - started)
    return ImportFigures(database, loans, reads, imports)


def _land(server: RunningServer, kind: int, file: Path) -> None:
    """Imports a file, all of it."""
    landed = server.load(kind, file.read_bytes(), file.name)
    succeeded = landed.state == import_pb2.IMPORT_STATE_SUCCEEDED
    assert succeeded, f"the import of {file.name} ended otherwise: {landed.error}"
