"""What a service manager such as systemd is told by the server that it has started."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.toy_server import ToyServer

from almeno_grpc.serving.service_manager import ServiceManager


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    # The path of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(Path(folder) / "notify"))
        listening.settimeout(20)
        yield listening


def test_manager_is_told_when_the_server_serves_that_it_lives_and_that_it_stops(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    server = ToyServer(tmp_path / "server", "--business-date=2026-03-31", "--workers=1")
    try:
        told = manager.recv(4096).decode()
        # Not before it serves, which takes it a while.
        while told == "WATCHDOG=1":
            told = manager.recv(4096).decode()
        server.wait_until_ready()
        assert told == f"READY=1\nSTATUS=serving on {server.address}, business date 2026-03-31"
        assert manager.recv(4096) == b"WATCHDOG=1"
        assert server.stop() == 0
        manager.settimeout(0)
        rest = [told]
        while rest[-1] != "STOPPING=1\nSTATUS=stopping":
            rest.append(manager.recv(4096).decode())
    finally:
        server.close()


def test_manager_that_is_gone_or_does_not_read_holds_nobody_up(manager: socket.socket, tmp_path: Path) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell_ready("serving")
    ServiceManager({}).tell_ready("serving")
    deaf = ServiceManager({"NOTIFY_SOCKET": manager.getsockname()})
    for _ in range(1000):
        deaf.tell_stopping()


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="only Linux has abstract sockets")
def test_manager_may_listen_on_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0almeno-test-{os.getpid()}")
        listening.settimeout(5)
        ServiceManager({"NOTIFY_SOCKET": f"@almeno-test-{os.getpid()}"}).tell_ready("serving")
        assert listening.recv(100) == b"READY=1\nSTATUS=serving"
