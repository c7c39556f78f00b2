"""A process of the server, as the supervisor sees it: started, monitored, and restarted with backoff when it dies."""

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping

from almeno_grpc.logs import log_event
from almeno_grpc.serving.control_channel import ALIVE, QUESTION, READY

MAX_FAILED_STARTS = 5
"""Ends in a row before being ready, after which the server gives up."""
KILLED = {-signal.SIGKILL, -signal.SIGTERM}
"""Exit codes of processes that others have killed; these are no failed starts."""
MIN_UPTIME_SECONDS = 10.0
"""A process that dies earlier makes the delay before the next start longer."""
INITIAL_BACKOFF_SECONDS = 0.05
MAX_UNANSWERED = 6
"""Questions of the supervisor, at two a second, that a process may be too busy to answer and is still said to serve."""
MAX_BACKOFF_DOUBLINGS = 5
"""The delay doubles with each such death in a row: up to 1.6 seconds."""


class WorkerProcess:
    """One process of the server.

    Attributes:
        role: What the process does: `rpc-0`, `rpc-1`, …, `import`.
        is_ready: Whether the process has reported that it is ready.
        is_killed: Whether the process was sent SIGKILL.
        failed_starts: Ends in a row before the process was ready, by its own doing.
        restarts: How often a process was started again here.
        unanswered: Questions since the process has last said something.
    """

    def __init__(self, role: str, bootstrap: str, environment: Mapping[str, str]) -> None:
        self.role = role
        self.is_ready = False
        self.is_killed = False
        self.failed_starts = 0
        self.unanswered = 0
        self.restarts = -1
        self.start_at_seconds = 0.0
        self._bootstrap = bootstrap
        self._environment = dict(environment)
        self._sign = b""
        self._early_deaths = 0
        self._started_at_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process was started and is not known to have died; see `reap`."""
        return self._process is not None

    @property
    def is_serving(self) -> bool:
        """Whether the process has said lately that it can do all that it is for."""
        return self.is_ready and self._sign == ALIVE and self.unanswered <= MAX_UNANSWERED

    @property
    def process_id(self) -> int | None:
        """The id of the process; None while there is none."""
        return self._process.pid if self._process else None

    def start(self, selector: selectors.BaseSelector) -> None:
        """Starts the process; its control channel is registered with the selector."""
        self._started_at_seconds = time.monotonic()
        channel, theirs = socket.socketpair()
        channel.setblocking(False)
        module = f"almeno_grpc.serving.{self.role.partition('-')[0]}_process"
        try:
            with theirs:
                self._process = subprocess.Popen(
                    # -P: the working directory is the database's place, not one to import from.
                    [sys.executable, "-P", "-m", module, self.role, str(theirs.fileno()), self._bootstrap],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    # A process group of its own: an interrupt from the terminal is the supervisor's to act on.
                    process_group=0,
                )
        except OSError as error:
            # No memory or no process to be had. The processes that run go on meanwhile.
            log_event("process_not_started", logging.ERROR, process=self.role, error=error)
            channel.close()
            self._plan_next_start()
            return
        self._channel = channel
        self.is_killed, self.unanswered = False, 0
        selector.register(channel, selectors.EVENT_READ, self)
        self.restarts += 1
        event = "process_restarted" if self.restarts else "process_started"
        log_event(event, process=self.role, process_pid=self._process.pid)

    def read(self, selector: selectors.BaseSelector) -> None:
        """Reads the control channel."""
        if self._channel is None:
            return
        try:
            received = self._channel.recv(256)
        except BlockingIOError:
            return
        except ConnectionError:
            received = b""
        if not received:
            # The process is ending; `reap` will find it dead.
            selector.unregister(self._channel)
            return
        self.unanswered = 0
        self._sign = received[-1:]
        if READY in received:
            self.is_ready = True
            self.failed_starts = 0

    def ask(self) -> None:
        """Asks the process for a sign of life, which `read` will read."""
        self.unanswered += 1
        if self._channel is not None:
            # One that reads nothing fills the channel sooner or later, one that ends has closed it.
            with contextlib.suppress(OSError):
                self._channel.send(QUESTION)

    def reap(self, selector: selectors.BaseSelector) -> int | None:
        """Looks whether the process has died.

        Returns:
            Its exit code, negative for a signal; None when it is alive or there is none.
        """
        if self._process is None or (code := self._process.poll()) is None:
            return None
        # What it has started may have outlived it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._channel is not None:
            with contextlib.suppress(KeyError):
                selector.unregister(self._channel)
            self._channel.close()
        if not self.is_ready and code not in KILLED:
            self.failed_starts += 1
        self.is_ready, self._process, self._channel = False, None, None
        self._plan_next_start()
        return code

    def _plan_next_start(self) -> None:
        """Sets the time of the next start, by exponential backoff."""
        now = time.monotonic()
        self._early_deaths = 0 if now - self._started_at_seconds > MIN_UPTIME_SECONDS else self._early_deaths + 1
        delay_seconds = INITIAL_BACKOFF_SECONDS * 2 ** min(self._early_deaths, MAX_BACKOFF_DOUBLINGS)
        self.start_at_seconds = now + delay_seconds

    def terminate(self) -> None:
        """Sends SIGTERM; at the second one the process stops without draining."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """Sends SIGKILL to the process group: the process and those it has started."""
        if self._process is not None:
            self.is_killed = True
            log_event("process_killed", process=self.role, process_pid=self._process.pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
