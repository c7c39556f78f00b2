"""pgbouncer of Debian 12 in transaction mode: it knows nothing of prepared statements."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.postgres import PostgresServer, free_port, postgres_folder
from support.servers import StartServer, eventually

pytestmark = pytest.mark.tools
SETTINGS = """
[databases]
postgres = host=127.0.0.1 port={database} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = transaction
unix_socket_dir =
"""


@pytest.fixture(scope="module")
def pooled_url() -> Iterator[str]:
    """The URL of a database behind a pooler."""
    with postgres_folder() as folder, contextlib.ExitStack() as stack:
        database = PostgresServer(folder / "database")
        database.initialize()
        database.start()
        stack.callback(database.stop)
        port = free_port()
        settings = folder / "pgbouncer.ini"
        settings.write_text(SETTINGS.format(database=database.port, port=port))
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        run_as = ["-u", "nobody"] if os.geteuid() == 0 else []
        pooler = subprocess.Popen(["pgbouncer", "-q", *run_as, str(settings)])
        stack.callback(pooler.wait)
        stack.callback(pooler.terminate)
        eventually(lambda: answers(url))
        yield url


def answers(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False


def test_server_tells_the_remedy_at_its_start(pooled_url: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [Path(sys.executable).with_name("almeno-server"), "--address", "127.0.0.1:0"],
        env=os.environ | {"ALMENO_DATABASE_URL": pooled_url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "max_prepared_statements" in ended.stderr
    assert "prepare_threshold=none" in ended.stderr


def test_server_works_without_prepared_statements(pooled_url: str, start_server: StartServer) -> None:
    server = start_server(ALMENO_DATABASE_URL=f"{pooled_url}?prepare_threshold=none")
    with server.client() as client:
        customer = client.register_customer(
            first_name="Asha", last_name="Rao", age=34, monthly_income=50_000, phone_number="9845012345"
        )
        lent = client.create_loan(customer.customer_id, loan_amount=50_000, interest_rate=9, tenure_months=12)
        assert lent.loan is not None
        assert client.get_loan(lent.loan.loan_id).loan == lent.loan
