"""Real servers: each a process tree of its own, on a free port of the loopback interface and a database in a folder."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc

from almeno_grpc.api import credit_service_pb2_grpc, portfolio_service_pb2_grpc

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
SAMPLE_BOOK = ("--load-customers", f"{ROOT}/data/customers.xlsx", "--load-loans", f"{ROOT}/data/loans.xlsx")
START_SECONDS = 60


class RunningServer:
    """A server that has been started, and the stubs to call it by."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.log_file = folder / "server.log"
        self._options = options
        self._environment = {
            **os.environ,
            "ALMENO_ADDRESS": "127.0.0.1:0",
            "ALMENO_DATABASE_URL": f"sqlite:///{folder}/almeno.db",
            **environment,
        }
        self.start()

    def start(self) -> None:
        """Starts it and waits until it serves."""
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [str(BIN / "almeno-server"), *self._options], env=self._environment, stderr=log, stdout=log
            )
        ready = self.wait_for_event("server_ready")
        self.address = str(ready["address"])
        self.metrics_address = ready["metrics_address"]
        self.channel = grpc.insecure_channel(self.address)
        self.credit = credit_service_pb2_grpc.CreditServiceStub(self.channel)
        self.portfolio = portfolio_service_pb2_grpc.PortfolioServiceStub(self.channel)

    def events(self, name: str) -> list[dict[str, object]]:
        """The log lines of an event, so far."""
        lines = self.log_file.read_text(encoding="utf-8").splitlines()
        return [line for line in map(json.loads, filter(None, lines)) if line["event"] == name]

    def wait_for_event(self, name: str) -> dict[str, object]:
        """The first log line of an event; fails when the server ends, or it takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not self.log_file.read_bytes().endswith(b"\n") or not self.events(name):
            assert self.process.poll() is None, f"the server ended: {self.log_file.read_text()}"
            assert time.monotonic() < deadline, f"no {name} in time: {self.log_file.read_text()}"
            time.sleep(0.05)
        return self.events(name)[0]

    def children(self, prefix: str) -> list[int]:
        """The ids of the running processes with a role such as `rpc` or `import`, as the log tells them."""
        started: dict[str, int] = {}
        for event in ("process_started", "process_restarted"):
            for line in self.events(event):
                started[str(line["process"])] = int(str(line["process_pid"]))
        return [process_id for role, process_id in started.items() if role.startswith(prefix)]

    def stop(self) -> int:
        """Ends it as an operator would; gives its exit code."""
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """Ends the supervisor as a crash would; its processes notice by themselves."""
        self.channel.close()
        self.process.kill()
        self.process.wait(30)
