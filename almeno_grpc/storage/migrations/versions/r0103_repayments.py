"""Repayments, which are never changed once recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0103"
down_revision = "0102"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Creates the table."""
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
        sa.PrimaryKeyConstraint("customer_id", "loan_id", "number", name="pk_repayment"),
        sa.ForeignKeyConstraint(
            ["customer_id", "loan_id"], ["loan.customer_id", "loan.loan_id"], name="fk_repayment_customer_id"
        ),
        sa.UniqueConstraint("repayment_id", name="uq_repayment_repayment_id"),
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
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        for change, done in (("UPDATE", "changed"), ("DELETE", "removed")):
            op.execute(
                f"CREATE TRIGGER repayment_is_never_{done} BEFORE {change} ON repayment "
                f"BEGIN SELECT RAISE(ABORT, 'a repayment is never {done}'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql "
            "AS 'BEGIN RAISE EXCEPTION ''a row of % is never changed nor removed'', TG_TABLE_NAME; END'"
        )
        op.execute(
            "CREATE TRIGGER repayment_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON repayment "
            "EXECUTE FUNCTION refuse_change()"
        )
