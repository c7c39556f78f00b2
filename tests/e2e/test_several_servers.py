"""Several servers of one book, and a client that knows them all."""

import threading

from almeno_client import CreditClient
from support.postgres import running_postgres
from support.servers import RunningServer, StartServer, eventually


def checks_of(server: RunningServer) -> float:
    return sum(count for key, count in server.metrics().items() if key[0] == "almeno_decisions_total")


def test_servers_of_a_book_share_the_calls_of_a_client_and_one_can_stop_unnoticed(start_server: StartServer) -> None:
    with running_postgres() as database:
        options = {
            "ALMENO_DATABASE_URL": database.url(),
            "ALMENO_METRICS_ADDRESS": "127.0.0.1:0",
        }
        servers = [start_server(**options) for _ in range(2)]
        with CreditClient(f"ipv4:{','.join(server.address for server in servers)}") as client:
            customer = client.register_customer(
                first_name="Asha", last_name="Rao", age=34, monthly_income=50_000, phone_number="98450 12345"
            )

            def check() -> None:
                terms = {"loan_amount": 100_000, "interest_rate": "12", "tenure_months": 24}
                assert client.check_eligibility(customer.customer_id, **terms).approved

            def both_have_decided() -> bool:
                check()
                return all(checks_of(server) > 5 for server in servers)

            eventually(both_have_decided)
            stop = threading.Thread(target=servers[0].stop)
            stop.start()
            while stop.is_alive():
                check()
            before = checks_of(servers[1])
            for _ in range(10):
                check()
            eventually(lambda: checks_of(servers[1]) == before + 10)
        for server in servers:
            assert server.stop() == 0
