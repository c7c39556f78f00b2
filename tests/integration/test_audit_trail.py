"""The audit trail: what it records, and that nobody changes it or the book behind it unseen."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy.exc import DBAPIError
from support.audit_trail import edit, fill, findings, upkeep
from support.book import LAKH, RUPEE, Book, book_customer

from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import SCOPES, Caller
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.errors import CommitOutcomeUnknown, PhoneNumberTaken
from almeno_grpc.service.access import AccessService
from almeno_grpc.service.audit_chain import AuditChain, event_hash, values_of
from almeno_grpc.service.audit_upkeep import Retention
from almeno_grpc.service.customers import Applicant
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.store import Changes
from almeno_grpc.storage import audit_writes
from almeno_grpc.storage.store import SqlStore

DAY = 24 * 3600 * 1_000_000
PUNE = Caller("branch-pune", "abcdefghijkl", SCOPES)


@pytest.fixture(autouse=True)
def _imports_are_of_now(book):
    book.now = book.clock.now_microseconds


def events(store: SqlStore) -> list:
    with store.read() as tx:
        return list(tx.audit.events())


def entry(before_us: int = 0) -> AuditEntry:
    return AuditEntry(AuditEventKind.WRITE, Clock.now_microseconds() - before_us, "intruder", "", "CreateLoan")


def append(store: SqlStore, new: AuditEntry) -> None:
    store.write(lambda tx: tx.write(Changes(event=new)))


def insert(store: SqlStore, row: tuple) -> None:
    """Puts an event into the table as the server does."""
    with store.engine.begin() as connection:
        audit_writes.INSERT.by_row.rows(connection, *row)


@pytest.fixture
def lent(book: Book) -> Book:
    """A book in which everything has happened once, covered by a checkpoint."""
    fill(book)
    upkeep(book).make_checkpoint()
    return book


def test_every_write_is_an_event_of_its_caller_with_what_was_written(book):
    context = RequestContext(method="/S/RegisterCustomer", caller=PUNE, request_id="r-1", fingerprint="f")
    applicant = Applicant("Asha", "Rao", 30, 50_000 * RUPEE, "+919876543210")
    for _ in range(2):
        book.customers.register(applicant, context, lambda _: b"answer").result()
    [customer_id] = [row["customer_id"] for row in book.rows("customer")]
    booked = book.lend(customer_id, LAKH)
    declined = book.lend(customer_id, 90 * LAKH)
    repaid = book.repay(booked.loan.loan_id, 1_000_00)
    imported = book.upsert([book_customer(1)])
    recorded = [event.entry for event in events(book.store)]
    assert [(each.kind.name, each.customer_id, each.subject, each.outcome, each.calls) for each in recorded] == [
        ("WRITE", customer_id, str(customer_id), "OK", 1),
        ("REPEAT", 0, "", "OK", 1),
        ("WRITE", customer_id, str(booked.loan.loan_id), "OK", 1),
        ("WRITE", customer_id, declined.decision_id, "OK", 1),
        ("WRITE", customer_id, repaid.repayment.repayment_id, "OK", 1),
        ("WRITE", 0, imported.import_id, "OK", 1),
    ]
    first = recorded[0]
    assert (first.principal, first.credential, first.method, first.request_id) == (
        "branch-pune",
        "abcdefghijkl",
        "/S/RegisterCustomer",
        "r-1",
    )
    assert recorded[-1].method == "/almeno.credit.v1.PortfolioService/StartImport"
    assert findings(book.store) == []


def test_event_holds_no_name_and_no_phone_number(lent):
    stored = str(lent.rows("audit_event"))
    assert "Asha" not in stored
    assert "Rao" not in stored
    assert not re.search("91850000000|9180000000", stored)


def test_request_that_changes_nothing_is_no_event(book):
    customer = book.register()
    with pytest.raises(PhoneNumberTaken):
        book.register(phone_number=customer.phone_number)
    assert len(events(book.store)) == 1


def test_book_in_which_everything_has_happened_is_clean(lent):
    assert findings(lent.store) == []
    # Nothing is left for another checkpoint.
    assert upkeep(lent).make_checkpoint() is None


def test_several_servers_write_chains_of_their_own(book, open_store):
    other = Book(open_store(), book.clock)
    try:
        customer = book.register()
        for each in (book, other, book, other):
            each.lend(customer.customer_id, LAKH // 2)
    finally:
        other.close()
    assert sorted(event.sequence for event in events(book.store)) == [1, 1, 2, 2, 3]
    upkeep(book).make_checkpoint()
    assert findings(book.store) == []
    with book.store.read() as tx:
        assert len(tx.audit.checkpoint().heads) == 2


def test_transaction_that_is_undone_leaves_the_chain_where_it_was(book):
    book.register()

    def fail(tx):
        tx.write(Changes(event=entry()))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        book.store.write(fail)
    book.register()
    assert [event.sequence for event in events(book.store)] == [1, 2]
    assert findings(book.store) == []


def test_threads_that_take_turns_on_a_connection_append_to_one_chain(book):
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda _: book.store.write(lambda tx: tx.write(Changes(event=entry())), max_attempts=1), range(200)
            )
        )
    written = events(book.store)
    assert len(written) == 200
    # On PostgreSQL they have several.
    connections = 1 if book.store.engine.dialect.name == "sqlite" else 8
    assert len({event.stream_id for event in written}) <= connections
    assert findings(book.store) == []


@pytest.mark.parametrize("is_stored", [True, False])
def test_chain_whose_end_is_not_known_is_left_and_not_called_tampering(book, monkeypatch, is_stored):
    book.register()
    dialect = type(book.store.engine.dialect)
    commit = dialect.do_commit

    def lose(self, connection):
        (commit if is_stored else dialect.do_rollback)(self, connection)
        raise CommitOutcomeUnknown("lost")

    with monkeypatch.context() as patch:
        patch.setattr(dialect, "do_commit", lose)
        with pytest.raises(CommitOutcomeUnknown):
            append(book.store, entry())
    book.register()
    assert len({event.stream_id for event in events(book.store)}) == 2
    assert len(events(book.store)) == 2 + is_stored
    upkeep(book).make_checkpoint()
    assert findings(book.store) == []


def test_triggers_refuse_what_is_no_cut(lent):
    for statement in (
        "UPDATE audit_event SET principal = 'x'",
        "DELETE FROM audit_event",
        "UPDATE audit_checkpoint SET root = hash",
        "DELETE FROM audit_checkpoint",
    ):
        with pytest.raises(DBAPIError, match="never"), lent.store.engine.begin() as connection:
            connection.exec_driver_sql(statement)


CUSTOMER_COPY = """INSERT INTO customer (customer_id, first_name, last_name, age, phone_digits, monthly_income_paise,
    approved_limit_paise, imported, create_time_us) SELECT 5000, first_name, last_name, age, phone_digits + 5000,
    monthly_income_paise, approved_limit_paise, imported, create_time_us FROM customer WHERE customer_id = 7"""
LOAN_COPY = """INSERT INTO loan SELECT loan_id + 5000, customer_id, loan_amount_paise, interest_rate_e4, tenure_months,
    monthly_installment_paise, installment_method, emis_paid, emis_paid_on_time, outstanding_principal_paise,
    approval_year, approval_month, approval_day, source_loan_id + 5000, decision_id, paid_toward_next_paise,
    repayment_count, state, disbursement_year, disbursement_month, disbursement_day, valid_until_day, latest_repayment,
    terms_version, segment_count, charge_count, open_charges_paise, next_due_day, non_performing_since_day
    FROM loan WHERE loan_id = 102"""
EDITS = {
    "a limit raised": (
        "UPDATE customer SET approved_limit_paise = 1 WHERE customer_id = 1",
        r"customer 1: was changed",
    ),
    "a customer of a later sheet": ("UPDATE customer SET age = 30 WHERE customer_id = 2", r"customer 2: was changed"),
    "a name": ("UPDATE customer SET first_name = 'Usha' WHERE customer_id = 1", r"customer 1: was changed"),
    "whether imported": ("UPDATE customer SET imported = false WHERE customer_id = 1", r"customer 1: was changed"),
    "a customer removed": ("DELETE FROM customer WHERE customer_id = 9", "customer 9: was removed"),
    "a customer inserted": (CUSTOMER_COPY, "customer 5000: is in the book without"),
    "a loan inserted": (LOAN_COPY, "loan 2/5102: is in the book without"),
    "a loan changed": ("UPDATE loan SET tenure_months = 24 WHERE loan_id = 103", "loan 3/103: was changed"),
    "a loan that was repaid": (
        "UPDATE loan SET paid_toward_next_paise = 5 WHERE repayment_count = 3",
        "loan .* changed",
    ),
    "a loan removed": ("DELETE FROM loan WHERE loan_id = 102", "loan 2/102: was removed"),
    "a loan set back": (
        """UPDATE loan SET paid_toward_next_paise = 0, repayment_count = 0, latest_repayment = 0,
        emis_paid = emis_paid_on_time, outstanding_principal_paise = loan_amount_paise WHERE repayment_count = 3""",
        "loan .* changed",
    ),
    "a snapshot": ("UPDATE decision SET snapshot = '{}'", "decision .* changed"),
    "the hash of a snapshot": ("UPDATE decision SET snapshot_sha256 = 'f'", "decision .* changed"),
    "an answer turned": ("UPDATE decision SET approved = NOT approved", "decision .* changed"),
    "a repayment": ("UPDATE repayment SET amount_paise = 1 WHERE number = 2", "repayment .*/2: was changed"),
    "a repayment moved": ("UPDATE repayment SET number = 7 WHERE number = 2", "repayment .*/7: is in the book without"),
    "a repayment removed": ("DELETE FROM repayment WHERE number = 3", "repayment .*/3: was removed"),
    "a pin": ("UPDATE policy_pin SET sha256 = 'f'", "policy_pin .* changed"),
    "who wrote": ("UPDATE audit_event SET principal = 'x' WHERE sequence = 3", r"event \d+/3: its hash is not"),
    "when": ("UPDATE audit_event SET event_time_us = event_time_us - 1 WHERE sequence = 3", r"event \d+/3: its hash"),
    "how often": ("UPDATE audit_event SET calls = 2 WHERE sequence = 3", r"event \d+/3: its hash"),
    "what it says of the book": ("UPDATE audit_event SET rows = hash WHERE sequence = 3", "of the book cannot be read"),
    "the hash itself": ("UPDATE audit_event SET hash = rows WHERE sequence = 3", r"event \d+/4: its hash"),
    "an event removed": ("DELETE FROM audit_event WHERE sequence = 3", r"event \d+/4: 1 missing from the chain"),
    "the first removed": ("DELETE FROM audit_event WHERE sequence = 1", r"event \d+/2: 1 missing from the chain"),
    "the last removed": (
        "DELETE FROM audit_event WHERE sequence = (SELECT max(sequence) FROM audit_event)",
        "is missing, and checkpoint 1 names it",
    ),
    "all removed": ("DELETE FROM audit_event", "is missing, and checkpoint 1 names it"),
    "removed with a cut": (
        """INSERT INTO audit_cut SELECT stream_id, sequence, hash, 3 FROM audit_event WHERE sequence = 3;
        DELETE FROM audit_event WHERE sequence <= 3""",
        "audit_cut .* without an event",
    ),
    "put in another place": (
        """UPDATE audit_event SET sequence = 1003 WHERE sequence = 3;
        UPDATE audit_event SET sequence = 3 WHERE sequence = 4;
        UPDATE audit_event SET sequence = 4 WHERE sequence = 1003""",
        r"event \d+/3: its hash",
    ),
    "a root": ("UPDATE audit_checkpoint SET root = hash", "checkpoint 1: its root is not"),
    "the time of a checkpoint": ("UPDATE audit_checkpoint SET create_time_us = 1", "checkpoint 1: its hash is not"),
    "a checkpoint's number": ("UPDATE audit_checkpoint SET number = 2", "checkpoint 1: is missing"),
}


@pytest.mark.parametrize("name", EDITS)
def test_edit_by_the_owner_of_the_database_is_found(lent, name):
    statements, found = EDITS[name]
    edit(lent.store, *statements.split(";"))
    said = findings(lent.store)
    assert any(re.search(f"TAMPERED {found}|TAMPERED .*{found}", line) for line in said), said


def test_chain_that_was_reckoned_anew_does_not_match_its_checkpoint(lent):
    stored = events(lent.store)
    previous, statements = stored[1].hash, []
    for event in stored[2:]:
        changed = event.entry._replace(principal="nobody") if event.sequence == 3 else event.entry
        previous = event_hash(previous, values_of(event.stream_id, event.sequence, changed, event.rows))
        literal = f"X'{previous.hex()}'" if lent.store.engine.dialect.name == "sqlite" else f"'\\x{previous.hex()}'"
        statements.append(
            f"UPDATE audit_event SET principal = '{changed.principal}', hash = {literal} "  # noqa: S608
            f"WHERE sequence = {event.sequence}"
        )
    edit(lent.store, *statements)
    [found] = findings(lent.store)
    assert re.fullmatch(r"TAMPERED event \d+/14: has another hash than in checkpoint 1", found)


def test_chain_that_is_slipped_in_with_an_old_date_is_found_by_the_next_checkpoint(lent, open_store):
    append(open_store(), entry(before_us=DAY + DAY // 24))
    assert findings(lent.store)[0].startswith("INCOMPLETE events")
    upkeep(lent).make_checkpoint()
    [found] = findings(lent.store)
    assert re.fullmatch(r"TAMPERED event \d+/1: is of long before checkpoint 1, which does not cover it", found)


def test_event_that_is_slipped_in_at_the_end_of_a_chain_in_use_makes_the_server_leave_the_chain(lent):
    last = events(lent.store)[-1]
    chain = AuditChain(last.stream_id, last.sequence, last.hash)
    values = values_of(last.stream_id, last.sequence + 1, entry(), b"")
    insert(lent.store, (*values, chain.append(values)))
    lent.register()
    lent.register()
    assert max(event.sequence for event in events(lent.store)) == last.sequence + 1
    assert findings(lent.store) == []


def test_events_behind_the_last_checkpoint_are_clean_until_they_are_old(book):
    book.register()
    assert findings(book.store) == []
    [found] = findings(book.store, later_us=2 * 3600 * 1_000_000)
    assert re.fullmatch(r"INCOMPLETE events \d+/1 to 1: no checkpoint covers them, though .*", found)


def test_large_book_is_verified_part_by_part(lent, monkeypatch):
    monkeypatch.setattr("almeno_grpc.service.audit_verify.MAX_ROWS_IN_MEMORY", 4)
    monkeypatch.setattr("almeno_grpc.storage.audit_rows._PAGE_ROWS", 3)
    assert findings(lent.store) == []
    edit(lent.store, "UPDATE customer SET age = 77")
    assert len(findings(lent.store)) == len(lent.rows("customer"))


def test_event_that_cannot_be_read_is_told_of_once_however_many_parts_a_book_has(lent, monkeypatch):
    monkeypatch.setattr("almeno_grpc.service.audit_verify.MAX_ROWS_IN_MEMORY", 4)
    edit(lent.store, "UPDATE audit_event SET rows = hash WHERE sequence = 3")
    assert sum("of the book cannot be read" in line for line in findings(lent.store)) == 1


def test_row_that_was_added_and_removed_by_events_is_clean(book):
    access, requests = AccessService(book.store, book.clock), Idempotency(book.store, book.clock)
    for work in (
        lambda tx: access.create_principal(tx, "branch-pune", {"loans:read"}),
        lambda tx: access.set_certificate_name(tx, "pune.example", "branch-pune"),
        lambda tx: access.remove_certificate_name(tx, "pune.example"),
    ):
        requests.execute(RequestContext(), work, lambda _result: b"")
    assert findings(book.store) == []


class LaterClock(Clock):
    """A clock of 401 days later."""

    @staticmethod
    def now_microseconds() -> int:
        return Clock.now_microseconds() + 401 * DAY


def test_retention_removes_what_is_older_than_it_is_kept_and_the_rest_stays_verifiable(lent, monkeypatch):
    monkeypatch.setattr("almeno_grpc.service.audit_upkeep._EVENTS_PER_STEP", 3)
    reading = AuditEntry(AuditEventKind.READ, lent.clock.now_microseconds(), "p", "k", "/S/GetCustomer", 1)
    for _ in range(7):
        append(lent.store, reading)
    written = [event for event in events(lent.store) if event.entry.kind.is_write]
    assert not upkeep(lent).remove_expired()
    later = replace(lent, clock=LaterClock(lent.clock.business_date, lent.clock.timezone))
    upkeep(later).make_checkpoint()
    append(lent.store, reading._replace(time=later.clock.now_microseconds()))
    keeper = upkeep(later)
    while keeper.remove_expired():
        pass
    left = events(lent.store)
    assert [event.sequence for event in left if event.entry.kind is AuditEventKind.READ] == [8]
    # Three steps, each an event of what it removed.
    assert [event.entry.calls for event in left if event.entry.method == "retention"] == [3, 3, 1]
    assert [event for event in left if event in written] == written
    [cut] = lent.rows("audit_cut")
    assert (cut["sequence"], cut["removed"]) == (7, 7)
    upkeep(later).make_checkpoint()
    assert findings(lent.store) == []
    later.close()


def test_large_events_are_removed_few_at_a_time(lent, monkeypatch):
    monkeypatch.setattr("almeno_grpc.storage.audit._MAX_EXPIRED_BYTES", 1)
    monkeypatch.setattr("almeno_grpc.storage.audit.EVENTS_PER_STATEMENT", 2)
    later = replace(lent, clock=LaterClock(lent.clock.business_date, lent.clock.timezone))
    keeper, count = upkeep(later, retention=Retention(write_days=400, read_days=400)), len(events(lent.store))
    assert keeper.remove_expired()
    assert len(events(lent.store)) == count
    while keeper.remove_expired():
        pass
    keeper.make_checkpoint()
    assert findings(lent.store) == []
    later.close()


def test_what_removed_writes_vouched_for_is_vouched_for_still(lent):
    later = replace(lent, clock=LaterClock(lent.clock.business_date, lent.clock.timezone))
    keeper = upkeep(later, retention=Retention(write_days=400, read_days=400))
    count = len(events(lent.store))
    assert keeper.remove_expired()
    assert not keeper.remove_expired()
    [left] = events(lent.store)
    assert (left.sequence, left.entry.calls) == (count + 1, count)
    keeper.make_checkpoint()
    assert findings(lent.store) == []
    edit(lent.store, "UPDATE customer SET age = 77 WHERE customer_id = 2")
    assert findings(lent.store) == ["TAMPERED customer 2: was changed without an event"]
    later.close()


def test_events_that_a_cut_names_are_gone(lent):
    copy = events(lent.store)[0]
    with lent.store.read() as tx:
        assert tx.audit.cuts() == {}
    later = replace(lent, clock=LaterClock(lent.clock.business_date, lent.clock.timezone))
    upkeep(later, retention=Retention(write_days=400, read_days=400)).remove_expired()
    insert(lent.store, (*values_of(copy.stream_id, copy.sequence, copy.entry, copy.rows), copy.hash))
    assert any(
        "event" in line and "is there, and the retention has removed it" in line for line in findings(lent.store)
    )
    later.close()
