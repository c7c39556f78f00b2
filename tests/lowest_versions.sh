#!/usr/bin/env bash
# The lower bounds of pyproject.toml are true: with the oldest versions that they allow the server starts, the command
# line gets its answers from it, and so does the client library where it is installed alone.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'kill "$server" 2> /dev/null || true; wait; rm -rf "$folder"' EXIT
server=

install() { # FOLDER REQUIREMENT
  .venv/bin/uv venv --quiet --python .venv/bin/python "$folder/$1"
  .venv/bin/uv pip install --quiet --python "$folder/$1" --resolution lowest-direct "$2"
}
install venv '.[cli,report,server,postgres,otel]'
install client .

cd "$folder"
export ALMENO_ADDRESS=127.0.0.1:0
venv/bin/almeno-server --workers 1 > server.log 2>&1 &
server=$!
for _ in $(seq 150); do
  address=$(sed -n 's/.*"address": *"\(127\.0\.0\.1:[1-9][0-9]*\)".*/\1/p' server.log | head -n 1)
  [ -n "$address" ] && break
  kill -0 "$server" || { cat server.log; exit 1; }
  sleep 0.2
done
export ALMENO_ADDRESS=$address
client/bin/python - << 'PYTHON'
import os

from almeno_client import CreditClient, ImportKind

CUSTOMERS = "Customer ID,First Name,Last Name,Age,Phone Number,Monthly Salary,Approved Limit\n1,Asha,Rao,34,9845012345,85000,3100000\n"

with CreditClient(os.environ["ALMENO_ADDRESS"]) as client:
    started = client.start_import(ImportKind.CUSTOMERS, CUSTOMERS.encode(), file_name="customers.csv")
    *_, ended = client.watch_import(started.import_id, timeout_seconds=60)
    assert ended.state == "SUCCEEDED", ended
    application = client.create_loan(1, loan_amount=500_000, interest_rate="10.5", tenure_months=60)
    assert application.loan is not None, application
    assert client.get_customer(1).position.active_loan_count == 1
PYTHON
venv/bin/almeno --output table customer 1 | grep -q 'Asha Rao'
venv/bin/python -c 'from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter'
venv/bin/almeno report --html almeno-report.html > report.txt && test -s almeno-report.html
echo "the lowest versions serve: $(venv/bin/python -c 'from importlib.metadata import version; print(", ".join(f"{name} {version(name)}" for name in ("grpcio", "protobuf", "sqlalchemy", "numpy", "opentelemetry-api")))')"
