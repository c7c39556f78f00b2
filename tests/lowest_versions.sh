#!/usr/bin/env bash
# The lower bounds of pyproject.toml are true: with the oldest versions that they allow the server starts, and the
# client and the command line get their answers from it.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'kill "$server" 2> /dev/null || true; wait; rm -rf "$folder"' EXIT
server=

.venv/bin/uv venv --quiet --python .venv/bin/python "$folder/venv"
.venv/bin/uv pip install --quiet --python "$folder/venv" --resolution lowest-direct .

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
venv/bin/python - << 'PYTHON'
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
venv/bin/almeno customer 1 | grep -q 'Asha Rao'
venv/bin/almeno report > report.txt && test -s almeno-report.html
echo "the lowest versions serve: $(venv/bin/python -c 'from importlib.metadata import version; print(", ".join(f"{name} {version(name)}" for name in ("grpcio", "protobuf", "sqlalchemy", "numpy")))')"
