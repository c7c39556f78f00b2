"""Fixtures: servers that end with the tests they are for."""

import contextlib
from collections.abc import Iterator

import pytest
from support.servers import SAMPLE_BOOK, SEVERAL_PROCESSES, RunningServer, StartServer

BUSINESS_DATE = "2026-04-10"
SAMPLE_DATE = "2026-11-23"
"""The figures of the documents are of this day; as the loans of the sample book end, they change."""


@contextlib.contextmanager
def _servers(folders: pytest.TempPathFactory) -> Iterator[StartServer]:
    running: list[RunningServer] = []

    def start(*options: str, **environment: str) -> RunningServer:
        folder = folders.mktemp("server")
        running.append(RunningServer(folder, *options, **{"ALMENO_BUSINESS_DATE": BUSINESS_DATE} | environment))
        return running[-1]

    try:
        yield start
    finally:
        for server in running:
            if server.process.poll() is None:
                # Tests of a stop have stopped theirs; to drain would take half a second for each of the others.
                server.kill_all()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests have noted as their properties, such as how much they have tried."""
    reports = [
        report for outcome in ("passed", "failed", "xfailed") for report in terminalreporter.stats.get(outcome, [])
    ]
    noted = [note for report in reports if report.when == "call" for note in report.user_properties]
    if noted:
        terminalreporter.section("what was tried")
        for name, value in noted:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts servers for one test, each with a book of its own and 10 April 2026 as today."""
    with _servers(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="module")
def start_shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts servers that the tests of a module share."""
    with _servers(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server for all tests that look at their own customers only, whatever else is in the book."""
    with _servers(tmp_path_factory) as start:
        yield start(**SEVERAL_PROCESSES)


@pytest.fixture
def new_sample_server(start_server: StartServer) -> RunningServer:
    """A server with the sample book loaded, for one test: numbers are given out from the first."""
    return _with_sample_book(start_server)


@pytest.fixture(scope="module")
def sample_server(start_shared_server: StartServer) -> RunningServer:
    """A server with the sample book loaded, and with metrics, for the tests of a module."""
    return _with_sample_book(start_shared_server)


def _with_sample_book(start: StartServer) -> RunningServer:
    server = start(*SAMPLE_BOOK, ALMENO_BUSINESS_DATE=SAMPLE_DATE, ALMENO_METRICS_ADDRESS="127.0.0.1:0")
    server.wait_for_event("import_ended", count=2)
    return server
