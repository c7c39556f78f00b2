"""Loans from sanction to their end: disbursement, segments, charges, reversals, and what arrears follow from."""

import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from almeno_grpc.domain.months import due_day
from almeno_grpc.storage.audit_baseline import write_reforms
from almeno_grpc.storage.migrations.steps import Steps, edit_tables

revision = "0206"
down_revision = "0205"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
CHECKS_DROPPED = {
    "loan": ("closed_when_repaid",),
    "repayment": ("amount_positive", "outstanding_before_positive", "closes_when_repaid"),
}
CHECKS = {
    "loan": {
        "closed_when_repaid": "(outstanding_principal_paise = 0)"
        " = (emis_paid = tenure_months OR state IN ('CANCELLED', 'EXITED'))",
        "state_known": "state = 'ACTIVE' OR state = 'CLOSED' OR state = 'SANCTIONED' OR state = 'CANCELLED'"
        " OR state = 'EXITED'",
        "closed_when_settled": "(state = 'CLOSED')"
        " = (state NOT IN ('CANCELLED', 'EXITED') AND emis_paid = tenure_months AND open_charges_paise = 0)",
        "disbursed_by_state": "(disbursement_year IS NULL) = (state IN ('SANCTIONED', 'CANCELLED'))"
        " AND (disbursement_month IS NULL) = (disbursement_year IS NULL)"
        " AND (disbursement_day IS NULL) = (disbursement_year IS NULL)",
        "disbursement_range": "disbursement_year BETWEEN 1 AND 9999 AND disbursement_month BETWEEN 1 AND 12"
        " AND disbursement_day BETWEEN 1 AND 31",
        "valid_until_disbursed": "valid_until_day IS NOT NULL OR (state NOT IN ('SANCTIONED', 'CANCELLED')"
        " AND disbursement_year = approval_year AND disbursement_month = approval_month"
        " AND disbursement_day = approval_day)",
        "nothing_paid_before_disbursement": "disbursement_year IS NOT NULL"
        " OR (emis_paid = 0 AND paid_toward_next_paise = 0 AND repayment_count = 0)",
        "latest_repayment_range": "latest_repayment BETWEEN 0 AND repayment_count",
        "segment_count_range": "segment_count = 0 OR segment_count >= 2",
        "charge_count_not_negative": "charge_count >= 0",
        "open_charges_range": "open_charges_paise = 0"
        " OR (open_charges_paise > 0 AND emis_paid = tenure_months AND state = 'ACTIVE')",
        "next_due_when_left": "(next_due_day IS NOT NULL) = (state = 'ACTIVE' AND emis_paid < tenure_months)",
        "non_performing_when_left": "non_performing_since_day IS NULL OR next_due_day IS NOT NULL",
    },
    "repayment": {
        "amount_positive": "amount_paise > 0 OR (amount_paise = 0 AND kind = 'EXIT')",
        "closes_when_repaid": "NOT closes_loan OR outstanding_principal_paise = 0",
        "kind_known": "kind IN ('REPAYMENT', 'PREPAYMENT', 'EXIT')",
        "exit_closes_loan": "kind <> 'EXIT' OR (closes_loan AND emis_paid = emis_paid_before)",
        "prepayment_leaves_balance": "kind <> 'PREPAYMENT'"
        " OR (emis_paid = emis_paid_before AND outstanding_principal_paise > 0)",
        "effect_known": "effect IN ('SHORTER_TENURE', 'LOWER_INSTALLMENT')",
        "effect_of_prepayment": "(effect IS NOT NULL) = (kind = 'PREPAYMENT')",
        "charges_paid_range": "charges_paid_paise BETWEEN 0 AND amount_paise",
        "channel_known": "channel IN ('NACH', 'UPI', 'TRANSFER', 'CASH', 'OTHER')",
        "external_reference_length": "length(external_reference) <= 64",
    },
}
APPEND_ONLY = ("repayment_reversal", "loan_segment", "loan_charge", "sanction_end")
FILLED = {
    "state": "CASE WHEN {row}emis_paid = {row}tenure_months THEN 'CLOSED' ELSE 'ACTIVE' END",
    "disbursement_year": "{row}approval_year",
    "disbursement_month": "{row}approval_month",
    "disbursement_day": "{row}approval_day",
    "latest_repayment": "{row}repayment_count",
    "next_due_day": "CASE WHEN {row}emis_paid < {row}tenure_months THEN {next_due} END",
}
"""What the columns of loans of before follow from, which have no segments and no charges."""
NEXT_DUE = {
    "sqlite": "due_day(approval_year, approval_month, approval_day, emis_paid + 1)",
    "postgresql": "CAST(make_date(NEW.approval_year, NEW.approval_month, NEW.approval_day)"
    " + make_interval(months => NEW.emis_paid + 1) AS DATE) - DATE '0001-01-01' + 1",
}


