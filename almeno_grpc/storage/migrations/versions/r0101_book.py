"""Customers, loans, their decisions, and the requests already answered."""

import sqlalchemy as sa
from alembic import op

revision = "0101"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
FIRST_GENERATED_ID = 1_000_000_001


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "customer",
        sa.Column("customer_id", ID, sa.Identity(start=FIRST_GENERATED_ID), primary_key=True),
        sa.Column("first_name", sa.String(100), nullable=False),
        sa.Column("last_name", sa.String(100), nullable=False),
        sa.Column("age", sa.SmallInteger, nullable=False),
        sa.Column("phone_number", sa.String(16), nullable=False),
        sa.Column("monthly_income_paise", sa.BigInteger, nullable=False),
        sa.Column("approved_limit_paise", sa.BigInteger, nullable=False),
        sa.Column("imported", sa.Boolean, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("phone_number", name="uq_customer_phone_number"),
        sa.CheckConstraint("customer_id > 0", name=op.f("ck_customer_id_positive")),
        sa.CheckConstraint("age BETWEEN 18 AND 120", name=op.f("ck_customer_age_range")),
        sa.CheckConstraint("monthly_income_paise > 0", name=op.f("ck_customer_income_positive")),
        sa.CheckConstraint("approved_limit_paise >= 0", name=op.f("ck_customer_limit_not_negative")),
        sa.CheckConstraint("length(first_name) BETWEEN 1 AND 100", name=op.f("ck_customer_first_name_length")),
        sa.CheckConstraint("length(last_name) BETWEEN 1 AND 100", name=op.f("ck_customer_last_name_length")),
        sa.CheckConstraint("phone_number LIKE '+%'", name=op.f("ck_customer_phone_number_e164")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "decision",
        sa.Column("decision_id", sa.String(36), primary_key=True),
        sa.Column(
            "customer_id", ID, sa.ForeignKey("customer.customer_id", name="fk_decision_customer_id"), nullable=False
        ),
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
    )
    op.create_index("ix_decision_customer_id_decision_id", "decision", ["customer_id", "decision_id"])
    op.create_table(
        "loan_number",
        sa.Column("loan_id", ID, sa.Identity(start=FIRST_GENERATED_ID), primary_key=True),
        sa.Column("customer_id", ID, nullable=False),
        sa.UniqueConstraint("loan_id", "customer_id", name="uq_loan_number_loan_id_customer_id"),
        sa.CheckConstraint("loan_id > 0", name=op.f("ck_loan_number_id_positive")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "loan",
        sa.Column("loan_id", ID, nullable=False),
        sa.Column("customer_id", ID, sa.ForeignKey("customer.customer_id", name="fk_loan_customer_id"), nullable=False),
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
        sa.Column("decision_id", sa.String(36), sa.ForeignKey("decision.decision_id", name="fk_loan_decision_id")),
        sa.Column("paid_toward_next_paise", sa.BigInteger, nullable=False),
        sa.Column("repayment_count", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "loan_id", name="pk_loan"),
        sa.ForeignKeyConstraint(
            ["loan_id", "customer_id"], ["loan_number.loan_id", "loan_number.customer_id"], name="fk_loan_loan_id"
        ),
        sa.UniqueConstraint("customer_id", "source_loan_id", name="uq_loan_customer_id_source_loan_id"),
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
        sqlite_with_rowid=False,
    )
    decided = sa.text("decision_id IS NOT NULL")
    op.create_index(
        "uq_loan_decision_id", "loan", ["decision_id"], unique=True, sqlite_where=decided, postgresql_where=decided
    )
    op.create_table(
        "policy_pin",
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_table(
        "idempotency_record",
        sa.Column("request_id", sa.String(36), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        # SQLite numbers on from the largest number given so far, which it keeps in this table.
        sequence = sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
        op.bulk_insert(
            sequence, [{"name": table, "seq": FIRST_GENERATED_ID - 1} for table in ("customer", "loan_number")]
        )
