"""What all tests share: where the real book lies, and that nothing is skipped where nothing may be."""

import os
from pathlib import Path

import pytest
from support.divided_tables import ReadStatements

ROOT = Path(__file__).parent.parent

# Read when gRPC is imported. Tests start programs while calls are under way: gRPC would halt its threads before each
# fork, and has aborted then.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

_STATEMENTS = ReadStatements()
_STATEMENTS.listen()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Fails a test in which, or since the last one, a statement joins tables that divide by different columns."""
    del item
    answer = yield
    _STATEMENTS.refuse_joins()
    return answer


@pytest.fixture(scope="session")
def read_statements() -> ReadStatements:
    """The statements that this process has executed."""
    return _STATEMENTS


@pytest.fixture(scope="session")
def real_book() -> Path:
    """The folder of the real book, which is not part of the project."""
    folder = Path(os.environ.get("ALMENO_BOOK") or ROOT.parent / "shared" / "book")
    if not (folder / "loan_data.xlsx").is_file():
        pytest.skip("the real book is not here; ALMENO_BOOK names its folder")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Where ALMENO_SKIP_NOTHING is set, a skipped test is a failed one; an expected failure is not skipped."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("ALMENO_SKIP_NOTHING"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which is not allowed here: {report.longrepr}"
    return report
