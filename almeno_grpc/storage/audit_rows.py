"""Which rows of the book an audit event vouches for.

An event names each row that its transaction wrote by table and primary key, with what the write did to the row's
digest: the digest of the row before XOR that of the row after, where a row that does not exist has the digest 0. So all
that the events say of a row, in whatever order they come, comes to the digest that the row has to have now. The digest
is the first 16 bytes of SHA-256 over the row in MessagePack, behind the code of its form.

    rows    [[code, [key, key, …], digests of 16 bytes each], …], in MessagePack; a table may come more than once
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from operator import itemgetter
from typing import NamedTuple

import msgspec
from sqlalchemy import Boolean, Connection, Table, bindparam, select, tuple_

from almeno_grpc.service.audit_chain import encode
from almeno_grpc.storage import tables
from almeno_grpc.storage.compiled import CompiledStatement, Row, execute_raw

DIGEST_BYTES = 16
_PAGE_ROWS = 1_000

Key = tuple[int | str, ...]


class RowChange(NamedTuple):
    """What a write did to a row."""

    table: str
    key: Key
    """The primary key."""
    digest: bytes
    """That of the row before XOR that of the row after."""


class RowChanges(NamedTuple):
    """What a write did to rows of one table."""

    code: int
    """Of the rows' form."""
    keys: Sequence[int | str]
    """The primary keys, one after the other."""
    digests: bytes
    """As of `RowChange`, one after the other."""


class RowForm:
    """The columns of a table that digests are taken of. With other columns a table has another form, and both stay.

    The former one stays so that events in it can be read, and its columns in the table: see `Reform`.
    """

    def __init__(self, code: int, table: Table, columns: Sequence[str], *, text: str | None = None) -> None:
        """Takes the table.

        Args:
            code: Number of the form, which is stored and hashed.
            table: The table.
            columns: The names of the columns, in the order in which rows are given.
            text: A long text, which is left out of the digest, for the column behind it is its SHA-256: to hash it
                again for each row that is inserted takes a third of the time of a booking's event.
        """
        self.code = code
        self.table = table
        self.columns = [table.c[name] for name in columns]
        keys = [column.name for column in table.primary_key]
        self._key = itemgetter(*map(columns.index, keys))
        self._has_one_key = len(keys) == 1
        self._booleans = [place for place, column in enumerate(self.columns) if isinstance(column.type, Boolean)]
        self._text = None if text is None else columns.index(text)
        primary = tuple_(*table.primary_key)
        page = select(*self.columns).order_by(*table.primary_key).limit(_PAGE_ROWS)
        self._first = CompiledStatement(page)
        names = [f"after_{name}" for name in keys]
        after = tuple_(*(bindparam(name, type_=key.type) for name, key in zip(names, table.primary_key, strict=True)))
        self._next = CompiledStatement(page.where(primary > after), *names)

    def key(self, row: Row) -> Key:
        """The primary key of a row."""
        return (self._key(row),) if self._has_one_key else self._key(row)

    def digest(self, row: Row) -> bytes:
        """The digest of a row."""
        if self._text is not None:
            row = row[: self._text] + row[self._text + 1 :]
        return sha256(encode((self.code, row))).digest()[:DIGEST_BYTES]

    def inserted(self, rows: Sequence[Row]) -> RowChanges:
        """What the insert of rows did."""
        digests = self.digest(rows[0]) if len(rows) == 1 else b"".join(map(self.digest, rows))
        return RowChanges(self.code, self._keys(rows), digests)

    def updated(self, before: Sequence[Row], after: Sequence[Row]) -> RowChanges:
        """What the update of rows did, each from the one before to the one after."""
        digests = map(xor, map(self.digest, before), map(self.digest, after))
        return RowChanges(self.code, self._keys(after), b"".join(digests))

    def _keys(self, rows: Sequence[Row]) -> Sequence[int | str]:
        if len(rows) == 1:
            return self.key(rows[0])
        if self._has_one_key:
            return list(map(self._key, rows))
        return [part for row in rows for part in self._key(row)]

    def stored(self, connection: Connection, after: Key = ()) -> Iterator[tuple[Key, bytes]]:
        """The key and the digest of every row of the table, by primary key, or of those behind a key."""
        page = self._page(connection, self._next if after else self._first, after)
        while page:
            for row in page:
                yield self.key(row), self.digest(row)
            page = self._page(connection, self._next, self.key(page[-1]))

    def _page(self, connection: Connection, statement: CompiledStatement, after: Key) -> list[Row]:
        # As the driver gives them: whoever has put something else into a column of SQLite, which lets it in, is found
        # out by the digest, and not by a failure to read it.
        compiled = statement.for_dialect(connection.dialect)
        rows: list[Row] = execute_raw(connection, compiled.sql, compiled.arrange(after)).fetchall()
        return list(map(self._as_written, rows)) if self._booleans or self._text is not None else rows

    def _as_written(self, row: Row) -> Row:
        """A row of the driver's as `inserted` is given it, and another where its text has not its SHA-256."""
        values = list(row)
        for place in self._booleans:
            values[place] = _BOOLEANS.get(values[place], values[place])
        if self._text is not None:
            text, stored = values[self._text : self._text + 2]
            now = sha256(text.encode() if isinstance(text, str) else repr(text).encode()).hexdigest()
            if now != stored:
                values[self._text + 1] = f"{stored}, not {now}"
        return tuple(values)


