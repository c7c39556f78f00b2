"""Measures the server beside the transport, and an import beside the bare read of its file, in one run.

Needs h2load (package nghttp2-client). Every figure is the median of interleaved runs, for machines are noisy; what to
look at is the ratios.

Usage: bench.py [--rounds N] [--calls N] [--loans N]
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
from google.type import decimal_pb2, money_pb2

from almeno_grpc.api import (
    credit_service_pb2,
    credit_service_pb2_grpc,
    import_pb2,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)

ROOT = Path(__file__).parents[2]
CHECK = "/almeno.credit.v1.CreditService/CheckEligibility"
CONNECTIONS = 16
BARE_READ = (
    "import sys, python_calamine as c; c.CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).to_python()"
)


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def almeno_server(folder: Path, *options: str) -> Iterator[str]:
    """A server on a database of its own; gives its address once it serves."""
    log = folder / "server.log"
    environment = {**os.environ, "ALMENO_ADDRESS": "127.0.0.1:0", "ALMENO_DATABASE_URL": f"sqlite:///{folder}/bench.db"}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [str(Path(sys.executable).with_name("almeno-server")), *options], env=environment, stderr=output
        )
    try:
        deadline = time.monotonic() + 60
        while "server_ready" not in log.read_text():
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the server did not start: {log.read_text()}")
            time.sleep(0.05)
        ready = next(json.loads(line) for line in log.read_text().splitlines() if "server_ready" in line)
        yield ready["address"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


@contextlib.contextmanager
def empty_server() -> Iterator[str]:
    """The transport alone; gives its address once it serves."""
    port = free_port()
    server = subprocess.Popen([sys.executable, str(Path(__file__).with_name("empty_server.py")), str(port)])
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(30)
        time.sleep(1)
        yield f"127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)


def h2load(address: str, message: bytes, calls: int, folder: Path) -> float:
    """Sends the message as often as asked over 16 connections; gives calls a second."""
    body = folder / "request.bin"
    body.write_bytes(struct.pack(">?I", False, len(message)) + message)
    command = [
        *("h2load", "-n", str(calls), "-c", str(CONNECTIONS), "-m", "1", "-t", "1", "-d", str(body)),
        *("-H", "content-type: application/grpc", "-H", "te: trailers", f"http://{address}{CHECK}"),
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if f"{calls} succeeded" not in output:
        sys.exit(f"not every call succeeded:\n{output}")
    found = re.search(r"finished in .*, ([\d.]+) req/s", output)
    assert found is not None
    return float(found[1])


def wait_for_imports(address: str) -> None:
    """Waits until every import has ended well."""
    with grpc.insecure_channel(address) as channel:
        stub = portfolio_service_pb2_grpc.PortfolioServiceStub(channel)
        while True:
            files = stub.ListImports(portfolio_service_pb2.ListImportsRequest()).imports
            if files and all(file.state == import_pb2.IMPORT_STATE_SUCCEEDED for file in files):
                return
            time.sleep(0.1)


def measure_checks(rounds: int, calls: int, folder: Path) -> None:
    """CheckEligibility beside an empty RPC."""
    book = ("--load-customers", f"{ROOT}/data/customers.xlsx", "--load-loans", f"{ROOT}/data/loans.xlsx")
    with almeno_server(folder, *book) as address, empty_server() as empty_address:
        wait_for_imports(address)
        with grpc.insecure_channel(address) as channel:
            stub = credit_service_pb2_grpc.CreditServiceStub(channel)
            customers = stub.ListCustomers(credit_service_pb2.ListCustomersRequest(page_size=1)).customers
            request = credit_service_pb2.CheckEligibilityRequest(
                customer_id=customers[0].customer_id,
                loan_amount=money_pb2.Money(currency_code="INR", units=200_000),
                interest_rate=decimal_pb2.Decimal(value="10.5"),
                tenure_months=36,
            )
            stub.CheckEligibility(request)
        message = request.SerializeToString()
        rates: dict[str, list[float]] = {"empty RPC": [], "CheckEligibility": []}
        for number in range(rounds + 1):
            for name, target in (("empty RPC", empty_address), ("CheckEligibility", address)):
                rate = h2load(target, message, calls, folder)
                if number > 0:  # the first round warms up
                    rates[name].append(rate)
    for name, values in rates.items():
        print(f"{name:18} {statistics.median(values):9,.0f} calls/s ({min(values):,.0f} to {max(values):,.0f})")
    ratios = [check / empty for empty, check in zip(*rates.values(), strict=True)]
    print(f"ratio              {statistics.median(ratios):9.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def measure_import(loans: int, rounds: int, folder: Path) -> None:
    """An import of a made book beside the bare read of the same file."""
    maker = [sys.executable, f"{ROOT}/data/make_sample_book.py", "--folder", str(folder)]
    subprocess.run([*maker, "--customers", str(loans // 3), "--loans", str(loans)], check=True, capture_output=True)
    file = folder / "loans.xlsx"
    reads, imports = [], []
    for number in range(rounds):
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", BARE_READ, str(file)], check=True)
        reads.append(time.monotonic() - started)
        round_folder = folder / str(number)
        round_folder.mkdir()
        with almeno_server(round_folder) as address:
            upload(address, folder / "customers.xlsx", import_pb2.IMPORT_KIND_CUSTOMERS)
            wait_for_imports(address)
            started = time.monotonic()
            upload(address, file, import_pb2.IMPORT_KIND_LOANS)
            wait_for_imports(address)
            imports.append(time.monotonic() - started)
    print(f"bare read of {loans:,} loans {statistics.median(reads):6.2f} s")
    print(f"import of them        {statistics.median(imports):6.2f} s")
    ratios = [whole / read for whole, read in zip(imports, reads, strict=True)]
    print(f"ratio              {statistics.median(ratios):9.2f}")


def upload(address: str, file: Path, kind: import_pb2.ImportKind) -> None:
    """Uploads a file."""

    def messages() -> Iterator[portfolio_service_pb2.StartImportRequest]:
        header = portfolio_service_pb2.ImportHeader(kind=kind, file_name=file.name)
        yield portfolio_service_pb2.StartImportRequest(header=header)
        content = file.read_bytes()
        for start in range(0, len(content), 1 << 20):
            yield portfolio_service_pb2.StartImportRequest(chunk=content[start : start + (1 << 20)])

    with grpc.insecure_channel(address) as channel:
        portfolio_service_pb2_grpc.PortfolioServiceStub(channel).StartImport(messages())


def main() -> None:
    """Measures everything."""
    parser = argparse.ArgumentParser(description="Measures the server beside the transport and the bare read.")
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each")
    parser.add_argument("--calls", type=int, default=20_000, help="calls of a run")
    parser.add_argument("--loans", type=int, default=100_000, help="loans of the import")
    arguments = parser.parse_args()
    if shutil.which("h2load") is None:
        sys.exit("h2load is needed; it comes with the package nghttp2-client")
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, grpcio {grpc.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        measure_checks(arguments.rounds, arguments.calls, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        measure_import(arguments.loans, min(arguments.rounds, 3), Path(folder))


if __name__ == "__main__":
    main()