def upgrade(steps: Steps) -> None:
    """Adds the columns and tables, and computes what follows from the rows that are there."""
    steps.transaction(_add_customer_column, tables=["customer"])
    steps.transaction(_add_loan_columns, tables=["loan"])
    steps.transaction(_add_repayment_columns, tables=["repayment"])
    steps.create_index("ix_repayment_repayment_id", "repayment", ["repayment_id"])
    steps.fill("loan", ["customer_id", "loan_id"], _fill_loans)
    for table, checks in CHECKS.items():
        steps.replace_checks(table, checks, CHECKS_DROPPED[table])
    if steps.is_on_sqlite:
        # On PostgreSQL servers of before insert loans until revision 0212.
        steps.transaction(lambda: edit_tables(steps.connection, {"loan": _without_defaults}))
    steps.transaction(_create_tables, tables=["loan", "repayment"])
    steps.transaction(lambda: write_reforms(steps.connection, revision))


def _without_defaults(sql: str) -> str:
    return re.sub(r" DEFAULT \S+ NOT NULL", " NOT NULL", sql)


def _create_tables() -> None:
    _create_reversals()
    _create_segments()
    _create_charges()
    _create_sanction_ends()
    _refuse_changes()


def _add_customer_column() -> None:
    op.add_column("customer", sa.Column("non_performing_since_day", sa.Integer))


