"""What a check costs by the size of the book, and by the loans of the customer.

    PYTHONPATH=tests python -m benchmarks.book_size --most 10000000

Books grow by SQL. A check is measured as the use case that the RPC calls, without the transport, which does not depend
on the book. Writes the JSON that the benchmark draws.
"""

import argparse
import contextlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.targets import DURABLE
from sqlalchemy import text
from support.postgres import running_postgres
from support.servers import ROOT

from almeno_grpc.bootstrap import load_policies
from almeno_grpc.clock import Clock
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.service.checks import CheckService
from almeno_grpc.service.policies import PolicyCalendar
from almeno_grpc.storage.store import SqlStore

TODAY = date(2026, 11, 23)
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
"""Loans in the book."""
FEW, SOME, MANY = 3, 30, 300
"""Loans a customer."""
MAX_OF_MANY = 100
"""Customers with that many loans, at most; and ten times as many with some."""
CHECKS = 4_000
BLOCK_CHECKS = 50
"""Checks that are timed together: a single one is as short as the noise of a clock."""

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :rows)"
_CUSTOMERS = text(f"""
INSERT INTO customer (customer_id, first_name, last_name, age, phone_digits, monthly_income_paise,
    approved_limit_paise, imported, create_time_us)
{_NUMBERS}
SELECT :first + i, 'Asha', 'Rao', 40, 916000000000 + :first + i, 10000000, 1000000000000,
    :imported, 1
FROM n
""")  # noqa: S608
_PHONE_NUMBERS = text("""
INSERT INTO phone_number (digits, customer_id)
SELECT phone_digits, customer_id FROM customer WHERE customer_id >= :first
""")
_LOAN_NUMBERS = text(f"""
INSERT INTO loan_number (loan_id, customer_id) {_NUMBERS} SELECT :first_loan + i, :first + i % :customers FROM n
""")  # noqa: S608
_LOANS = text(f"""
INSERT INTO loan (loan_id, customer_id, loan_amount_paise, interest_rate_e4, tenure_months, monthly_installment_paise,
    installment_method, emis_paid, emis_paid_on_time, outstanding_principal_paise, approval_year, approval_month,
    approval_day, source_loan_id, paid_toward_next_paise, repayment_count, state, disbursement_year, disbursement_month,
    disbursement_day, latest_repayment, segment_count, charge_count, open_charges_paise, next_due_day)
{_NUMBERS}
SELECT :first_loan + i, :first + i % :customers, 10000000, 105000, 24, 460000, 'ANNUAL_COMPOUND', i % 24, 0,
    10000000 - 400000 * (i % 24), 2024 + i % 3, 1 + i % 10, 1 + i % 28, :first_loan + i, 0, 0,
    'ACTIVE', 2024 + i % 3, 1 + i % 10, 1 + i % 28, 0, 0, 0, 0, 738900 + i % 1500
FROM n
""")  # noqa: S608


class GrowingBook:
    """A book that is made larger and larger."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.loans = 0
        self._last_customer = 0
        self._customers: dict[int, list[range]] = {FEW: [], SOME: [], MANY: []}

    def grow(self, loans: int) -> None:
        """Adds customers and loans until the book has as many, or a few less."""
        many = min(MAX_OF_MANY, max(1, loans // 10_000)) - sum(map(len, self._customers[MANY]))
        self._add(MANY, many)
        self._add(SOME, 10 * many)
        self._add(FEW, (loans - self.loans) // FEW)
        with self._store.engine.connect() as connection:
            connection.execute(text("ANALYZE"))
            connection.commit()
        self._store.checkpoint()

    def _add(self, loans_each: int, customers: int) -> None:
        if customers <= 0:
            return
        first = self._last_customer + 1
        values = {"first": first, "customers": customers, "first_loan": self.loans + 1, "imported": True}
        with self._store.engine.connect() as connection:
            connection.execute(_CUSTOMERS, {**values, "rows": customers})
            connection.execute(_PHONE_NUMBERS, values)
            connection.execute(_LOAN_NUMBERS, {**values, "rows": customers * loans_each})
            connection.execute(_LOANS, {**values, "rows": customers * loans_each})
            connection.commit()
        self._last_customer += customers
        self.loans += customers * loans_each
        self._customers[loans_each].append(range(first, first + customers))

    def customers_with(self, loans_each: int, count: int) -> list[int]:
        """As many customers who have so many loans, one now and then again, chosen by chance."""
        ranges = self._customers[loans_each]
        return [random.choice(each) for each in random.choices(ranges, map(len, ranges), k=count)]


def measure_check(checks: CheckService, customer_ids: list[int]) -> float:
    """The median of the microseconds that a check takes."""
    requests = [LoanRequest(customer_id, 1_000_000, Decimal("10.5"), 36) for customer_id in customer_ids]
    blocks = []
    for start in range(0, len(requests), BLOCK_CHECKS):
        block = requests[start : start + BLOCK_CHECKS]
        started = time.perf_counter()
        for request in block:
            checks.check_all([request])
        blocks.append((time.perf_counter() - started) / len(block) * 1e6)
    return statistics.median(blocks)


@contextlib.contextmanager
def empty_book(database: str) -> Iterator[SqlStore]:
    """A store on a database of its own."""
    with contextlib.ExitStack() as stack:
        if database == "postgresql":
            url = stack.enter_context(running_postgres(DURABLE)).url()
        else:
            url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory(prefix='almeno-bench-'))}/book.db"
        store = SqlStore(url, threads=2)
        stack.callback(store.close)
        store.migrate()
        yield store


def main() -> None:
    """Measures the sizes up to the largest one."""
    parser = argparse.ArgumentParser(prog="benchmarks.book_size", description="What a check costs by size of the book.")
    parser.add_argument("--database", default="sqlite,postgresql", help="which databases [sqlite,postgresql]")
    parser.add_argument("--most", type=int, default=1_000_000, help="loans of the largest book [1000000]")
    parser.add_argument("--output", type=Path, default=ROOT / ".venv" / "bench" / "book_size.json", help="the JSON")
    arguments = parser.parse_args()
    figures = []
    for database in arguments.database.split(","):
        with empty_book(database) as store:
            book = GrowingBook(store)
            checks = CheckService(store, PolicyCalendar(load_policies()), Clock(TODAY, ZoneInfo("Asia/Kolkata")))
            for size in (size for size in SIZES if size <= arguments.most):
                book.grow(size)
                for loans_each in (FEW, SOME, MANY):
                    # Twice, for the first round reads what is not in memory yet.
                    customer_ids = book.customers_with(loans_each, CHECKS)
                    measure_check(checks, customer_ids[: CHECKS // 4])
                    check_us = measure_check(checks, customer_ids)
                    print(f"{database}: {size:>10,} loans, {loans_each:>3} a customer: {check_us:6.0f} µs", flush=True)
                    figures.append(
                        {"database": database, "loans": size, "loans_a_customer": loans_each, "check_us": check_us}
                    )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"The JSON is {arguments.output}.")


if __name__ == "__main__":
    sys.exit(main())
