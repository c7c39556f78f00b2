"""What servers of version 0.1.0 do to a PostgreSQL database, by their own statements, and a book of theirs."""

# ruff: noqa: S608 - statements of tests

import itertools
import random
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

import psycopg

from almeno_grpc.service.identifiers import new_identifier

INSTALLMENT, TENURE = 100_000, 12
AMOUNT = INSTALLMENT * TENURE

CUSTOMER = """INSERT INTO customer (customer_id, first_name, last_name, age, phone_digits, monthly_income_paise,
    approved_limit_paise, imported, create_time_us)"""
DECISION = """INSERT INTO decision (decision_id, customer_id, business_date, policy_version, policy_sha256, approved,
    credit_score, reasons, snapshot, snapshot_sha256, create_time_us)"""
LOAN = """INSERT INTO loan (loan_id, customer_id, loan_amount_paise, interest_rate_e4, tenure_months,
    monthly_installment_paise, installment_method, emis_paid, emis_paid_on_time, outstanding_principal_paise,
    approval_year, approval_month, approval_day, source_loan_id, decision_id, paid_toward_next_paise,
    repayment_count)"""
REPAYMENT = """INSERT INTO repayment (customer_id, loan_id, number, repayment_id, amount_paise, payment_date,
    emis_paid_before, emis_paid_on_time_before, paid_toward_next_before_paise, outstanding_principal_before_paise,
    emis_paid, emis_paid_on_time, paid_toward_next_paise, outstanding_principal_paise, closes_loan, create_time_us)"""
REQUEST = "INSERT INTO idempotency_record (request_id, fingerprint, answer, create_time_us)"
DECISION_ID = "'018bcfe5-6800-7000-8000-' || lpad(to_hex(n), 12, '0')"
SNAPSHOT = "repeat('{\"amount\": 100000}', 20)"


def fill(connection: psycopg.Connection, loans: int) -> None:
    """A book: a third as many customers, loans of 0 to 12 instalments paid; each tenth was booked by a decision.

    Args:
        connection: One that commits each statement.
        loans: How many, at least 30.
    """
    customers = loans // 3
    for first in range(1, customers + 1, 100_000):
        some = f"generate_series({first}, {min(first + 99_999, customers)}) AS n"
        connection.execute(
            f"{CUSTOMER} SELECT n, 'Asha ' || n % 1000, 'Rao', 30, 910000000000 + n, 5000000, 180000000, true, 1"
            f" FROM {some}"
        )
        connection.execute(f"INSERT INTO phone_number SELECT 910000000000 + n, n FROM {some}")
    for first in range(1, loans + 1, 100_000):
        some = f"generate_series({first}, {min(first + 99_999, loans)}) AS n"
        customer = f"(n - 1) % {customers} + 1"
        booked = f"{some} WHERE n % 10 = 0"
        connection.execute(
            f"{DECISION} SELECT {DECISION_ID}, {customer}, '2026-01-05', 'v', 'f', true, 80, '', {SNAPSHOT}, 's', 1"
            f" FROM {booked}"
        )
        connection.execute(f"{REQUEST} SELECT 'r' || n, 'f', decode(repeat('ab', 200), 'hex'), 1 FROM {booked}")
        connection.execute(f"INSERT INTO loan_number SELECT n, {customer} FROM {some}")
        connection.execute(
            f"{LOAN} SELECT n, {customer}, {AMOUNT}, 0, {TENURE}, {INSTALLMENT}, 'ANNUAL_COMPOUND', n % 13, 0,"
            f" {AMOUNT} - {INSTALLMENT} * (n % 13), 2025, 1 + n % 12, 1 + n % 28, CASE WHEN n % 10 > 0 THEN n END,"
            f" CASE WHEN n % 10 = 0 THEN {DECISION_ID} END, 0, CASE WHEN n % 5 = 1 AND n % 13 > 0 THEN 1 ELSE 0 END"
            f" FROM {some}"
        )
        connection.execute(
            f"{REPAYMENT} SELECT {customer}, n, 1, 'p' || n, {INSTALLMENT}, '2026-01-06', n % 13 - 1, 0, 0,"
            f" {AMOUNT} - {INSTALLMENT} * (n % 13 - 1), n % 13, 0, 0, {AMOUNT} - {INSTALLMENT} * (n % 13),"
            f" n % 13 = {TENURE}, 1 FROM {some} WHERE n % 5 = 1 AND n % 13 > 0"
        )
    connection.execute("SELECT setval('customer_customer_id_seq', 1000000001, false)")
    connection.execute(
        "INSERT INTO import_file (import_id, kind, file_name, size_bytes, sha256, columns, book_date, state,"
        " cancel_requested, rows_total, rows_inserted, rows_updated, rows_unchanged, rows_rejected, rows_adjusted,"
        " error, create_time_us, end_time_us) VALUES ('i', 'LOANS', 'a.csv', 1, 's', '{}', '2026-01-05', 'SUCCEEDED',"
        " false, 2, 0, 0, 0, 2, 0, '', 1, 1)"
    )
    connection.execute(
        "INSERT INTO import_issue SELECT queue_number, n, 1, 'REJECTED', 'Age', 'is 17' FROM import_file,"
        " generate_series(1, 2) AS n"
    )


