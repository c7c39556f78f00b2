"""A request that comes more than once takes effect once, and is answered each time with the bytes of the first."""

import pytest

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import import_pb2, portfolio_service_pb2
from almeno_grpc.domain.errors import RequestIdReused
from almeno_grpc.service.idempotency import Idempotency, RequestContext

ID = "123e4567-e89b-42d3-a456-426614174000"


@pytest.fixture
def register(stubs, money):
    def send(**changes):
        request = pb.RegisterCustomerRequest(
            first_name="Asha", last_name="Rao", age=30, monthly_income=money(50_000), phone_number="9000000000"
        )
        for name, value in changes.items():
            setattr(request, name, value)
        return stubs.credit.RegisterCustomer(request, timeout=20)

    return send


@pytest.fixture
def loan_request(stubs, money, rate):
    customer = stubs.book.register()

    def make(amount=100_000, **changes):
        return pb.CreateLoanRequest(
            **{
                "request_id": ID,
                "customer_id": customer.customer_id,
                "loan_amount": money(amount),
                "interest_rate": rate("12"),
                "tenure_months": 12,
            }
            | changes
        )

    return make


def test_registration_sent_twice_registers_once_with_the_same_bytes(stubs, register):
    first, second = register(request_id=ID), register(request_id=ID)
    assert first.SerializeToString() == second.SerializeToString()
    assert len(stubs.book.rows("customer")) == 1


def test_request_id_may_be_written_in_capitals_or_not(stubs, register):
    assert register(request_id=ID) == register(request_id=ID.upper())
    assert len(stubs.book.rows("customer")) == 1


def test_booking_sent_twice_books_once_even_when_the_book_has_moved_on(stubs, loan_request):
    first = stubs.credit.CreateLoan(loan_request())
    assert first.decision.approved
    stubs.credit.CreateLoan(loan_request(amount=50_000, request_id=""))
    again = stubs.credit.CreateLoan(loan_request())
    assert again.SerializeToString(deterministic=True) == first.SerializeToString(deterministic=True)
    assert len(stubs.book.rows("loan")) == 2
    assert len(stubs.book.rows("decision")) == 2


def test_decline_is_remembered_like_an_approval(stubs, loan_request):
    first = stubs.credit.CreateLoan(loan_request(amount=100_000_000))
    assert not first.decision.approved
    assert stubs.credit.CreateLoan(loan_request(amount=100_000_000)) == first
    assert len(stubs.book.rows("decision")) == 1


def test_upload_sent_twice_is_queued_once(stubs):
    first = stubs.upload(b"a,b", request_id=ID)
    assert stubs.upload(b"a,b", request_id=ID) == first
    assert len(stubs.book.rows("import_file")) == 1


def test_cancellation_sent_twice_is_answered_alike(stubs):
    queued = stubs.upload(b"a,b")
    request = portfolio_service_pb2.CancelImportRequest(import_id=queued.import_id, request_id=ID)
    first = stubs.portfolio.CancelImport(request)
    assert stubs.portfolio.CancelImport(request) == first
    assert first.book_import.state == import_pb2.IMPORT_STATE_CANCELLED


def test_request_id_of_another_request_is_refused_without_effect(stubs, loan_request, register):
    stubs.credit.CreateLoan(loan_request())
    queued = stubs.upload(b"a,b", request_id="123e4567-e89b-42d3-a456-426614174001")
    before = stubs.book.counts()
    cancel = portfolio_service_pb2.CancelImportRequest(import_id=queued.import_id, request_id=ID)
    for call, field in (
        (lambda: stubs.credit.CreateLoan(loan_request(amount=100_001)), "request_id"),
        (lambda: stubs.credit.CreateLoan(loan_request(tenure_months=13)), "request_id"),
        (lambda: register(request_id=ID), "request_id"),
        (lambda: stubs.portfolio.CancelImport(cancel), "request_id"),
        (lambda: stubs.upload(b"a,b", request_id=ID), "header.request_id"),
        (lambda: stubs.upload(b"a,c", request_id="123e4567-e89b-42d3-a456-426614174001"), "header.request_id"),
        (
            lambda: stubs.upload(b"a,b", name="other.csv", request_id="123e4567-e89b-42d3-a456-426614174001"),
            "header.request_id",
        ),
    ):
        refusal = stubs.refusal(call)
        assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED", [field])
    assert stubs.book.counts() == before


def test_request_that_was_refused_may_be_mended_under_its_id(stubs, loan_request, register):
    for request, reason in (
        (loan_request(tenure_months=0), "INVALID_FIELD"),
        (loan_request(customer_id=77), "CUSTOMER_NOT_FOUND"),
        (loan_request(amount=1_000, interest_rate={"value": "100"}, tenure_months=600), "TERMS_DO_NOT_AMORTIZE"),
    ):
        assert stubs.refusal(lambda request=request: stubs.credit.CreateLoan(request)).reason == reason
    assert stubs.book.rows("idempotency_record") == []
    assert stubs.credit.CreateLoan(loan_request()).decision.approved
    register()
    other = "123e4567-e89b-42d3-a456-426614174002"
    assert stubs.refusal(lambda: register(request_id=other)).reason == "PHONE_NUMBER_TAKEN"
    assert register(request_id=other, phone_number="9000000001").customer.phone_number == "+919000000001"


def test_answer_outlives_the_process_that_gave_it(book, open_store, start_process):
    customer = book.register()
    context = RequestContext(request_id=ID, fingerprint="f" * 64)
    done = []
    first = Idempotency(book.store, book.clock).execute(
        context, lambda tx: tx.customers.get(customer.customer_id), lambda found: repr(found).encode(), done.append
    )
    assert done == [customer]
    reopened = Idempotency(open_store(), book.clock)
    again = reopened.execute(
        context, lambda _: pytest.fail("ran again"), str.encode, lambda _: pytest.fail("done again")
    )
    assert again == first
    other = start_process("repeat", request_id=ID, fingerprint="f" * 64, answer="another answer")
    other.wait_until_ready()
    other.go()
    assert other.result() == first.decode()


def test_answer_given_in_another_process_holds_here(book, start_process):
    other = start_process("repeat", request_id=ID, fingerprint="f" * 64, answer="the first answer")
    other.wait_until_ready()
    other.go()
    assert other.result() == "the first answer"
    here = Idempotency(book.store, book.clock)
    assert (
        here.execute(RequestContext(request_id=ID, fingerprint="f" * 64), lambda _: "x", str.encode)
        == b"the first answer"
    )
    with pytest.raises(RequestIdReused):
        here.execute(RequestContext(request_id=ID, fingerprint="e" * 64), lambda _: "x", str.encode)
