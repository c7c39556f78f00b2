"""Schemas as databases have them, and rows of a book of version 0.1.0."""

import re

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from almeno_grpc.service.identifiers import first_identifier
from almeno_grpc.storage.schema import MIGRATIONS

_REVISIONS = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())[::-1]
HEAD = _REVISIONS[-1].revision
"""The newest revision."""
PREPARED = next(each.down_revision for each in _REVISIONS if getattr(each.module, "STOPS_SERVERS", False))
"""The last revision that servers of 0.1.0 can bear."""


def revision_of(engine):
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def definitions(engine) -> dict[str, list[str]]:
    """What each table and index is made of, by name, however it is written."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            found = connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'trigger'")
            ).all()
        else:
            found = connection.execute(text(DEFINITIONS)).all()
    # SQLite puts the name of a table that was renamed in quotes, and a column that was added behind the last one.
    return {
        name: sorted(
            re.sub(r"\s+", " ", line).replace('"', "").strip(" ,")
            for line in re.split(r"\n|, (?=[a-z_]+ [A-Z])", sql)
            if line.strip(" ,()\t")
        )
        for name, sql in found
        if not name.startswith(("alembic_version", "sqlite_sequence"))
    }


DEFINITIONS = """
SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
    AND conparentid = 0 AND NOT (SELECT relispartition FROM pg_class WHERE oid = conrelid)
UNION ALL SELECT indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
WHERE schemaname = 'public' AND NOT (SELECT relispartition FROM pg_class WHERE oid = tablename::regclass)
UNION ALL SELECT table_name || '.' || column_name,
    concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default, identity_start)
FROM information_schema.columns WHERE table_schema = 'public'
    AND NOT (SELECT relispartition FROM pg_class WHERE oid = table_name::regclass)
"""
"""Partitions are left out: they are as their tables."""


A_REPAYMENT = (
    """INSERT INTO customer
    (customer_id, first_name, last_name, age, phone_digits, monthly_income_paise, approved_limit_paise, imported,
    create_time_us) VALUES (7, 'Asha', 'Rao', 30, 919999999999, 5000000, 180000000, true, 1)""",
    "INSERT INTO loan_number VALUES (5, 7)",
    """INSERT INTO loan (loan_id, customer_id, loan_amount_paise, interest_rate_e4, tenure_months,
        monthly_installment_paise, installment_method, emis_paid, emis_paid_on_time, outstanding_principal_paise,
        approval_year, approval_month, approval_day, source_loan_id, decision_id, paid_toward_next_paise,
        repayment_count)
    VALUES (5, 7, 10000000, 0, 10, 1000000, 'ANNUAL_COMPOUND', 0, 0, 10000000, 2026, 1, 5, 5, NULL, 100, 1)""",
    """INSERT INTO repayment (customer_id, loan_id, number, repayment_id, amount_paise, payment_date, emis_paid_before,
        emis_paid_on_time_before, paid_toward_next_before_paise, outstanding_principal_before_paise, emis_paid,
        emis_paid_on_time, paid_toward_next_paise, outstanding_principal_paise, closes_loan, create_time_us)
    VALUES (7, 5, 1, 'r', 100, '2026-01-05', 0, 0, 0, 10000000, 0, 0, 100, 10000000, false, 1)""",
)
"""Rows of a book of revision 0201."""


def imports_of_then(*numbers: int) -> list[str]:
    return [
        f"INSERT INTO import_file VALUES ({number}, '{number}', 'LOANS', 'a.csv', 1, 's', '{{}}', '2026-01-05',"  # noqa: S608
        " 'SUCCEEDED', false, 3, 0, 0, 0, 3, 0, '', 1, 1, 1)"
        for number in numbers
    ]


def issues_of_then(*places: tuple[int, int]) -> list[str]:
    return [f"INSERT INTO import_issue VALUES ({q}, {row}, 1, 'REJECTED', 'Age', 'is 17')" for q, row in places]  # noqa: S608


def write_book_of_0_1_0(engine) -> None:
    """Customers with names of each kind, loans at each stage, and what else the upgrade has to look at."""
    with engine.begin() as connection:
        for customer_id, name in enumerate(("Asha", "\uff21\uff33\uff28\uff21", "Straße"), 7):
            customer = A_REPAYMENT[0].replace("7,", f"{customer_id},").replace("Asha", name)
            connection.exec_driver_sql(customer.replace("919999999999", f"91999999999{customer_id}"))
        for row in A_REPAYMENT[1:]:
            connection.exec_driver_sql(row)
        for number in range(1, 4):
            loan = (
                A_REPAYMENT[2].replace("(5, 7,", f"({100 + number}, {6 + number},").replace("5, 5, NULL", "5, 9, NULL")
            )
            loan = loan.replace("0, 0, 10000000, 2026", f"{number}, 0, {10 - number}000000, 2026")
            connection.exec_driver_sql(f"INSERT INTO loan_number VALUES ({100 + number}, {6 + number})")  # noqa: S608 - of our own
            connection.exec_driver_sql(loan.replace("9, NULL", f"{100 + number}, NULL"))
            connection.exec_driver_sql(
                "INSERT INTO idempotency_record (request_id, fingerprint, answer, create_time_us)"  # noqa: S608 - of our own
                f" VALUES ('r{number}', 'f', '', 1)"
            )
            name = f"{first_identifier(number)[:-1]}{number}"
            decision = f"('{name}', 7, '2026-02-0{number}', 'v', 'f', false, 1, '', '', 's', 1)"
            connection.exec_driver_sql(f"INSERT INTO decision VALUES {decision}")  # noqa: S608 - of our own
        for row in (*imports_of_then(1), *issues_of_then((1, 2), (1, 3))):
            connection.exec_driver_sql(row)
