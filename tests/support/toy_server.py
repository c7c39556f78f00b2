"""The server's processes, started for real on free ports, with the application of `toy_bootstrap`."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import grpc

from almeno_grpc.api import credit_service_pb2, credit_service_pb2_grpc
from support.servers import eventually

PROGRAM = """
import os, sys
from almeno_grpc.config import settings_from_command_line
from almeno_grpc.serving.supervisor import Supervisor
sys.exit(Supervisor(settings_from_command_line(sys.argv[1:], os.environ), "toy_bootstrap").run())
"""


class ToyServer:
    """A server with two processes for calls, and what it has written to its log."""

    def __init__(self, folder: Path, *arguments: str, broken: str = "") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        environment = {name: text for name, text in os.environ.items() if not name.startswith("ALMENO_")}
        environment |= {
            "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))),
            "TOY_FOLDER": str(folder),
            "TOY_BROKEN": broken,
            "TMPDIR": str(folder),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--address=127.0.0.1:0", "--workers=2", "--drain-seconds=3", *arguments],
            env=environment,
            stderr=subprocess.PIPE,
        )
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == name]

    def wait_until_ready(self) -> "ToyServer":
        eventually(lambda: self.events("server_ready") or self.process.poll() is not None, seconds=20)
        assert self.events("server_ready"), self.lines
        return self

    @property
    def address(self) -> str:
        return str(self.events("server_ready")[0]["address"])

    def channel(self) -> grpc.Channel:
        # Connections of their own, rather than one that all channels of the test share.
        return grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)])

    def http_get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.events("server_ready")[0]["metrics_address"], timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def process_ids(self, role: str) -> list[int]:
        started = self.events("process_started") + self.events("process_restarted")
        return [line["process_pid"] for line in started if line["process"] == role]

    def notes(self, name: str) -> list[Path]:
        return list(self.folder.glob(f"{name}-[0-9]*"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(20)
        self._reader.join(10)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self._reader.join(15)
        assert self.process.stderr is not None
        self.process.stderr.close()


def process_that_answers(channel: grpc.Channel, milliseconds: int = 1) -> int:
    request = credit_service_pb2.GetCustomerRequest(customer_id=milliseconds)
    response = credit_service_pb2_grpc.CreditServiceStub(channel).GetCustomer(request, timeout=10)
    return int(response.customer.customer_id)