def _names(form: RowForm) -> list[str]:
    """The columns of a form, which a later one begins with."""
    return [column.name for column in form.columns]


_BOOLEANS = {0: False, 1: True}

_CUSTOMER_COLUMNS = (
    "customer_id",
    "first_name",
    "last_name",
    "age",
    "phone_digits",
    "monthly_income_paise",
    "approved_limit_paise",
    "imported",
    "create_time_us",
)
CUSTOMER = RowForm(11, tables.customer, (*_CUSTOMER_COLUMNS, "non_performing_since_day", "changed_fields"))
DECISION = RowForm(
    2,
    tables.decision,
    (
        "decision_id",
        "customer_id",
        "business_date",
        "policy_version",
        "policy_sha256",
        "approved",
        "credit_score",
        "reasons",
        "snapshot",
        "snapshot_sha256",
        "create_time_us",
    ),
    text="snapshot",
)
LOAN_3 = RowForm(
    3,
    tables.loan,
    (
        "loan_id",
        "customer_id",
        "loan_amount_paise",
        "interest_rate_e4",
        "tenure_months",
        "monthly_installment_paise",
        "installment_method",
        "emis_paid",
        "emis_paid_on_time",
        "outstanding_principal_paise",
        "approval_year",
        "approval_month",
        "approval_day",
        "source_loan_id",
        "decision_id",
        "paid_toward_next_paise",
        "repayment_count",
    ),
)
REPAYMENT_4 = RowForm(
    4,
    tables.repayment,
    (
        "customer_id",
        "loan_id",
        "number",
        "repayment_id",
        "amount_paise",
        "payment_date",
        "emis_paid_before",
        "emis_paid_on_time_before",
        "paid_toward_next_before_paise",
        "outstanding_principal_before_paise",
        "emis_paid",
        "emis_paid_on_time",
        "paid_toward_next_paise",
        "outstanding_principal_paise",
        "closes_loan",
        "create_time_us",
    ),
)
POLICY_PIN = RowForm(5, tables.policy_pin, ("version", "sha256"))
CUT = RowForm(6, tables.audit_cut, ("stream_id", "sequence", "hash", "removed"))
_CUSTOMER_CHANGE_COLUMNS = (
    "customer_id",
    "number",
    "loan_id",
    "field",
    "old_value",
    "new_value",
    "principal",
    "import_id",
    "row_number",
    "create_time_us",
)
CUSTOMER_CHANGE = RowForm(14, tables.customer_change, (*_CUSTOMER_CHANGE_COLUMNS, "reason", "request_date"))
PRINCIPAL = RowForm(
    8,
    tables.principal,
    (
        "name",
        "scopes",
        "max_loan_amount_paise",
        "max_repayment_paise",
        "calls_per_second",
        "burst",
        "max_streams",
        "max_pii_reads_per_day",
        "disabled",
        "create_time_us",
        "update_time_us",
    ),
)
API_KEY = RowForm(
    9,
    tables.api_key,
    ("key_id", "principal", "sha256", "scopes", "create_time_us", "expire_time_us", "revoke_time_us"),
)
CERTIFICATE_NAME = RowForm(10, tables.certificate_name, ("name", "principal", "create_time_us"))
LOAN = RowForm(
    12,
    tables.loan,
    (
        *_names(LOAN_3),
        "state",
        "disbursement_year",
        "disbursement_month",
        "disbursement_day",
        "valid_until_day",
        "latest_repayment",
        "terms_version",
        "segment_count",
        "charge_count",
        "open_charges_paise",
        "next_due_day",
        "non_performing_since_day",
    ),
)
REPAYMENT = RowForm(
    13,
    tables.repayment,
    (*_names(REPAYMENT_4), "kind", "effect", "charges_paid_paise", "channel", "external_reference"),
)
REPAYMENT_REVERSAL = RowForm(
    16,
    tables.repayment_reversal,
    ("customer_id", "loan_id", "number", "reversal_date", "reason", "return_code", "create_time_us"),
)
LOAN_SEGMENT = RowForm(
    17,
    tables.loan_segment,
    (
        "customer_id",
        "loan_id",
        "number",
        "first_installment",
        "opening_principal_paise",
        "interest_rate_e4",
        "installments",
        "monthly_installment_paise",
        "repayment_number",
    ),
)
LOAN_CHARGE = RowForm(
    18,
    tables.loan_charge,
    (
        "customer_id",
        "loan_id",
        "number",
        "kind",
        "amount_paise",
        "reason",
        "entry_date",
        "repayment_count",
        "create_time_us",
    ),
)
SANCTION_END = RowForm(
    19,
    tables.sanction_end,
    ("customer_id", "loan_id", "state", "end_date", "reason", "external_reference", "create_time_us"),
)
DECISION_CUT = RowForm(20, tables.decision_cut, ("place", "decision_id"))
# In front of all: it says up to which row the others are vouched for.
BASELINE = RowForm(30, tables.audit_baseline, ("number", "form", "key"))
TERMS_PIN = RowForm(15, tables.terms_pin, ("version", "content", "sha256"), text="content")
_FORMS = (
    BASELINE,
    CUSTOMER,
    DECISION,
    LOAN,
    REPAYMENT,
    POLICY_PIN,
    CUT,
    CUSTOMER_CHANGE,
    PRINCIPAL,
    API_KEY,
    CERTIFICATE_NAME,
    REPAYMENT_REVERSAL,
    LOAN_SEGMENT,
    LOAN_CHARGE,
    SANCTION_END,
    TERMS_PIN,
    DECISION_CUT,
)
FORMS = {form.code: form for form in _FORMS}
"""The form that the rows of each table have now, by its code."""


