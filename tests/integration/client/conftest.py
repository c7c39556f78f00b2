"""The stand-in for the service, behind a port."""

from collections.abc import Iterator

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
    with serving("127.0.0.1:0") as served:
        yield served