def _add_loan_columns() -> None:
    # The defaults are for the rows that are there, and go when all are filled in and no server of before inserts any.
    for column in (
        sa.Column("state", sa.String(16), nullable=False, server_default="ACTIVE"),
        sa.Column("disbursement_year", sa.SmallInteger),
        sa.Column("disbursement_month", sa.SmallInteger),
        sa.Column("disbursement_day", sa.SmallInteger),
        sa.Column("valid_until_day", sa.Integer),
        sa.Column("latest_repayment", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("terms_version", sa.String(64)),
        sa.Column("segment_count", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("charge_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("open_charges_paise", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("next_due_day", sa.Integer),
        sa.Column("non_performing_since_day", sa.Integer),
    ):
        op.add_column("loan", column)
    _complete_loans()


def _add_repayment_columns() -> None:
    for column in (
        sa.Column("kind", sa.String(16), nullable=False, server_default="REPAYMENT"),
        sa.Column("effect", sa.String(32)),
        sa.Column("charges_paid_paise", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("channel", sa.String(16)),
        sa.Column("external_reference", sa.String(64), nullable=False, server_default=""),
    ):
        op.add_column("repayment", column)


def _complete_loans() -> None:
    """Has PostgreSQL complete each loan that is inserted or updated, by servers of before or by the back-fill."""
    if op.get_bind().dialect.name == "sqlite":
        return
    filled = {name: value.format(row="NEW.", next_due=NEXT_DUE["postgresql"]) for name, value in FILLED.items()}
    values = " ".join(f"NEW.{name} := {value};" for name, value in filled.items())
    op.execute(
        "CREATE FUNCTION loan_is_completed() RETURNS trigger LANGUAGE plpgsql AS "
        f"$body$ BEGIN {values} RETURN NEW; END $body$"
    )
    op.execute(
        "CREATE TRIGGER loan_is_completed BEFORE INSERT OR UPDATE ON loan "
        "FOR EACH ROW EXECUTE FUNCTION loan_is_completed()"
    )


def _fill_loans(condition: str, parameters: Mapping[str, object]) -> None:
    """Sets the columns of loans, so that no row relies on a default."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        connection.execute(sa.text(f"UPDATE loan SET loan_id = loan_id WHERE {condition}"), parameters)  # noqa: S608 - of our own
        return
    driver: Any = connection.connection.dbapi_connection
    driver.create_function("due_day", 4, due_day, deterministic=True)
    filled = {name: value.format(row="", next_due=NEXT_DUE["sqlite"]) for name, value in FILLED.items()}
    values = ", ".join(f"{name} = {value}" for name, value in filled.items())
    connection.execute(sa.text(f"UPDATE loan SET {values} WHERE {condition}"), parameters)  # noqa: S608 - as above
    driver.create_function("due_day", 4, None)


def _check(table: str, name: str, check: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(check, name=op.f(f"ck_{table}_{name}"))


def _create_reversals() -> None:
    table = "repayment_reversal"
    op.create_table(
        table,
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("loan_id", ID, nullable=False),
        sa.Column("number", sa.SmallInteger, nullable=False),
        sa.Column("reversal_date", sa.Date, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("return_code", sa.String(20), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        _check(table, "reason_known", "reason IN ('RETURNED', 'DUPLICATE', 'MISTAKE')"),
        _check(table, "return_code_length", "length(return_code) <= 20"),
        sa.ForeignKeyConstraint(
            ["customer_id", "loan_id", "number"],
            ["repayment.customer_id", "repayment.loan_id", "repayment.number"],
            name="fk_repayment_reversal_customer_id",
        ),
        sa.PrimaryKeyConstraint("customer_id", "loan_id", "number", name="pk_repayment_reversal"),
        sqlite_with_rowid=False,
    )


def _create_segments() -> None:
    table = "loan_segment"
    op.create_table(
        table,
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("loan_id", ID, nullable=False),
        sa.Column("number", sa.SmallInteger, nullable=False),
        sa.Column("first_installment", sa.SmallInteger, nullable=False),
        sa.Column("opening_principal_paise", sa.BigInteger, nullable=False),
        sa.Column("interest_rate_e4", sa.Integer, nullable=False),
        sa.Column("installments", sa.SmallInteger, nullable=False),
        sa.Column("monthly_installment_paise", sa.BigInteger, nullable=False),
        sa.Column("repayment_number", sa.SmallInteger),
        _check(table, "number_positive", "number > 0"),
        _check(table, "first_as_booked", "(number = 1) = (repayment_number IS NULL)"),
        _check(
            table,
            "first_installment_range",
            "first_installment > 0 AND (number > 1 OR first_installment = 1)",
        ),
        _check(table, "opening_principal_positive", "opening_principal_paise > 0"),
        _check(table, "rate_range", "interest_rate_e4 BETWEEN 0 AND 1000000"),
        _check(table, "installments_range", "installments BETWEEN 1 AND 600"),
        _check(table, "installment_positive", "monthly_installment_paise > 0"),
        _of_loan(table),
        sa.ForeignKeyConstraint(
            ["repayment_number", "customer_id", "loan_id"],
            ["repayment.number", "repayment.customer_id", "repayment.loan_id"],
            name="fk_loan_segment_repayment_number",
        ),
        sa.PrimaryKeyConstraint("customer_id", "loan_id", "number", name="pk_loan_segment"),
        sqlite_with_rowid=False,
    )


def _create_charges() -> None:
    table = "loan_charge"
    op.create_table(
        table,
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("loan_id", ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("amount_paise", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("entry_date", sa.Date, nullable=False),
        sa.Column("repayment_count", sa.SmallInteger, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        _check(table, "number_positive", "number > 0"),
        _check(table, "kind_known", "kind IN ('BOUNCE', 'OTHER', 'WAIVER')"),
        _check(table, "amount_positive", "amount_paise > 0"),
        _check(table, "reason_length", "length(reason) <= 200"),
        _check(table, "repayment_count_not_negative", "repayment_count >= 0"),
        _of_loan(table),
        sa.PrimaryKeyConstraint("customer_id", "loan_id", "number", name="pk_loan_charge"),
        sqlite_with_rowid=False,
    )


def _create_sanction_ends() -> None:
    table = "sanction_end"
    op.create_table(
        table,
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("loan_id", ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("end_date", sa.Date, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("external_reference", sa.String(64), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        _check(table, "state_known", "state IN ('ACTIVE', 'CANCELLED')"),
        _check(
            table,
            "reason_of_cancellation",
            "(state = 'CANCELLED') = (reason <> '') AND reason IN ('', 'WITHDRAWN', 'LENDER')",
        ),
        _check(table, "external_reference_length", "length(external_reference) <= 64"),
        _of_loan(table),
        sa.PrimaryKeyConstraint("customer_id", "loan_id", name="pk_sanction_end"),
        sqlite_with_rowid=False,
    )


def _of_loan(table: str) -> sa.ForeignKeyConstraint:
    columns = ["customer_id", "loan_id"]
    return sa.ForeignKeyConstraint(columns, [f"loan.{each}" for each in columns], name=f"fk_{table}_customer_id")


def _refuse_changes() -> None:
    """Makes the new tables append-only."""
    for table in APPEND_ONLY:
        if op.get_bind().dialect.name == "sqlite":
            for change, done in (("UPDATE", "changed"), ("DELETE", "removed")):
                op.execute(
                    f"CREATE TRIGGER {table}_is_never_{done} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'a row of {table} is never {done}'); END"
                )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "EXECUTE FUNCTION refuse_change()"
            )
