"""Who sees persons in full, and the events of the audit trail that this leaves."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from support.memory_store import MemoryStore

from almeno_grpc.api import credit_service_pb2, customer_pb2, personal_data_pb2
from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import NOBODY, PII, SCOPES, Caller, Limits
from almeno_grpc.domain.errors import CallerLimitExceeded
from almeno_grpc.metrics import UNKNOWN_METHOD
from almeno_grpc.rpc.persons import Persons
from almeno_grpc.rpc.runtime.authentication import OpenAccess
from almeno_grpc.rpc.runtime.current_call import set_current_call
from almeno_grpc.rpc.runtime.methods import Method
from almeno_grpc.service.audit_queue import AuditQueue

CLOCK = Clock(date(2026, 3, 31), ZoneInfo("Asia/Kolkata"))
PUNE = Caller("branch-pune", "abcdefghijkl", SCOPES)
QUOTING = "must be a number, not 'Asha Rao'"
IMPORT_ID = "01934567-1934-7567-8019-345670193456"


class Shown:
    """Persons, and the events that showing them has left."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        self.queue = AuditQueue(self._store.as_store(), CLOCK)
        self.persons = Persons(self.queue, CLOCK)

    def events(self) -> list[tuple[str, int, str]]:
        self.queue.close()
        return [(event.method, event.customer_id, event.subject) for event in self._store.events]


@pytest.fixture
def shown() -> Iterator[Shown]:
    shown = Shown()
    yield shown
    shown.queue.close()
    call(NOBODY)


def call(caller: Caller, path: str = "/S/GetCustomer") -> None:
    set_current_call(caller, Method(path, UNKNOWN_METHOD, has_effects=False, is_stream=False), OpenAccess())


def test_customer_is_shown_to_a_caller_with_the_scope_and_that_is_recorded(shown: Shown) -> None:
    call(PUNE)
    assert shown.persons.are_shown([7])
    assert shown.events() == [("/S/GetCustomer", 7, "7")]


def test_customer_who_is_found_counts_as_shown_with_the_scope_or_without(shown: Shown) -> None:
    for scopes in (SCOPES, frozenset({"customers:list"})):
        call(replace(PUNE, scopes=scopes, limits=Limits(max_pii_reads_per_day=2)), "/S/FindCustomers")
        assert shown.persons.are_found([7]) == (scopes == SCOPES)
    with pytest.raises(CallerLimitExceeded):
        shown.persons.are_found([8])
    assert not shown.persons.are_found([])
    assert shown.events() == 2 * [("/S/FindCustomers", 7, "7")]


def test_customer_is_not_shown_without_the_scope(shown: Shown) -> None:
    call(replace(PUNE, scopes=frozenset({"customers:read"})))
    assert not shown.persons.are_shown([7])
    assert not shown.persons.are_quoted(IMPORT_ID, [QUOTING])
    assert shown.events() == []


def test_what_is_quoted_of_a_file_is_recorded_by_its_import(shown: Shown) -> None:
    call(PUNE, "/S/ListImportIssues")
    assert shown.persons.are_quoted(IMPORT_ID, ["is missing", QUOTING])
    assert shown.persons.are_quoted(IMPORT_ID, ["is missing"])
    assert shown.events() == [("/S/ListImportIssues", 0, IMPORT_ID)]


def test_no_more_persons_a_day_are_shown_than_the_principal_may_see(shown: Shown) -> None:
    call(replace(PUNE, limits=Limits(max_pii_reads_per_day=3)))
    assert shown.persons.are_shown([1, 2])
    with pytest.raises(CallerLimitExceeded):
        shown.persons.are_quoted(IMPORT_ID, [QUOTING, QUOTING])
    assert shown.persons.are_quoted(IMPORT_ID, [QUOTING])
    with pytest.raises(CallerLimitExceeded):
        shown.persons.are_shown([4])
    assert shown.events() == [("/S/GetCustomer", 0, "1-2"), ("/S/GetCustomer", 0, IMPORT_ID)]


def test_of_the_persons_in_events_the_first_are_shown_as_many_as_the_principal_may_see(shown: Shown) -> None:
    call(replace(PUNE, limits=Limits(max_pii_reads_per_day=3)), "/S/ListEvents")
    assert shown.persons.shown_within_limit([7, 9, 7]) == {7, 9}
    assert shown.persons.shown_within_limit([4, 2]) == {4}
    assert shown.persons.shown_within_limit([7]) == frozenset()
    call(replace(PUNE, principal="app", scopes=SCOPES - {PII}))
    assert shown.persons.shown_within_limit([7]) == frozenset()
    assert shown.events() == [("/S/ListEvents", 0, "7,9"), ("/S/ListEvents", 4, "4")]


def test_fields_that_tell_who_a_person_is_say_so() -> None:
    messages = [
        message
        for module in (customer_pb2, credit_service_pb2)
        for message in module.DESCRIPTOR.message_types_by_name.values()
    ]
    marked = {
        message.name: {
            field.name for field in message.fields if field.GetOptions().Extensions[personal_data_pb2.personal_data]
        }
        for message in messages
    }
    assert {name: fields for name, fields in marked.items() if fields} == {
        "Customer": {"first_name", "last_name", "phone_number"},
        "CustomerChange": {"old_value", "new_value"},
        "RegisterCustomerRequest": {"first_name", "last_name", "phone_number"},
        "UpdateCustomerRequest": {"first_name", "last_name", "phone_number"},
        "FindCustomersRequest": {"phone_number", "name_prefix"},
    }
