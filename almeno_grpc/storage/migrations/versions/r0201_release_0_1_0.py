"""The schema of version 0.1.0."""

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.migrations.steps import Steps

revision = "0201"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
FIRST_GENERATED_ID = 1_000_000_001


def upgrade(steps: Steps) -> None:
    """Creates the tables and their triggers."""
    steps.transaction(_create)


def _create() -> None:
    _create_customers()
    _create_decisions()
    _create_loans()
    _create_repayments()
    _create_imports()
    if op.get_bind().dialect.name == "sqlite":
        _complete_sqlite()
    else:
        _complete_postgresql()


def _create_customers() -> None:
    op.create_table(
        "customer",
        sa.Column("customer_id", ID, sa.Identity(start=FIRST_GENERATED_ID), nullable=False),
        sa.Column("first_name", sa.String(100), nullable=False),
        sa.Column("last_name", sa.String(100), nullable=False),
        sa.Column("age", sa.SmallInteger, nullable=False),
        sa.Column("phone_digits", sa.BigInteger, nullable=False),
        sa.Column("monthly_income_paise", sa.BigInteger, nullable=False),
        sa.Column("approved_limit_paise", sa.BigInteger, nullable=False),
        sa.Column("imported", sa.Boolean, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.CheckConstraint("customer_id > 0", name=op.f("ck_customer_id_positive")),
        sa.CheckConstraint("age BETWEEN 18 AND 120", name=op.f("ck_customer_age_range")),
        sa.CheckConstraint("monthly_income_paise > 0", name=op.f("ck_customer_income_positive")),
        sa.CheckConstraint("approved_limit_paise >= 0", name=op.f("ck_customer_limit_not_negative")),
        sa.CheckConstraint("length(first_name) BETWEEN 1 AND 100", name=op.f("ck_customer_first_name_length")),
        sa.CheckConstraint("length(last_name) BETWEEN 1 AND 100", name=op.f("ck_customer_last_name_length")),
        sa.CheckConstraint("phone_digits > 0", name=op.f("ck_customer_phone_digits_positive")),
        sa.PrimaryKeyConstraint("customer_id", name="pk_customer"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "phone_number",
        sa.Column("digits", ID, autoincrement=False, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.CheckConstraint("digits > 0", name=op.f("ck_phone_number_digits_positive")),
        sa.PrimaryKeyConstraint("digits", name="pk_phone_number"),
    )


def _create_decisions() -> None:
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.String(36), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("policy_version", sa.String(64), nullable=False),
        sa.Column("policy_sha256", sa.String(64), nullable=False),
        sa.Column("approved", sa.Boolean, nullable=False),
        sa.Column("credit_score", sa.SmallInteger, nullable=False),
        sa.Column("reasons", sa.String(255), nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("snapshot_sha256", sa.String(64), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.CheckConstraint("credit_score BETWEEN 0 AND 100", name=op.f("ck_decision_score_range")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.customer_id"], name="fk_decision_customer_id"),
        sa.PrimaryKeyConstraint("customer_id", "decision_id", name="pk_decision"),
    )
    op.create_index("ix_decision_decision_id", "decision", ["decision_id"])
    op.create_table(
        "policy_pin",
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_policy_pin"),
    )
    op.create_table(
        "idempotency_record",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_idempotency_record"),
    )


def _create_loans() -> None:
    op.create_table(
        "loan_number",
        sa.Column("loan_id", ID, sa.Identity(start=FIRST_GENERATED_ID), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.CheckConstraint("loan_id > 0", name=op.f("ck_loan_number_id_positive")),
        sa.PrimaryKeyConstraint("loan_id", name="pk_loan_number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "loan",
        sa.Column("loan_id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("loan_amount_paise", sa.BigInteger, nullable=False),
        sa.Column("interest_rate_e4", sa.Integer, nullable=False),
        sa.Column("tenure_months", sa.SmallInteger, nullable=False),
        sa.Column("monthly_installment_paise", sa.BigInteger, nullable=False),
        sa.Column("installment_method", sa.String(32), nullable=False),
        sa.Column("emis_paid", sa.SmallInteger, nullable=False),
        sa.Column("emis_paid_on_time", sa.SmallInteger, nullable=False),
        sa.Column("outstanding_principal_paise", sa.BigInteger, nullable=False),
        sa.Column("approval_year", sa.SmallInteger, nullable=False),
        sa.Column("approval_month", sa.SmallInteger, nullable=False),
        sa.Column("approval_day", sa.SmallInteger, nullable=False),
        sa.Column("source_loan_id", sa.BigInteger),
        sa.Column("decision_id", sa.String(36)),
        sa.Column("paid_toward_next_paise", sa.BigInteger, nullable=False),
        sa.Column("repayment_count", sa.SmallInteger, nullable=False),
        sa.CheckConstraint("loan_amount_paise BETWEEN 100000 AND 100000000000", name=op.f("ck_loan_amount_range")),
        sa.CheckConstraint("interest_rate_e4 BETWEEN 0 AND 1000000", name=op.f("ck_loan_rate_range")),
        sa.CheckConstraint("tenure_months BETWEEN 1 AND 600", name=op.f("ck_loan_tenure_range")),
        sa.CheckConstraint("monthly_installment_paise > 0", name=op.f("ck_loan_installment_positive")),
        sa.CheckConstraint(
            "installment_method IN ('REDUCING_BALANCE', 'ANNUAL_COMPOUND')",
            name=op.f("ck_loan_installment_method_known"),
        ),
        sa.CheckConstraint("approval_year BETWEEN 1 AND 9999", name=op.f("ck_loan_approval_year_range")),
        sa.CheckConstraint("approval_month BETWEEN 1 AND 12", name=op.f("ck_loan_approval_month_range")),
        sa.CheckConstraint("approval_day BETWEEN 1 AND 31", name=op.f("ck_loan_approval_day_range")),
        sa.CheckConstraint("emis_paid BETWEEN 0 AND tenure_months", name=op.f("ck_loan_emis_paid_range")),
        sa.CheckConstraint("emis_paid_on_time BETWEEN 0 AND emis_paid", name=op.f("ck_loan_emis_on_time_range")),
        sa.CheckConstraint(
            "outstanding_principal_paise BETWEEN 0 AND loan_amount_paise", name=op.f("ck_loan_outstanding_range")
        ),
        sa.CheckConstraint(
            "(outstanding_principal_paise = 0) = (emis_paid = tenure_months)", name=op.f("ck_loan_closed_when_repaid")
        ),
        sa.CheckConstraint(
            "(source_loan_id IS NULL) <> (decision_id IS NULL)", name=op.f("ck_loan_imported_or_booked")
        ),
        sa.CheckConstraint("paid_toward_next_paise >= 0", name=op.f("ck_loan_paid_toward_next_not_negative")),
        sa.CheckConstraint(
            "paid_toward_next_paise = 0 OR emis_paid < tenure_months", name=op.f("ck_loan_nothing_next_when_repaid")
        ),
        sa.CheckConstraint("repayment_count BETWEEN 0 AND 10000", name=op.f("ck_loan_repayment_count_range")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.customer_id"], name="fk_loan_customer_id"),
        sa.ForeignKeyConstraint(
            ["decision_id", "customer_id"], ["decision.decision_id", "decision.customer_id"], name="fk_loan_decision_id"
        ),
        sa.PrimaryKeyConstraint("customer_id", "loan_id", name="pk_loan"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_loan_customer_id_decision_id",
        "loan",
        ["customer_id", "decision_id"],
        unique=True,
        sqlite_where=sa.text("decision_id IS NOT NULL"),
        postgresql_where=sa.text("decision_id IS NOT NULL"),
    )
    op.create_index(
        "uq_loan_customer_id_source_loan_id",
        "loan",
        ["customer_id", "source_loan_id"],
        unique=True,
        sqlite_where=sa.text("source_loan_id != loan_id"),
        postgresql_where=sa.text("source_loan_id != loan_id"),
    )


def _create_repayments() -> None:
    op.create_table(
        "repayment",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("loan_id", ID, nullable=False),
        sa.Column("number", sa.SmallInteger, nullable=False),
        sa.Column("repayment_id", sa.String(36), nullable=False),
        sa.Column("amount_paise", sa.BigInteger, nullable=False),
        sa.Column("payment_date", sa.Date, nullable=False),
        sa.Column("emis_paid_before", sa.SmallInteger, nullable=False),
        sa.Column("emis_paid_on_time_before", sa.SmallInteger, nullable=False),
        sa.Column("paid_toward_next_before_paise", sa.BigInteger, nullable=False),
        sa.Column("outstanding_principal_before_paise", sa.BigInteger, nullable=False),
        sa.Column("emis_paid", sa.SmallInteger, nullable=False),
        sa.Column("emis_paid_on_time", sa.SmallInteger, nullable=False),
        sa.Column("paid_toward_next_paise", sa.BigInteger, nullable=False),
        sa.Column("outstanding_principal_paise", sa.BigInteger, nullable=False),
        sa.Column("closes_loan", sa.Boolean, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.CheckConstraint("number BETWEEN 1 AND 10000", name=op.f("ck_repayment_number_range")),
        sa.CheckConstraint("amount_paise > 0", name=op.f("ck_repayment_amount_positive")),
        sa.CheckConstraint(
            "emis_paid_on_time_before BETWEEN 0 AND emis_paid_before",
            name=op.f("ck_repayment_emis_on_time_before_range"),
        ),
        sa.CheckConstraint("emis_paid >= emis_paid_before", name=op.f("ck_repayment_emis_paid_not_fewer")),
        sa.CheckConstraint(
            "emis_paid_on_time - emis_paid_on_time_before BETWEEN 0 AND emis_paid - emis_paid_before",
            name=op.f("ck_repayment_emis_on_time_range"),
        ),
        sa.CheckConstraint(
            "paid_toward_next_before_paise >= 0", name=op.f("ck_repayment_paid_toward_next_before_not_negative")
        ),
        sa.CheckConstraint("paid_toward_next_paise >= 0", name=op.f("ck_repayment_paid_toward_next_not_negative")),
        sa.CheckConstraint(
            "outstanding_principal_paise BETWEEN 0 AND outstanding_principal_before_paise",
            name=op.f("ck_repayment_outstanding_range"),
        ),
        sa.CheckConstraint(
            "outstanding_principal_before_paise > 0", name=op.f("ck_repayment_outstanding_before_positive")
        ),
        sa.CheckConstraint(
            "closes_loan = (outstanding_principal_paise = 0)", name=op.f("ck_repayment_closes_when_repaid")
        ),
        sa.CheckConstraint(
            "NOT closes_loan OR paid_toward_next_paise = 0", name=op.f("ck_repayment_nothing_next_when_repaid")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "loan_id"], ["loan.customer_id", "loan.loan_id"], name="fk_repayment_customer_id"
        ),
        sa.PrimaryKeyConstraint("customer_id", "loan_id", "number", name="pk_repayment"),
        sa.UniqueConstraint("customer_id", "repayment_id", name="uq_repayment_customer_id_repayment_id"),
        sqlite_with_rowid=False,
    )


def _create_imports() -> None:
    op.create_table(
        "import_file",
        sa.Column("queue_number", ID, sa.Identity(), nullable=False),
        sa.Column("import_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.Column("book_date", sa.Date, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("rows_total", sa.Integer, nullable=False),
        sa.Column("rows_inserted", sa.Integer, nullable=False),
        sa.Column("rows_updated", sa.Integer, nullable=False),
        sa.Column("rows_unchanged", sa.Integer, nullable=False),
        sa.Column("rows_rejected", sa.Integer, nullable=False),
        sa.Column("rows_adjusted", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("start_time_us", sa.BigInteger),
        sa.Column("end_time_us", sa.BigInteger),
        sa.CheckConstraint("kind IN ('CUSTOMERS', 'LOANS')", name=op.f("ck_import_file_kind_known")),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')",
            name=op.f("ck_import_file_state_known"),
        ),
        sa.CheckConstraint(
            "state <> 'SUCCEEDED' OR rows_total = rows_inserted + rows_updated + rows_unchanged + rows_rejected",
            name=op.f("ck_import_file_rows_accounted_for"),
        ),
        sa.CheckConstraint(
            "(state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (end_time_us IS NOT NULL)",
            name=op.f("ck_import_file_ended_in_end_state"),
        ),
        sa.PrimaryKeyConstraint("queue_number", name="pk_import_file"),
        sa.UniqueConstraint("import_id", name="uq_import_file_import_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_import_file_sha256", "import_file", ["sha256"])
    op.create_index("ix_import_file_state_queue_number", "import_file", ["state", "queue_number"])
    op.create_table(
        "import_content",
        sa.Column("import_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_import_content"),
    )
    op.create_table(
        "import_issue",
        sa.Column("queue_number", ID, nullable=False),
        sa.Column("row_number", sa.Integer, nullable=False),
        sa.Column("number", sa.SmallInteger, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("column_heading", sa.String(64), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.CheckConstraint("outcome IN ('REJECTED', 'ADJUSTED')", name=op.f("ck_import_issue_outcome_known")),
        sa.ForeignKeyConstraint(["queue_number"], ["import_file.queue_number"], name="fk_import_issue_queue_number"),
        sa.PrimaryKeyConstraint("queue_number", "row_number", "number", name="pk_import_issue"),
    )


def _complete_sqlite() -> None:
    # AUTOINCREMENT goes on from the greatest id so far, which SQLite keeps in this table.
    sequence = sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
    op.bulk_insert(sequence, [{"name": table, "seq": FIRST_GENERATED_ID - 1} for table in ("customer", "loan_number")])
    for change, done in (("UPDATE", "changed"), ("DELETE", "removed")):
        op.execute(
            f"CREATE TRIGGER repayment_is_never_{done} BEFORE {change} ON repayment "
            f"BEGIN SELECT RAISE(ABORT, 'a repayment is never {done}'); END"
        )


def _complete_postgresql() -> None:
    # To compress a CSV file that stays for some minutes takes 35 ms a mebibyte; a workbook is compressed already.
    op.execute("ALTER TABLE import_content ALTER COLUMN content SET STORAGE EXTERNAL")
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN RAISE EXCEPTION ''a row of % is never changed nor removed'', TG_TABLE_NAME; END'"
    )
    op.execute(
        "CREATE TRIGGER repayment_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON repayment "
        "EXECUTE FUNCTION refuse_change()"
    )
