"""The service manager that has started the server, such as systemd: told how it is by datagrams, as in sd_notify(3)."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

SOCKET = "NOTIFY_SOCKET"
WATCHDOG_PERIOD = "WATCHDOG_USEC"


class ServiceManager:
    """Tells the manager named by the environment; nobody where it names none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get(SOCKET, "")
        # An abstract socket is written with @ in the place of its null byte.
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        period = environment.get(WATCHDOG_PERIOD, "")
        self._period_seconds = int(period) / 1_000_000 if period.isdecimal() else None
        self._alive_at_seconds = 0.0

    def tell_ready(self, status: str) -> None:
        """Tells that the server serves, and what the manager shows as its status."""
        self._tell("READY=1", f"STATUS={status}")

    def tell_stopping(self) -> None:
        """Tells that the server stops."""
        self._tell("STOPPING=1", "STATUS=stopping")

    def tell_alive(self) -> None:
        """Tells that the supervisor does not hang, where the manager watches it, twice in its period."""
        now = time.monotonic()
        if self._period_seconds is not None and now >= self._alive_at_seconds:
            self._alive_at_seconds = now + self._period_seconds / 2
            self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        # A manager that is gone or does not read is no reason to serve nobody.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messenger:
            messenger.setblocking(False)
            messenger.sendto("\n".join(lines).encode(), self._address)
