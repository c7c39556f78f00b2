"""Every key of what a customer has carries the customer's number, so that the book can be divided by it."""

import sqlalchemy as sa
from alembic import op

revision = "0108"
down_revision = "0107"
branch_labels = None
depends_on = None

DECISION = ["decision_id", "customer_id"]
DECIDED = sa.text("decision_id IS NOT NULL")


def upgrade() -> None:
    """Widens the keys, and lets loans no longer refer to their numbers, which divide by the number."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        _alter()
    op.create_index("ix_decision_decision_id", "decision", ["decision_id"])
    op.create_index(
        "uq_loan_customer_id_decision_id",
        "loan",
        ["customer_id", "decision_id"],
        unique=True,
        sqlite_where=DECIDED,
        postgresql_where=DECIDED,
    )


def _alter() -> None:
    op.drop_constraint("fk_loan_loan_id", "loan")
    op.drop_constraint("uq_loan_number_loan_id_customer_id", "loan_number")
    op.drop_constraint("fk_loan_decision_id", "loan")
    op.drop_index("uq_loan_decision_id", "loan")
    op.drop_constraint("pk_decision", "decision")
    op.drop_index("ix_decision_customer_id_decision_id", "decision")
    op.create_primary_key("pk_decision", "decision", ["customer_id", "decision_id"])
    op.create_foreign_key("fk_loan_decision_id", "loan", "decision", DECISION, DECISION)
    op.drop_constraint("uq_repayment_repayment_id", "repayment")
    op.create_unique_constraint("uq_repayment_customer_id_repayment_id", "repayment", ["customer_id", "repayment_id"])


def _rebuild() -> None:
    """SQLite cannot change the keys of a table. Foreign keys are off meanwhile, see `SqliteDatabase.migrating`."""
    op.drop_index("ix_decision_customer_id_decision_id", "decision")
    op.drop_index("uq_loan_decision_id", "loan")
    _rebuild_table("decision", "rowid", {"PRIMARY KEY (decision_id)": "PRIMARY KEY (customer_id, decision_id)"})
    _rebuild_table(
        "loan_number",
        "loan_id",
        {"CONSTRAINT uq_loan_number_loan_id_customer_id UNIQUE (loan_id, customer_id),": ""},
    )
    _rebuild_table(
        "loan",
        "customer_id, loan_id",
        {
            "CONSTRAINT fk_loan_loan_id FOREIGN KEY(loan_id, customer_id)"
            " REFERENCES loan_number (loan_id, customer_id),": "",
            "FOREIGN KEY(decision_id) REFERENCES decision (decision_id)": "FOREIGN KEY(decision_id, customer_id)"
            " REFERENCES decision (decision_id, customer_id)",
        },
    )
    _rebuild_table(
        "repayment",
        "customer_id, loan_id, number",
        {
            "CONSTRAINT uq_repayment_repayment_id UNIQUE (repayment_id)": "CONSTRAINT"
            " uq_repayment_customer_id_repayment_id UNIQUE (customer_id, repayment_id)"
        },
    )
    if op.get_bind().exec_driver_sql("PRAGMA foreign_key_check").first():
        raise RuntimeError("a row names another that is not there; the database stays as it was")


def _rebuild_table(name: str, order: str, changes: dict[str, str]) -> None:
    run = op.get_bind().exec_driver_sql
    table = run("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)).scalar_one()
    kept = run(
        "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND tbl_name = ? AND sql IS NOT NULL", (name,)
    )
    others = kept.scalars().all()
    table = table.replace(f'"{name}"', name, 1)
    for before, after in {f"CREATE TABLE {name} ": f"CREATE TABLE rebuilt_{name} ", **changes}.items():
        head, found, tail = table.partition(before)
        if not found:
            raise RuntimeError(f"the table {name} is not as this migration expects it; the database stays as it was")
        table = head + after + tail
    run(table)
    run(f"INSERT INTO rebuilt_{name} SELECT * FROM {name} ORDER BY {order}")  # noqa: S608
    # The numbers that the service gives go on where they were.
    run("DELETE FROM sqlite_sequence WHERE name = ?", (f"rebuilt_{name}",))
    run(
        "INSERT INTO sqlite_sequence (name, seq) SELECT ?, seq FROM sqlite_sequence WHERE name = ?",
        (f"rebuilt_{name}", name),
    )
    run(f"DROP TABLE {name}")
    run(f"ALTER TABLE rebuilt_{name} RENAME TO {name}")
    for each in others:
        run(each)