class Reform(NamedTuple):
    """A form that a revision of the schema has put in the place of another one."""

    revision: str
    """The one from which on rows are written in the new form."""
    before: RowForm
    """Its columns stay in the table, with their values."""
    after: RowForm


REFORMS = (
    Reform("0206", LOAN_3, LOAN),
    Reform("0206", REPAYMENT_4, REPAYMENT),
    Reform("0207", RowForm(1, tables.customer, _CUSTOMER_COLUMNS), CUSTOMER),
    Reform("0207", RowForm(7, tables.customer_change, _CUSTOMER_CHANGE_COLUMNS), CUSTOMER_CHANGE),
)
"""In the order of their revisions."""
_FORMS_OF_EVENTS = {reform.before.code: reform.before for reform in REFORMS} | FORMS


def packed(changes: Sequence[RowChanges]) -> bytes:
    """Changes as they are stored with an event; empty for none."""
    return encode(changes) if changes else b""


def unpacked(rows: bytes) -> list[RowChanges]:
    """The changes that are stored with an event.

    Raises:
        ValueError: They are not as `packed` writes them.
    """
    try:
        return _decode(rows) if rows else []
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def row_changes(changes: RowChanges) -> Iterator[RowChange]:
    """Changes one by one.

    Raises:
        ValueError: They are not whole.
    """
    code, keys, digests = changes
    form = _FORMS_OF_EVENTS.get(code)
    width = len(form.table.primary_key) if form else 0
    if not form or len(keys) * DIGEST_BYTES != len(digests) * width:
        raise ValueError(f"the rows of form {code} are not whole")
    for number in range(len(digests) // DIGEST_BYTES):
        digest = digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]
        yield RowChange(form.table.name, tuple(keys[number * width : (number + 1) * width]), digest)


def packed_key(key: Key) -> bytes:
    """A key as the place of the baseline has it; empty for the empty one."""
    return encode(key) if key else b""


def unpacked_key(key: bytes) -> Key:
    """The key that is stored with the place of the baseline."""
    return _decode_key(key) if key else ()


_decode_key = msgspec.msgpack.Decoder(tuple[int | str, ...]).decode
_decode = msgspec.msgpack.Decoder(list[RowChanges]).decode


def xor(left: bytes, right: bytes) -> bytes:
    """Two digests by XOR."""
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(DIGEST_BYTES, "big")
