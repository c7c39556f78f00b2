"""Fixtures: servers that end with the tests they are for."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import (
    SAMPLE_BOOK,
    SEVERAL_PROCESSES,
    RunningServer,
    StartServer,
    make_sample_database,
)

BUSINESS_DATE = "2026-04-10"
SAMPLE_DATE = "2026-12-10"
"""The figures of the documents are of this day; as the loans of the sample book end, they change."""
FILES_DATE = "2026-11-23"
"""Of a server that has loaded the files of the sample book, and nothing else has happened."""


@contextlib.contextmanager
def _servers(folders: pytest.TempPathFactory) -> Iterator[StartServer]:
    running: list[RunningServer] = []

    def start(*options: str, book: Path | None = None, **environment: str) -> RunningServer:
        folder = folders.mktemp("server")
        if book is not None:
            shutil.copy(book, folder / "almeno.db")
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
def new_files_server(start_server: StartServer) -> RunningServer:
    """A server with the files of the sample book loaded, for one test: numbers are given out from the first."""
    return _with_files(start_server)


@pytest.fixture(scope="module")
def files_server(start_shared_server: StartServer) -> RunningServer:
    """A server with the files of the sample book loaded, for the tests of a module that know what is in them."""
    return _with_files(start_shared_server)


def _with_files(start: StartServer) -> RunningServer:
    server = start(*SAMPLE_BOOK, ALMENO_BUSINESS_DATE=FILES_DATE, ALMENO_METRICS_ADDRESS="127.0.0.1:0")
    server.wait_for_event("import_ended", count=2)
    return server


@pytest.fixture(scope="session")
def sample_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of `make run`, as it is made on `SAMPLE_DATE`; to be copied."""
    file = tmp_path_factory.mktemp("sample") / "almeno.db"
    make_sample_database(file, SAMPLE_DATE)
    return file


@pytest.fixture(scope="module")
def sample_server(start_shared_server: StartServer, sample_database: Path) -> RunningServer:
    """A server with the sample book as `make run` has it, and with metrics, for the tests of a module."""
    return start_shared_server(
        book=sample_database,
        ALMENO_BUSINESS_DATE=SAMPLE_DATE,
        ALMENO_METRICS_ADDRESS="127.0.0.1:0",
    )
