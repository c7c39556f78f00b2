"""A book with an audit trail, what verification finds in it, and how somebody who owns the database edits it."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from almeno_grpc.clock import Clock
from almeno_grpc.service.audit_anchor import AnchorLine
from almeno_grpc.service.audit_baseline import AuditBaseline
from almeno_grpc.service.audit_signing import SigningKey
from almeno_grpc.service.audit_upkeep import AuditUpkeep, Retention
from almeno_grpc.service.audit_verify import AuditVerifier
from almeno_grpc.storage.store import SqlStore
from support.book import LAKH, Book, book_customer, book_loan

KEPT = Retention(write_days=2922, read_days=400)


def findings(
    store: SqlStore, key: SigningKey | None = None, anchor: Iterator[AnchorLine] | None = None, later_us: int = 0
) -> list[str]:
    """What verification finds."""
    with store.read() as tx:
        return list(map(str, AuditVerifier(tx.audit, Clock.now_microseconds() + later_us, key).findings(anchor)))


NOT_VOUCHED_FOR = "rows from before the trail are not vouched for yet; a server that runs goes on with it"


def write_baseline(store: SqlStore) -> None:
    """What a server does in the background when the trail is new."""
    baseline = AuditBaseline(store, Clock(None, ZoneInfo("UTC")))
    while not baseline.is_over:
        baseline.step()


def upkeep(book: Book, **options: Any) -> AuditUpkeep:
    return AuditUpkeep(book.store, book.clock, options.pop("retention", KEPT), **options)


def fill(book: Book) -> None:
    """Everything that writes into the book: sheets, sheets with changes, registrations, bookings and repayments."""
    book.upsert([book_customer(number) for number in range(1, 10)])
    book.upsert([book_loan(number, 100 + number) for number in range(1, 6)])
    book.upsert([book_customer(number, age=40 + number, phone_digits=918_500_000_000 + number) for number in (2, 3)])
    book.upsert([book_loan(number, 100 + number, emis_paid=4) for number in (2, 3)])
    book.update(4, phone_number="+918000000002", last_name="Iyer")
    book.set_limit(5, LAKH)
    # A number that is taken: the loan gets another.
    book.upsert([book_loan(4, 101)])
    customer = book.register()
    booked = book.lend(customer.customer_id, LAKH)
    book.lend(customer.customer_id, 90 * LAKH)
    for _ in range(3):
        book.repay(booked.loan.loan_id, 1_000_00)
    book.repay(105, 9_208_00)


def edit(store: SqlStore, *statements: str) -> None:
    """What the owner of a database can do: the triggers are in nobody's way."""
    with store.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            statements = (*(f"DROP TRIGGER {name}" for name in names), *statements)
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("BEGIN")
        else:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            # As it is: a colon or a percent sign of a statement stands for itself.
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("COMMIT")
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.exec_driver_sql("BEGIN")
