"""The tables. Checks mirror the invariants of the domain, so that no path around it can break them.

Amounts are whole paise, rates ten-thousandths of a per cent, instants microseconds since the epoch: whole numbers that
every database keeps exactly.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

FIRST_GENERATED_ID = 1_000_000_001
"""The smallest customer_id and loan_id that the service generates; those of imported books lie below, as a rule."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite generates ids only for a column declared INTEGER, which holds 64 bits there."""


def _generated_id(name: str) -> Column[int]:
    return Column(name, _Id, Identity(start=FIRST_GENERATED_ID), primary_key=True)


customer = Table(
    "customer",
    metadata,
    _generated_id("customer_id"),
    Column("first_name", String(100), nullable=False),
    Column("last_name", String(100), nullable=False),
    Column("age", SmallInteger, nullable=False),
    # As in the table of phone numbers.
    Column("phone_digits", BigInteger, nullable=False),
    Column("monthly_income_paise", BigInteger, nullable=False),
    Column("approved_limit_paise", BigInteger, nullable=False),
    Column("imported", Boolean, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    # A day here and in loans is the number of it: 1 is the first day of the year 1. NULL while they are not.
    Column("non_performing_since_day", Integer),
    # The fields that calls have changed, a bit each: `almeno_grpc.domain.customer.CustomerField`.
    Column(
        "changed_fields",
        SmallInteger,
        CheckConstraint("changed_fields BETWEEN 0 AND 63", name="changed_fields_range"),
        server_default=text("0"),
        nullable=False,
    ),
    CheckConstraint("customer_id > 0", name="id_positive"),
    CheckConstraint("age BETWEEN 18 AND 120", name="age_range"),
    CheckConstraint("monthly_income_paise > 0", name="income_positive"),
    CheckConstraint("approved_limit_paise >= 0", name="limit_not_negative"),
    CheckConstraint("length(first_name) BETWEEN 1 AND 100", name="first_name_length"),
    CheckConstraint("length(last_name) BETWEEN 1 AND 100", name="last_name_length"),
    CheckConstraint("phone_digits > 0", name="phone_digits_positive"),
    sqlite_autoincrement=True,
)

# Whose a phone number is. A table and no unique key of the customers, for the numbers of a book are inserted in their
# own order, customers in theirs, and neither at random. A foreign key would cost as much again: who inserts or updates
# a customer keeps the two tables alike, in the same transaction.
phone_number = Table(
    "phone_number",
    metadata,
    # Of the number in E.164 form, so all but its plus sign.
    Column("digits", _Id, primary_key=True, autoincrement=False),
    Column("customer_id", _Id, nullable=False),
    CheckConstraint("digits > 0", name="digits_positive"),
)

# The keys by whose beginnings customers are found: `almeno_grpc.domain.names.name_keys`. Kept as the table above, and
# as little a part of the audit trail: whom a search finds is a customer that the trail covers. In the order of code
# points, so that the keys with one beginning are a range; on PostgreSQL text has another order by default.
customer_name = Table(
    "customer_name",
    metadata,
    Column("key", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False),
    Column("customer_id", _Id, nullable=False),
    PrimaryKeyConstraint("key", "customer_id"),
    sqlite_with_rowid=False,
)

# The keys of what a customer has carry the customer_id, so that the book can be partitioned by it. Ids of decisions and
# repayments are UUIDs, which no two customers have by themselves. Ids of decisions are ordered by time, and a month of
# them is a partition on PostgreSQL, which is let go as a whole. Loans have no foreign key to their decision, for it may
# be gone: who inserts a loan inserts its decision in the same transaction.
decision = Table(
    "decision",
    metadata,
    Column("decision_id", String(36), nullable=False),
    Column("customer_id", _Id, ForeignKey("customer.customer_id"), nullable=False),
    Column("business_date", Date, nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("policy_sha256", String(64), nullable=False),
    Column("approved", Boolean, nullable=False),
    Column("credit_score", SmallInteger, nullable=False),
    Column("reasons", String(255), nullable=False),
    Column("snapshot", Text, nullable=False),
    Column("snapshot_sha256", String(64), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("customer_id", "decision_id"),
    CheckConstraint("credit_score BETWEEN 0 AND 100", name="score_range"),
    Index(None, "decision_id"),
)

# One row at most: the smallest decision_id that there may be still. Those below were let go, if they are not here.
decision_cut = Table(
    "decision_cut",
    metadata,
    Column("place", SmallInteger, primary_key=True, autoincrement=False),
    Column("decision_id", String(36), nullable=False),
    CheckConstraint("place = 1", name="one_row"),
)

# The customer of each loan_id, which may be reserved for a loan that never came, and is then free for another. Loans
# have no foreign key to it, for it is partitioned by loan_id: who inserts a loan inserts its id here, or sees that it
# is the customer's, in the same transaction, and the id of a loan is never given to another.
loan_number = Table(
    "loan_number",
    metadata,
    _generated_id("loan_id"),
    Column("customer_id", _Id, nullable=False),
    CheckConstraint("loan_id > 0", name="id_positive"),
    sqlite_autoincrement=True,
)

# A customer's loans are adjacent: a check reads a page or two of them, and a book that comes in the order of its
# customers is written from end to end.
loan = Table(
    "loan",
    metadata,
    Column("loan_id", _Id, nullable=False),
    Column("customer_id", _Id, ForeignKey("customer.customer_id"), nullable=False),
    Column("loan_amount_paise", BigInteger, nullable=False),
    Column("interest_rate_e4", Integer, nullable=False),
    Column("tenure_months", SmallInteger, nullable=False),
    Column("monthly_installment_paise", BigInteger, nullable=False),
    Column("installment_method", String(32), nullable=False),
    Column("emis_paid", SmallInteger, nullable=False),
    Column("emis_paid_on_time", SmallInteger, nullable=False),
    Column("outstanding_principal_paise", BigInteger, nullable=False),
    Column("approval_year", SmallInteger, nullable=False),
    Column("approval_month", SmallInteger, nullable=False),
    Column("approval_day", SmallInteger, nullable=False),
    Column("source_loan_id", BigInteger),
    Column("decision_id", String(36)),
    Column("paid_toward_next_paise", BigInteger, nullable=False),
    Column("repayment_count", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False),
    # Due dates count from it. NULL until it is disbursed.
    Column("disbursement_year", SmallInteger),
    Column("disbursement_month", SmallInteger),
    Column("disbursement_day", SmallInteger),
    # NULL for a loan that was disbursed on its approval.
    Column("valid_until_day", Integer),
    # Of those that stand, 0 for none.
    Column("latest_repayment", SmallInteger, nullable=False),
    Column("terms_version", String(64)),
    # How many segments of its schedule stand, the first included; 0 as long as the schedule is as it was booked.
    Column("segment_count", SmallInteger, nullable=False),
    Column("charge_count", Integer, nullable=False),
    Column("open_charges_paise", BigInteger, nullable=False),
    # The due date of the oldest instalment not wholly paid: arrears follow from it without a look at the schedule.
    Column("next_due_day", Integer),
    Column("non_performing_since_day", Integer),
    PrimaryKeyConstraint("customer_id", "loan_id"),
    CheckConstraint("loan_amount_paise BETWEEN 100000 AND 100000000000", name="amount_range"),
    CheckConstraint("interest_rate_e4 BETWEEN 0 AND 1000000", name="rate_range"),
    CheckConstraint("tenure_months BETWEEN 1 AND 600", name="tenure_range"),
    CheckConstraint("monthly_installment_paise > 0", name="installment_positive"),
    CheckConstraint("installment_method IN ('REDUCING_BALANCE', 'ANNUAL_COMPOUND')", name="installment_method_known"),
    CheckConstraint("approval_year BETWEEN 1 AND 9999", name="approval_year_range"),
    CheckConstraint("approval_month BETWEEN 1 AND 12", name="approval_month_range"),
    CheckConstraint("approval_day BETWEEN 1 AND 31", name="approval_day_range"),
    CheckConstraint("emis_paid BETWEEN 0 AND tenure_months", name="emis_paid_range"),
    CheckConstraint("emis_paid_on_time BETWEEN 0 AND emis_paid", name="emis_on_time_range"),
    CheckConstraint("outstanding_principal_paise BETWEEN 0 AND loan_amount_paise", name="outstanding_range"),
    CheckConstraint(
        "(outstanding_principal_paise = 0) = (emis_paid = tenure_months OR state IN ('CANCELLED', 'EXITED'))",
        name="closed_when_repaid",
    ),
    CheckConstraint("(source_loan_id IS NULL) <> (decision_id IS NULL)", name="imported_or_booked"),
    CheckConstraint("paid_toward_next_paise >= 0", name="paid_toward_next_not_negative"),
    CheckConstraint("paid_toward_next_paise = 0 OR emis_paid < tenure_months", name="nothing_next_when_repaid"),
    CheckConstraint("repayment_count BETWEEN 0 AND 10599", name="repayment_count_range"),
    # The frequent ones first: for a list of three or more SQLite makes a table each time, which takes a microsecond.
    CheckConstraint(
        "state = 'ACTIVE' OR state = 'CLOSED' OR state = 'SANCTIONED' OR state = 'CANCELLED' OR state = 'EXITED'",
        name="state_known",
    ),
    CheckConstraint(
        "(state = 'CLOSED')"
        " = (state NOT IN ('CANCELLED', 'EXITED') AND emis_paid = tenure_months AND open_charges_paise = 0)",
        name="closed_when_settled",
    ),
    CheckConstraint(
        "(disbursement_year IS NULL) = (state IN ('SANCTIONED', 'CANCELLED'))"
        " AND (disbursement_month IS NULL) = (disbursement_year IS NULL)"
        " AND (disbursement_day IS NULL) = (disbursement_year IS NULL)",
        name="disbursed_by_state",
    ),
    CheckConstraint(
        "disbursement_year BETWEEN 1 AND 9999 AND disbursement_month BETWEEN 1 AND 12"
        " AND disbursement_day BETWEEN 1 AND 31",
        name="disbursement_range",
    ),
    # Where a column is NULL the check is neither true nor false, and holds.
    CheckConstraint(
        "valid_until_day IS NOT NULL OR (state NOT IN ('SANCTIONED', 'CANCELLED')"
        " AND disbursement_year = approval_year AND disbursement_month = approval_month"
        " AND disbursement_day = approval_day)",
        name="valid_until_disbursed",
    ),
    CheckConstraint(
        "disbursement_year IS NOT NULL OR (emis_paid = 0 AND paid_toward_next_paise = 0 AND repayment_count = 0)",
        name="nothing_paid_before_disbursement",
    ),
    CheckConstraint("latest_repayment BETWEEN 0 AND repayment_count", name="latest_repayment_range"),
    CheckConstraint("segment_count = 0 OR segment_count >= 2", name="segment_count_range"),
    CheckConstraint("charge_count >= 0", name="charge_count_not_negative"),
    CheckConstraint(
        "open_charges_paise = 0 OR (open_charges_paise > 0 AND emis_paid = tenure_months AND state = 'ACTIVE')",
        name="open_charges_range",
    ),
    CheckConstraint(
        "(next_due_day IS NOT NULL) = (state = 'ACTIVE' AND emis_paid < tenure_months)", name="next_due_when_left"
    ),
    CheckConstraint("non_performing_since_day IS NULL OR next_due_day IS NOT NULL", name="non_performing_when_left"),
    sqlite_with_rowid=False,
)

# Imported loans have no decision, and no place in the index.
Index(
    "uq_loan_customer_id_decision_id",
    loan.c.customer_id,
    loan.c.decision_id,
    unique=True,
    sqlite_where=loan.c.decision_id.is_not(None),
    postgresql_where=loan.c.decision_id.is_not(None),
)

# An imported loan that kept the id of its sheet is unique by the primary key. One is given another id only where a loan
# of another customer has that id, which is never free again: both cannot exist for one customer.
_RENUMBERED = loan.c.source_loan_id != loan.c.loan_id
Index(
    "uq_loan_customer_id_source_loan_id",
    loan.c.customer_id,
    loan.c.source_loan_id,
    unique=True,
    sqlite_where=_RENUMBERED,
    postgresql_where=_RENUMBERED,
)

# What was paid, and how the loan stood before and after it. Triggers of the migrations refuse updates and deletes. A
# partition on PostgreSQL is a range of customers, for none is ever let go.
repayment = Table(
    "repayment",
    metadata,
    Column("customer_id", _Id, nullable=False),
    Column("loan_id", _Id, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("repayment_id", String(36), nullable=False),
    Column("amount_paise", BigInteger, nullable=False),
    Column("payment_date", Date, nullable=False),
    Column("emis_paid_before", SmallInteger, nullable=False),
    Column("emis_paid_on_time_before", SmallInteger, nullable=False),
    Column("paid_toward_next_before_paise", BigInteger, nullable=False),
    Column("outstanding_principal_before_paise", BigInteger, nullable=False),
    Column("emis_paid", SmallInteger, nullable=False),
    Column("emis_paid_on_time", SmallInteger, nullable=False),
    Column("paid_toward_next_paise", BigInteger, nullable=False),
    Column("outstanding_principal_paise", BigInteger, nullable=False),
    Column("closes_loan", Boolean, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False, server_default="REPAYMENT"),
    Column("effect", String(32)),
    Column("charges_paid_paise", BigInteger, nullable=False, server_default=text("0")),
    Column("channel", String(16)),
    Column("external_reference", String(64), nullable=False, server_default=""),
    PrimaryKeyConstraint("customer_id", "loan_id", "number"),
    ForeignKeyConstraint(["customer_id", "loan_id"], ["loan.customer_id", "loan.loan_id"]),
    UniqueConstraint("customer_id", "repayment_id"),
    CheckConstraint("number BETWEEN 1 AND 10599", name="number_range"),
    CheckConstraint("amount_paise > 0 OR (amount_paise = 0 AND kind = 'EXIT')", name="amount_positive"),
    CheckConstraint("emis_paid_on_time_before BETWEEN 0 AND emis_paid_before", name="emis_on_time_before_range"),
    CheckConstraint("emis_paid >= emis_paid_before", name="emis_paid_not_fewer"),
    CheckConstraint(
        "emis_paid_on_time - emis_paid_on_time_before BETWEEN 0 AND emis_paid - emis_paid_before",
        name="emis_on_time_range",
    ),
    CheckConstraint("paid_toward_next_before_paise >= 0", name="paid_toward_next_before_not_negative"),
    CheckConstraint("paid_toward_next_paise >= 0", name="paid_toward_next_not_negative"),
    CheckConstraint(
        "outstanding_principal_paise BETWEEN 0 AND outstanding_principal_before_paise", name="outstanding_range"
    ),
    CheckConstraint("NOT closes_loan OR outstanding_principal_paise = 0", name="closes_when_repaid"),
    CheckConstraint("NOT closes_loan OR paid_toward_next_paise = 0", name="nothing_next_when_repaid"),
    CheckConstraint("kind IN ('REPAYMENT', 'PREPAYMENT', 'EXIT')", name="kind_known"),
    CheckConstraint("kind <> 'EXIT' OR (closes_loan AND emis_paid = emis_paid_before)", name="exit_closes_loan"),
    CheckConstraint(
        "kind <> 'PREPAYMENT' OR (emis_paid = emis_paid_before AND outstanding_principal_paise > 0)",
        name="prepayment_leaves_balance",
    ),
    CheckConstraint("effect IN ('SHORTER_TENURE', 'LOWER_INSTALLMENT')", name="effect_known"),
    CheckConstraint("(effect IS NOT NULL) = (kind = 'PREPAYMENT')", name="effect_of_prepayment"),
    CheckConstraint("charges_paid_paise BETWEEN 0 AND amount_paise", name="charges_paid_range"),
    CheckConstraint("channel IN ('NACH', 'UPI', 'TRANSFER', 'CASH', 'OTHER')", name="channel_known"),
    CheckConstraint("length(external_reference) <= 64", name="external_reference_length"),
    Index(None, "repayment_id"),
    sqlite_with_rowid=False,
)

# That a repayment was taken back. Triggers refuse updates and deletes of this table and the three that follow.
repayment_reversal = Table(
    "repayment_reversal",
    metadata,
    Column("customer_id", _Id, nullable=False),
    Column("loan_id", _Id, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("reversal_date", Date, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("return_code", String(20), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("customer_id", "loan_id", "number"),
    ForeignKeyConstraint(
        ["customer_id", "loan_id", "number"], ["repayment.customer_id", "repayment.loan_id", "repayment.number"]
    ),
    CheckConstraint("reason IN ('RETURNED', 'DUPLICATE', 'MISTAKE')", name="reason_known"),
    CheckConstraint("length(return_code) <= 20", name="return_code_length"),
    Index(None, "create_time_us"),
    sqlite_with_rowid=False,
)

# The schedule of a loan whose schedule has changed: as it was booked, then from each prepayment on. A segment stands as
# long as its prepayment does.
loan_segment = Table(
    "loan_segment",
    metadata,
    Column("customer_id", _Id, nullable=False),
    Column("loan_id", _Id, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("first_installment", SmallInteger, nullable=False),
    Column("opening_principal_paise", BigInteger, nullable=False),
    Column("interest_rate_e4", Integer, nullable=False),
    Column("installments", SmallInteger, nullable=False),
    Column("monthly_installment_paise", BigInteger, nullable=False),
    # The prepayment; NULL for the schedule as it was booked.
    Column("repayment_number", SmallInteger),
    PrimaryKeyConstraint("customer_id", "loan_id", "number"),
    ForeignKeyConstraint(["customer_id", "loan_id"], ["loan.customer_id", "loan.loan_id"]),
    ForeignKeyConstraint(
        ["repayment_number", "customer_id", "loan_id"],
        ["repayment.number", "repayment.customer_id", "repayment.loan_id"],
    ),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("(number = 1) = (repayment_number IS NULL)", name="first_as_booked"),
    CheckConstraint("first_installment > 0 AND (number > 1 OR first_installment = 1)", name="first_installment_range"),
    CheckConstraint("opening_principal_paise > 0", name="opening_principal_positive"),
    CheckConstraint("interest_rate_e4 BETWEEN 0 AND 1000000", name="rate_range"),
    CheckConstraint("installments BETWEEN 1 AND 600", name="installments_range"),
    CheckConstraint("monthly_installment_paise > 0", name="installment_positive"),
    sqlite_with_rowid=False,
)

# Charges and waivers as they were recorded. Late charges follow from terms and payments, and are not among them.
loan_charge = Table(
    "loan_charge",
    metadata,
    Column("customer_id", _Id, nullable=False),
    Column("loan_id", _Id, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("amount_paise", BigInteger, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("entry_date", Date, nullable=False),
    # Of the repayments recorded before it.
    Column("repayment_count", SmallInteger, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("customer_id", "loan_id", "number"),
    ForeignKeyConstraint(["customer_id", "loan_id"], ["loan.customer_id", "loan.loan_id"]),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("kind IN ('BOUNCE', 'OTHER', 'WAIVER')", name="kind_known"),
    CheckConstraint("amount_paise > 0", name="amount_positive"),
    CheckConstraint("length(reason) <= 200", name="reason_length"),
    CheckConstraint("repayment_count >= 0", name="repayment_count_not_negative"),
    sqlite_with_rowid=False,
)

# That a sanctioned loan was disbursed or cancelled.
sanction_end = Table(
    "sanction_end",
    metadata,
    Column("customer_id", _Id, nullable=False),
    Column("loan_id", _Id, nullable=False),
    Column("state", String(16), nullable=False),
    Column("end_date", Date, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("external_reference", String(64), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("customer_id", "loan_id"),
    ForeignKeyConstraint(["customer_id", "loan_id"], ["loan.customer_id", "loan.loan_id"]),
    CheckConstraint("state IN ('ACTIVE', 'CANCELLED')", name="state_known"),
    CheckConstraint(
        "(state = 'CANCELLED') = (reason <> '') AND reason IN ('', 'WITHDRAWN', 'LENDER')",
        name="reason_of_cancellation",
    ),
    CheckConstraint("length(external_reference) <= 64", name="external_reference_length"),
    sqlite_with_rowid=False,
)

# What a field of a customer or a loan was, and what it became. Triggers refuse updates and deletes, as of repayments.
customer_change = Table(
    "customer_change",
    metadata,
    Column("customer_id", _Id, ForeignKey("customer.customer_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("loan_id", _Id),
    Column("field", String(32), nullable=False),
    Column("old_value", Text, nullable=False),
    Column("new_value", Text, nullable=False),
    Column("principal", String(64), nullable=False),
    Column("import_id", String(36)),
    Column("row_number", Integer),
    Column("create_time_us", BigInteger, nullable=False),
    # Of an approved limit that a call has set.
    Column(
        "reason",
        String(200),
        CheckConstraint("length(reason) BETWEEN 1 AND 200", name="reason_length"),
    ),
    Column("request_date", Date),
    PrimaryKeyConstraint("customer_id", "number"),
    ForeignKeyConstraint(["loan_id", "customer_id"], ["loan.loan_id", "loan.customer_id"]),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("old_value <> new_value", name="values_differ"),
    CheckConstraint("(import_id IS NULL) = (row_number IS NULL)", name="row_of_import"),
    sqlite_with_rowid=False,
)

# The business dates on which decisions and changes of loans were recorded: the latest one is found by the key. A
# transaction that finds today there adds no row, so there are few, and the rows of those that begin a day at the same
# time differ by the id: no two ever wait for each other.
business_day = Table(
    "business_day",
    metadata,
    Column("business_date", Date, nullable=False),
    # Of a decision, or of a loan that was changed, of the transaction.
    Column("recorded_id", String(36), nullable=False),
    PrimaryKeyConstraint("business_date", "recorded_id"),
    sqlite_with_rowid=False,
)

policy_pin = Table(
    "policy_pin",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("sha256", String(64), nullable=False),
)

# The file itself too: a loan's terms hold when the file is gone. Triggers refuse updates and deletes.
terms_pin = Table(
    "terms_pin",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("content", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
)

# A request_id is its caller's: another principal's same id is another request.
idempotency_record = Table(
    "idempotency_record",
    metadata,
    Column("request_id", String(36), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    # NULL where it is in the table of answers: on PostgreSQL, but for requests from before there was that table.
    Column("answer", LargeBinary),
    Column("create_time_us", BigInteger, nullable=False),
    Column("principal", String(64), nullable=False, server_default=""),
    PrimaryKeyConstraint("request_id", "principal"),
)

# What requests were answered, on PostgreSQL. It is nine tenths of what is remembered of them: apart, so that a week of
# it is a partition and is let go as a whole, while the records stay unique over all weeks.
idempotency_answer = Table(
    "idempotency_answer",
    metadata,
    # That of its record.
    Column("create_time_us", BigInteger, nullable=False),
    Column("request_id", String(36), nullable=False),
    Column("principal", String(64), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    PrimaryKeyConstraint("create_time_us", "request_id", "principal"),
    sqlite_with_rowid=False,
)

principal = Table(
    "principal",
    metadata,
    Column("name", String(64), primary_key=True),
    # Separated by spaces, in alphabetical order.
    Column("scopes", Text, nullable=False),
    Column("max_loan_amount_paise", BigInteger),
    Column("max_repayment_paise", BigInteger),
    Column("calls_per_second", Integer),
    Column("burst", Integer),
    Column("max_streams", SmallInteger),
    Column("max_pii_reads_per_day", BigInteger),
    Column("disabled", Boolean, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("update_time_us", BigInteger, nullable=False),
    CheckConstraint("length(name) BETWEEN 1 AND 64", name="name_length"),
)

# Of an API key no more than its SHA-256: the secret is random, and cannot be found from that.
api_key = Table(
    "api_key",
    metadata,
    Column("key_id", String(12), primary_key=True),
    Column("principal", String(64), ForeignKey("principal.name"), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    # As the principal's; empty for all that it has.
    Column("scopes", Text, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("expire_time_us", BigInteger, nullable=False),
    Column("revoke_time_us", BigInteger),
    Column("last_use_date", Date),
    UniqueConstraint("sha256"),
    CheckConstraint("length(sha256) = 32", name="sha256_length"),
    CheckConstraint("expire_time_us > create_time_us", name="expires_later"),
    Index(None, "principal"),
)

certificate_name = Table(
    "certificate_name",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("principal", String(64), ForeignKey("principal.name"), nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Index(None, "principal"),
)

# One row, whose version moves with each change of the three tables above: by it a process sees that what it knows of
# callers is of yesterday.
access_state = Table(
    "access_state",
    metadata,
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("number = 1", name="one_row"),
)

# What other systems follow the book by: the last rows that a transaction writes. No part of the audit trail, for they
# only copy what it vouches for: who doubts an event compares it with the book. On PostgreSQL a week is a partition, and
# the primary key is that of each partition: the sequence gives no number twice.
change_event = Table(
    "change_event",
    metadata,
    Column("number", _Id, Identity(), primary_key=True),
    Column("event_time_us", BigInteger, nullable=False),
    Column("business_day", Integer, nullable=False),
    Column("principal", String(64), nullable=False),
    Column("request_id", String(36), nullable=False),
    Column("import_id", String(36), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("loan_id", BigInteger),
    # The customer, the loan and so on after the change, in MessagePack.
    Column("snapshot", LargeBinary, nullable=False),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("kind > 0", name="kind_positive"),
    sqlite_autoincrement=True,
)

# Up to which number the retention has removed all events.
change_event_cut = Table(
    "change_event_cut",
    metadata,
    Column("place", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    CheckConstraint("place = 1", name="one_row"),
    CheckConstraint("number >= 0", name="number_not_negative"),
)

import_file = Table(
    "import_file",
    metadata,
    Column("queue_number", _Id, Identity(), primary_key=True),
    Column("import_id", String(36), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("file_name", String(255), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    # The file's headings by the book's, as JSON.
    Column("columns", Text, nullable=False),
    Column("book_date", Date, nullable=False),
    Column("state", String(16), nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("rows_total", Integer, nullable=False),
    Column("rows_inserted", Integer, nullable=False),
    Column("rows_updated", Integer, nullable=False),
    Column("rows_unchanged", Integer, nullable=False),
    Column("rows_rejected", Integer, nullable=False),
    Column("rows_adjusted", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("start_time_us", BigInteger),
    Column("end_time_us", BigInteger),
    Column("principal", String(64), nullable=False, server_default=""),
    # Of which the first are kept.
    Column("issues_total", Integer, server_default=text("0"), nullable=False),
    UniqueConstraint("import_id"),
    CheckConstraint("kind IN ('CUSTOMERS', 'LOANS')", name="kind_known"),
    CheckConstraint("state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')", name="state_known"),
    CheckConstraint(
        "state <> 'SUCCEEDED' OR rows_total = rows_inserted + rows_updated + rows_unchanged + rows_rejected",
        name="rows_accounted_for",
    ),
    CheckConstraint(
        "(state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (end_time_us IS NOT NULL)", name="ended_in_end_state"
    ),
    Index(None, "state", "queue_number"),
    Index(None, "sha256"),
    sqlite_autoincrement=True,
)

# Uploads in pieces, which come before the import is queued and go after it has ended: a piece a transaction, so that no
# other waits for the whole of a large file.
import_content = Table(
    "import_content",
    metadata,
    Column("import_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

import_issue = Table(
    "import_issue",
    metadata,
    Column("queue_number", _Id, ForeignKey("import_file.queue_number"), primary_key=True),
    Column("row_number", Integer, primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    Column("outcome", String(16), nullable=False),
    Column("column_heading", String(64), nullable=False),
    Column("message", Text, nullable=False),
    CheckConstraint("outcome IN ('REJECTED', 'ADJUSTED')", name="outcome_known"),
)

# The audit trail. Each connection that writes appends to chains of its own, so that the events of a chain are adjacent
# and no two writers share a page for long. Triggers of the migrations refuse updates, and deletes of what no cut names.
# On PostgreSQL a month is a partition, and the primary key that of each partition.
audit_event = Table(
    "audit_event",
    metadata,
    Column("stream_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("event_time_us", BigInteger, nullable=False),
    Column("principal", String(64), nullable=False),
    Column("credential", String(255), nullable=False),
    Column("method", String(128), nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("request_id", String(36), nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # Rows of the book, each with its digest: a megabyte for an import, and so behind all that is read without it.
    Column("rows", LargeBinary, nullable=False),
    CheckConstraint("stream_id > 0 AND sequence > 0", name="place_positive"),
    CheckConstraint("kind BETWEEN 1 AND 4", name="kind_known"),
    Index(None, "event_time_us", "stream_id", "sequence"),
    sqlite_with_rowid=False,
)

# Up to which event of a chain the retention has removed all, and what that one's hash was.
audit_cut = Table(
    "audit_cut",
    metadata,
    Column("stream_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("removed", BigInteger, nullable=False),
    CheckConstraint("removed > 0 AND sequence >= removed", name="removed_positive"),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("create_time_us", BigInteger, nullable=False),
    # The heads of the chains that have moved, each with its stream_id, sequence and hash.
    Column("heads", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("algorithm", String(16), nullable=False),
    CheckConstraint("number > 0", name="number_positive"),
)

# How far the checkpoints have come in each chain: what they say together, so that none has to be read for it.
audit_head = Table(
    "audit_head",
    metadata,
    Column("stream_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
)

# Decisions and repayments added up a day, so that a summary does not read them all: `almeno_grpc.storage.daily_sums`.
# No part of the audit trail, for they only repeat what it vouches for: who doubts a sum adds up the rows.
daily_sum = Table(
    "daily_sum",
    metadata,
    Column("name", String(16), nullable=False),
    # The business date of decisions, the payment date of repayments.
    Column("day", Date, nullable=False),
    # The reasons of decisions; else empty.
    Column("label", String(255), nullable=False),
    # Below zero where a reversal was added before its repayment.
    Column("row_count", BigInteger, nullable=False),
    Column("amount_paise", BigInteger, nullable=False),
    PrimaryKeyConstraint("name", "day", "label"),
    CheckConstraint("name IN ('DECISIONS', 'REPAYMENTS')", name="name_known"),
    sqlite_with_rowid=False,
)

# Up to which row the sums have each kind of rows, in the order in which those come; empty as long as they have none.
daily_sum_place = Table(
    "daily_sum_place",
    metadata,
    Column("source", String(16), primary_key=True),
    # The decision_id, the repayment_id, or the create_time_us of a reversal in digits.
    Column("place", String(36), nullable=False),
    CheckConstraint("source IN ('DECISIONS', 'REPAYMENTS', 'REVERSALS')", name="source_known"),
)

# While rows from before the audit trail are yet to be vouched for: the last one that is, by the form of its table and
# its key in MessagePack, which is empty for none of the table. One row, and none when all are.
audit_baseline = Table(
    "audit_baseline",
    metadata,
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    Column("form", SmallInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),
    CheckConstraint("number = 1", name="one_row"),
)
