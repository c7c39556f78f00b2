"""Who may call: what a process knows of callers follows the database, and writes look where they begin."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from support.book import INDIA, TODAY, Book

from almeno_grpc.api_keys import key_id_of, key_sha256, new_key
from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import Caller, Limits
from almeno_grpc.domain.errors import (
    AccessUnknown,
    BusinessDateBehind,
    CertificateNameNotFound,
    CredentialsExpired,
    CredentialsInvalid,
    InvalidField,
    KeyExists,
    KeyNotFound,
    LastAdministrator,
    PrincipalExists,
    PrincipalNotFound,
    ScopeMissing,
)
from almeno_grpc.service import callers
from almeno_grpc.service.access import MICROSECONDS_PER_DAY, AccessService
from almeno_grpc.service.callers import CallerDirectory
from almeno_grpc.service.customers import Applicant, CustomerService
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import access_state

SCOPES = frozenset({"loans:read", "customers:write"})
_phone_numbers = itertools.count(9_000_000_000)


class Desk:
    """Changes callers, as an administrator does."""

    def __init__(self, store: SqlStore, book: Book) -> None:
        self.store = store
        self.access = AccessService(store, book.clock)

    def create(self, name: str = "branch-pune", **more: object) -> None:
        self.store.write(lambda tx: self.access.create_principal(tx, name, SCOPES, **more))

    def update(self, name: str = "branch-pune", **more: object) -> None:
        self.store.write(lambda tx: self.access.update_principal(tx, name, **more))

    def key(self, principal: str = "branch-pune", **more: object) -> str:
        made = new_key()
        self.store.write(
            lambda tx: self.access.create_key(tx, principal, key_id_of(made), key_sha256(made), **more),
        )
        return made

    def revoke(self, key: str) -> None:
        self.store.write(lambda tx: self.access.revoke_key(tx, key.split("_")[1]))

    def name(self, name: str, principal: str = "branch-pune") -> None:
        self.store.write(lambda tx: self.access.set_certificate_name(tx, name, principal))


@pytest.fixture
def desk(store: SqlStore, book: Book) -> Desk:
    return Desk(store, book)


HOUR_MICROSECONDS = 3_600_000_000


class ClockAnHourAhead(Clock):
    """Tells the time that it will be in an hour."""

    @staticmethod
    def now_microseconds() -> int:
        return Clock.now_microseconds() + HOUR_MICROSECONDS


@pytest.fixture
def open_directory(open_store: Callable[[], SqlStore], book: Book) -> Iterator[Callable[[], CallerDirectory]]:
    """Makes directories, each on connections of its own; what they know is renewed in time."""
    made: list[CallerDirectory] = []

    def open_another() -> CallerDirectory:
        made.append(CallerDirectory(open_store(), book.clock))
        made[-1].start()
        return made[-1]

    yield open_another
    for directory in made:
        directory.close()


def test_caller_is_found_by_its_key_with_the_scopes_and_limits_of_its_principal(desk, open_directory):
    limits = Limits(max_loan_amount=100, calls_per_second=5)
    desk.create(limits=limits)
    key = desk.key()
    caller = open_directory().by_key(key.encode())
    assert (caller.principal, caller.key_id, caller.scopes) == ("branch-pune", key.split("_")[1], SCOPES)
    assert caller.limits == limits


def test_directory_that_never_began_to_renew_is_closed_at_once(store, book):
    CallerDirectory(store, book.clock).close()


def test_key_with_scopes_of_its_own_has_no_others(desk, open_directory):
    desk.create()
    key = desk.key(scopes={"loans:read"})
    assert open_directory().by_key(key.encode()).scopes == {"loans:read"}


def test_scope_that_the_principal_loses_is_lost_to_its_keys(desk, open_directory):
    desk.create()
    key = desk.key(scopes={"loans:read"})
    desk.update(scopes={"customers:write"})
    assert open_directory().by_key(key.encode()).scopes == set()


@pytest.mark.parametrize("key", [b"", b"almeno_", b"\xff", b"almeno_0123456789Ab_" + 49 * b"x"])
def test_unknown_key_is_refused(open_directory, key):
    with pytest.raises(CredentialsInvalid):
        open_directory().by_key(key)


def test_key_and_principal_are_refused_in_every_process_soon_after_they_were_taken_back(desk, open_directory):
    desk.create()
    desk.create("branch-delhi")
    desk.name("delhi.example", "branch-delhi")
    key = desk.key()
    directories = [open_directory(), open_directory()]
    for directory in directories:
        directory.by_key(key.encode())
        directory.by_certificate_name("delhi.example")
    desk.revoke(key)
    desk.update("branch-delhi", disabled=True)
    time.sleep(callers.KNOWN_EVERYWHERE_SECONDS)
    for directory in directories:
        with pytest.raises(CredentialsInvalid):
            directory.by_key(key.encode())
        with pytest.raises(CredentialsInvalid):
            directory.by_certificate_name("delhi.example")


def test_expired_key_is_told_so_to_who_has_it(desk, open_directory, book):
    desk.create()
    key = desk.key(expire_time=book.clock.now_microseconds() + HOUR_MICROSECONDS)
    directory = open_directory()
    directory.by_key(key.encode())
    directory._clock = ClockAnHourAhead(book.clock.business_date, book.clock.timezone)
    with pytest.raises(CredentialsExpired):
        directory.by_key(key.encode())


def test_stream_asks_again_for_its_caller(desk, open_directory):
    desk.create()
    desk.name("pune.example")
    key = desk.key()
    directory = open_directory()
    by_key, by_name = directory.by_key(key.encode()), directory.by_certificate_name("pune.example")
    by_both = Caller(
        by_key.principal, by_key.key_id, by_key.scopes, by_key.limits, by_key.expire_time, by_name.certificate_name
    )
    for caller in (by_key, by_name, by_both):
        assert directory.again(caller) == caller
    desk.revoke(key)
    time.sleep(callers.KNOWN_EVERYWHERE_SECONDS)
    assert directory.again(by_name) == by_name
    for caller in (by_key, by_both):
        with pytest.raises(CredentialsInvalid):
            directory.again(caller)


def test_process_that_cannot_look_for_a_while_refuses_everyone(desk, open_directory, monkeypatch):
    desk.create()
    key = desk.key()
    directory = open_directory()
    monkeypatch.setattr(callers, "_MAX_AGE_SECONDS", 0.5)
    monkeypatch.setattr(directory._store, "read", lambda: 1 / 0)
    directory.by_key(key.encode())
    time.sleep(0.6)
    with pytest.raises(AccessUnknown):
        directory.by_key(key.encode())


def register(directory: CallerDirectory, store: SqlStore, book: Book, caller: Caller) -> None:
    """Registers a customer, as a call does that was let in when it came."""
    context = RequestContext(caller=caller, scope="customers:write")
    service = CustomerService(store, book.clock, directory)
    applicant = Applicant("Asha", "Rao", 30, 5_000_000, f"+91{next(_phone_numbers)}")
    try:
        service.register(applicant, context, lambda _: b"").result()
    finally:
        service.close()


def test_write_that_begins_after_a_revocation_is_refused_whatever_the_process_knows(
    desk, open_directory, store, book, monkeypatch
):
    # A process that looks by itself no more.
    monkeypatch.setattr(callers, "_RENEWAL_SECONDS", 3600)
    desk.create()
    key = desk.key()
    directory = open_directory()
    caller = directory.by_key(key.encode())
    register(directory, store, book, caller)
    desk.update(scopes={"loans:read"})
    with pytest.raises(ScopeMissing, match="customers:write"):
        register(directory, store, book, caller)
    desk.update(scopes=SCOPES)
    register(directory, store, book, caller)
    desk.revoke(key)
    with pytest.raises(CredentialsInvalid):
        register(directory, store, book, caller)
    assert len(book.customers.page(0, 10)) == 2


def test_request_id_is_its_principals(book):
    caller = Caller("branch-pune", "k", SCOPES)
    other = Caller("branch-delhi", "k", SCOPES)
    answers = []
    for each in (caller, other, caller):
        context = RequestContext("r", fingerprint="f", caller=each)
        applicant = Applicant("Asha", "Rao", 30, 5_000_000, f"+91{next(_phone_numbers)}")
        answers.append(book.customers.register(applicant, context, lambda it: str(it.customer_id).encode()).result())
    assert answers[0] == answers[2] != answers[1]


def test_key_can_be_left_for_a_while_beside_the_one_that_replaces_it(desk, book):
    desk.create()
    key_id = desk.key().split("_")[1]
    now = book.clock.now_microseconds()
    in_a_day, in_a_week = now + MICROSECONDS_PER_DAY, now + 7 * MICROSECONDS_PER_DAY
    for expire_time in (in_a_day, in_a_week):
        desk.store.write(lambda tx, at=expire_time: desk.access.revoke_key(tx, key_id, at))
    [key] = desk.access.page_of_keys("", "", 9)
    assert (key.expire_time, key.revoke_time) == (in_a_day, None)
    with pytest.raises(InvalidField, match="expire_time"):
        desk.store.write(lambda tx: desk.access.revoke_key(tx, key_id, now))


def test_callers_are_known_while_the_use_of_keys_cannot_be_noted(desk, open_directory, monkeypatch):
    monkeypatch.setattr(callers, "_MAX_AGE_SECONDS", 1)
    monkeypatch.setattr(callers, "_NOTE_SECONDS", 0.01)
    desk.create()
    key = desk.key()
    directory = open_directory()
    monkeypatch.setattr(directory._store, "write", lambda _work: 1 / 0)
    directory.by_key(key.encode())
    time.sleep(1.2)
    directory.by_key(key.encode())
    assert all(thread.is_alive() for thread in directory._threads)


def test_revocation_holds_in_a_database_that_has_lost_the_change_before(desk, open_directory, store):
    desk.create()
    key, other = desk.key(), desk.key()
    with store.read() as tx:
        before = tx.access.version()
    desk.revoke(other)
    directory = open_directory()
    # A standby without the latest change has taken over.
    back = update(access_state).values(version=before)
    store.write(lambda tx: tx._transaction.connection.execute(back))
    time.sleep(callers.KNOWN_EVERYWHERE_SECONDS)
    desk.revoke(key)
    time.sleep(callers.KNOWN_EVERYWHERE_SECONDS)
    with pytest.raises(CredentialsInvalid):
        directory.by_key(key.encode())


def test_key_is_revoked_by_a_server_whose_business_date_is_behind(book, store):
    book.lend(book.register().customer_id, 100_000_00)
    yesterday = Clock(TODAY - timedelta(days=1), INDIA)
    idempotency = Idempotency(store, yesterday)
    context = RequestContext("r", fingerprint="f")
    with pytest.raises(BusinessDateBehind):
        idempotency.execute(context, lambda _tx: b"", bytes)
    assert idempotency.execute(replace(context, is_of_book=False), lambda _tx: b"done", bytes) == b"done"


def test_key_that_is_revoked_stays_so_and_a_name_that_is_removed_stands_for_nobody(desk, open_directory):
    desk.create()
    key = desk.key()
    desk.revoke(key)
    [before] = desk.access.page_of_keys("", "", 9)
    desk.revoke(key)
    assert desk.access.page_of_keys("", "", 9) == [before]
    desk.name("pune.example")
    desk.store.write(lambda tx: desk.access.remove_certificate_name(tx, "pune.example"))
    with pytest.raises(CredentialsInvalid):
        open_directory().by_certificate_name("pune.example")


def test_use_of_a_key_is_noted(desk, open_directory, book):
    desk.create()
    key = desk.key()
    directory = open_directory()
    directory.by_key(key.encode())
    deadline = time.monotonic() + 5
    while (found := desk.access.page_of_keys("", "", 1)[0].last_use_date) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert found == book.clock.utc_date()


def test_names_ids_and_hashes_are_given_once(desk):
    desk.create()
    key = desk.key()
    with pytest.raises(PrincipalExists):
        desk.create()
    made = new_key()
    for key_id, sha256 in ((key.split("_")[1], key_sha256(made)), (key_id_of(made), key_sha256(key))):
        with pytest.raises(KeyExists):
            desk.store.write(
                lambda tx, key_id=key_id, sha256=sha256: desk.access.create_key(tx, "branch-pune", key_id, sha256)
            )


@pytest.mark.parametrize("more", [{"scopes": {"access:admin"}}, {"expire_time": 1}])
def test_key_that_may_not_be_is_refused_by_the_field(desk, more):
    desk.create()
    with pytest.raises(InvalidField, match=next(iter(more))):
        desk.key(**more)


def test_key_lasts_a_year_at_most(desk, book):
    desk.create()
    year = book.clock.now_microseconds() + 365 * MICROSECONDS_PER_DAY
    desk.key(expire_time=year)
    with pytest.raises(InvalidField, match="within 365 days"):
        desk.key(expire_time=year + 60_000_000)


def test_what_does_not_exist_cannot_be_changed(desk):
    with pytest.raises(PrincipalNotFound):
        desk.update()
    with pytest.raises(PrincipalNotFound):
        desk.key()
    with pytest.raises(PrincipalNotFound):
        desk.name("pune.example")
    with pytest.raises(KeyNotFound):
        desk.revoke(new_key())
    with pytest.raises(CertificateNameNotFound):
        desk.store.write(lambda tx: desk.access.remove_certificate_name(tx, "pune.example"))


def test_somebody_is_left_who_may_change_callers(desk):
    made = new_key()
    create = desk.access.create_administrator
    desk.store.write(lambda tx: create(tx, key_id_of(made), key_sha256(made), recover=False))
    for change in ({"disabled": True}, {"scopes": {"loans:read"}}):
        with pytest.raises(LastAdministrator):
            desk.update("admin", **change)
    desk.update("admin", scopes={"access:admin", "loans:read"})


def test_administrator_is_created_where_there_is_nobody_or_to_recover(desk):
    create = desk.access.create_administrator
    first, second = new_key(), new_key()
    desk.store.write(lambda tx: create(tx, key_id_of(first), key_sha256(first), recover=False))
    with pytest.raises(PrincipalExists):
        desk.store.write(lambda tx: create(tx, key_id_of(second), key_sha256(second), recover=False))
    desk.create()
    desk.store.write(lambda tx: create(tx, key_id_of(second), key_sha256(second), recover=True))
    assert [each.name for each in desk.access.page_of_principals("", 9)] == ["admin", "branch-pune"]
    assert {each.key_id for each in desk.access.page_of_keys("admin", "", 9)} == {key_id_of(first), key_id_of(second)}
