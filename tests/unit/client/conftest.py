"""The stand-in for the service, behind a Unix domain socket: unit tests open no port."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fake_service import (
    FakeService,
    address,
    almeno,
    client,
    client_class,
    event_loop_thread,
    sample,
    service,
    serving,
)

__all__ = ["address", "almeno", "client", "client_class", "event_loop_thread", "sample", "service"]


@pytest.fixture(scope="session")
def stand_in() -> Iterator[tuple[FakeService, str]]:
    # The path of a socket is short: pytest's own folders can be too deep for it.
    with tempfile.TemporaryDirectory() as folder, serving(f"unix:{Path(folder) / 'service'}") as served:
        yield served