class Servers:
    """Servers at work: some that book and repay, one that imports, and the lock of its worker."""

    def __init__(self, connect: Callable[[], psycopg.Connection], writers: int = 4) -> None:
        """Takes what opens a connection, and how many writers there are beside the import."""
        self._connect = connect
        self._writers = writers
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._numbers = itertools.count(1)
        self.waits: list[float] = []
        """How long each call took, in seconds."""

    @contextmanager
    def at_work(self):
        """Has them work, raises what one of them has met, and stops them in the end."""
        works = [*([self._serve] * self._writers), self._import, self._hold_lock]
        threads = [threading.Thread(target=self._run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
        if self._errors:
            raise self._errors[0]

    def _run(self, work: Callable[[psycopg.Connection], None]) -> None:
        try:
            with self._connect() as connection:
                while not self._stop.is_set():
                    work(connection)
        except BaseException as error:
            self._errors.append(error)

    def _serve(self, connection: psycopg.Connection) -> None:
        number = next(self._numbers)
        began = time.perf_counter()
        register_and_book(connection, number)
        self.waits.append(time.perf_counter() - began)
        began = time.perf_counter()
        [(loans,)] = connection.execute("SELECT count(*) FROM (SELECT FROM loan_number LIMIT 3000)").fetchall()
        repay(connection, random.randrange(1, loans))
        self.waits.append(time.perf_counter() - began)
        time.sleep(0.01)

    def _import(self, connection: psycopg.Connection) -> None:
        began = time.perf_counter()
        with connection.transaction():
            for number in sorted(random.sample(range(1, 11), 3)):
                # A new name now and then, and a loan that has come further.
                connection.execute(
                    "UPDATE customer SET first_name = %s, last_name = %s WHERE customer_id = %s",
                    (f"Renamed {random.randrange(5)}", "Rao", number),
                )
                connection.execute(
                    "UPDATE loan SET emis_paid = emis_paid + 1, outstanding_principal_paise ="
                    " outstanding_principal_paise - monthly_installment_paise WHERE customer_id = %s AND emis_paid < 12"
                    " AND repayment_count = 0 AND paid_toward_next_paise = 0",
                    (number,),
                )
        self.waits.append(time.perf_counter() - began)
        time.sleep(0.01)

    def _hold_lock(self, connection: psycopg.Connection) -> None:
        """As the import worker does, in one transaction for as long as it runs."""
        with connection.transaction():
            while not self._stop.wait(0.05):
                connection.execute("SELECT %s", (1,))


def register_and_book(connection: psycopg.Connection, number: int) -> None:
    """Registers a customer, and books a loan."""
    [(customer_id,)] = connection.execute("SELECT nextval('customer_customer_id_seq')").fetchall()
    with connection.transaction():
        connection.execute(
            f"WITH w AS ({CUSTOMER} VALUES (%s, %s, 'Iyer', 40, %s, 5000000, 180000000, false, 1))"
            " INSERT INTO phone_number (digits, customer_id) VALUES (%s, %s)",
            (customer_id, f"New {number}", 920000000000 + number, 920000000000 + number, customer_id),
        )
    [(loan_id,)] = connection.execute("SELECT nextval('loan_number_loan_id_seq')").fetchall()
    with connection.transaction():
        connection.execute("SELECT 1 FROM customer WHERE customer_id = %s FOR NO KEY UPDATE", (customer_id,))
        connection.execute(
            f"WITH a AS ({DECISION} VALUES (%(d)s, %(c)s, '2026-01-07', 'v', 'f', true, 80, '', '{{}}', 's', 1)),"
            " b AS (INSERT INTO loan_number (loan_id, customer_id) VALUES (%(l)s, %(c)s)),"
            f" c AS ({REQUEST} VALUES (%(d)s, 'f', 'answer', 1))"
            f" {LOAN} VALUES (%(l)s, %(c)s, {AMOUNT}, 0, {TENURE}, {INSTALLMENT}, 'REDUCING_BALANCE', 0, 0, {AMOUNT},"
            " 2026, 1, 31, NULL, %(d)s, 0, 0)",
            {"d": new_identifier(time.time_ns() // 1000), "c": customer_id, "l": loan_id},
        )


def repay(connection: psycopg.Connection, loan_id: int) -> None:
    """Records an instalment, if the loan has one left."""
    with connection.transaction():
        loan = connection.execute(
            "SELECT l.customer_id, emis_paid, outstanding_principal_paise, repayment_count FROM loan_number AS n"
            " JOIN loan AS l ON l.customer_id = n.customer_id AND l.loan_id = n.loan_id WHERE n.loan_id = %s"
            " FOR UPDATE OF l",
            (loan_id,),
        ).fetchone()
        if loan is None or loan[1] == TENURE:
            return
        customer_id, paid, outstanding, count = loan
        left = outstanding - INSTALLMENT
        connection.execute(
            "UPDATE loan SET emis_paid = %s, outstanding_principal_paise = %s, repayment_count = %s"
            " WHERE customer_id = %s AND loan_id = %s",
            (paid + 1, left, count + 1, customer_id, loan_id),
        )
        connection.execute(
            f"{REPAYMENT} VALUES (%s, %s, %s, %s, {INSTALLMENT}, '2026-01-08', %s, 0, 0, %s, %s, 0, 0, %s, %s, 1)",
            (customer_id, loan_id, count + 1, f"{loan_id}/{count + 1}", paid, outstanding, paid + 1, left, not left),
        )
