"""Fixtures: servers that end with their test."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.servers import SAMPLE_BOOK, START_SECONDS, RunningServer


@pytest.fixture
def run_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Starts servers on the test's own database."""
    running: list[RunningServer] = []

    def run(*options: str, **environment: str) -> RunningServer:
        running.append(RunningServer(tmp_path, *options, **environment))
        return running[-1]

    yield run
    for server in running:
        server.stop()


@pytest.fixture(scope="module")
def sample_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the sample book loaded, for the tests of a module."""
    server = RunningServer(tmp_path_factory.mktemp("sample"), *SAMPLE_BOOK)
    deadline = time.monotonic() + START_SECONDS
    while len(server.events("import_ended")) < 2:
        assert time.monotonic() < deadline, f"the sample book was not loaded: {server.log_file.read_text()}"
        time.sleep(0.1)
    yield server
    server.stop()
