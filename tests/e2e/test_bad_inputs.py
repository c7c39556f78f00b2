"""Every RPC of a real server against a table of bad inputs: each gets an answer or an error a caller can act on.

The inputs are made from the protos: every field of a request that is otherwise right takes each value of a list for
its type; then bytes that are no message at all; then right requests after mutations on the wire, of which
`ALMENO_FUZZ_EXAMPLES` says how many. How many were tried with each RPC, and the codes they got, stands at the end of
the report.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from google.type import date_pb2, decimal_pb2, money_pb2
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.calls import SECONDS, applicant, check_of, loan_of, per_cent, refusal_of, registered, rupees
from support.mutations import mutated_stream
from support.servers import CUSTOMERS, RunningServer, StartServer
from support.trials import FUZZ_EXAMPLES

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import loan_service_pb2 as loan_pb
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb

METHODS: dict[str, MethodDescriptor] = {
    method.name: method
    for module, service in ((pb, "CreditService"), (loan_pb, "LoanService"), (portfolio_pb, "PortfolioService"))
    for method in module.DESCRIPTOR.services_by_name[service].methods
    if method.name != "WatchEvents"
}
"""But for the stream that has no end; what it is asked is what ListEvents is asked."""
UNDERSTOOD = {
    "OK",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "OUT_OF_RANGE",
    "ALREADY_EXISTS",
    "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED",
}
INT32 = (-(2**31), -1, 0, 1, 17, 121, 601, 2**31 - 1)
INT64 = (-(2**63), -1, 0, 1, 10**15, 2**63 - 1)
TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\n",
    "x" * 101,
    "x" * 300_000,
    "é" * 100,
    "\U0001d4b3" * 60,
    "\u202eevil",
    "\ud7ff\ufffe",
    "'; DROP TABLE loan; --",
    "../../etc/passwd",
    "%s%n{0}${jndi:x}",
    "null",
    "0",
    "-1",
    "123e4567-e89b-42d3-a456-426614174000",
    "123E4567-E89B-42D3-A456-42661417400",
    "٣٤٥",
    "+911234567890123456",
    "98450 12345 ext 9",
    "a.csv",
    "a.CSV ",
    "a.xls",
    "WyJhIiwxXQ",
    "W10=",
    "====",
)
ENUMS = (-1, 0, 1, 2, 99, 2**31 - 1)
MONEYS = tuple(
    money_pb2.Money(currency_code=currency, units=units, nanos=nanos)
    for currency, units, nanos in (
        *product(("INR",), (-(2**63), -1, 0, 1, 999, 1_000_000_001, 2**63 - 1), (0, 1, 5_000_000, 999_999_999)),
        *product(("INR", ""), (500_000,), (-(2**31), -1, 10_000_000, 1_000_000_000, 2**31 - 1)),
        *product(("USD", "inr", "₹", "INR ", "x" * 1_000), (500_000,), (0,)),
    )
)
DECIMALS = tuple(
    decimal_pb2.Decimal(value=value)
    for value in (
        *("", " ", "-0", "-1", "100.0001", "0.00001", "1e2", "1E+2", "1e-4", "1e-5", "1e999", "1e-999", "1e9999999999"),
        *("NaN", "Infinity", "-inf", "sNaN", "1_0", "1,5", "10.5%", "٣", "0x10", "+10", ".5", "5.", "1.2.3", "--1"),
        *("9" * 64, "9" * 5_000, "0." + "0" * 70 + "1", "0" * 60 + "10", "ten"),
    )
)
DATES = tuple(
    date_pb2.Date(year=year, month=month, day=day)
    for year, month, day in (
        *((0, 0, 0), (2026, 0, 0), (2026, 2, 0), (2026, 2, 29), (2024, 2, 29), (2026, 13, 1), (2026, 1, 32)),
        *((-1, 1, 1), (1, 1, 1), (9999, 12, 31), (10000, 1, 1), (2**31 - 1, 2**31 - 1, 2**31 - 1), (1899, 12, 31)),
    )
)
MESSAGES = {"google.type.Money": MONEYS, "google.type.Decimal": DECIMALS, "google.type.Date": DATES}
SCALARS = {
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_INT64: INT64,
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_ENUM: ENUMS,
    FieldDescriptor.TYPE_BOOL: (False, True),
}


def variants(message: Message) -> Iterator[Message]:
    """The message with each of its fields left out, and holding each value of the list for its type."""
    for field in message.DESCRIPTOR.fields:
        changed = type(message)()
        changed.CopyFrom(message)
        changed.ClearField(field.name)
        yield changed
        if field.message_type and field.message_type.GetOptions().map_entry:
            yield from variants_of_map(message, field.name)
            continue
        if field.is_repeated:
            yield from variants_of_list(message, field.name)
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            nested = getattr(message, field.name)
            values = MESSAGES.get(field.message_type.full_name) or tuple(variants(nested))
        else:
            values = SCALARS[field.type]
        for value in values:
            changed = type(message)()
            changed.CopyFrom(message)
            if isinstance(value, Message):
                getattr(changed, field.name).CopyFrom(value)
            else:
                setattr(changed, field.name, value)
            yield changed


def variants_of_map(message: Message, name: str) -> Iterator[Message]:
    """The message with each text as a key of its map, and as a value."""
    for key, value in [*((text, "Age") for text in TEXTS), *(("Age", text) for text in TEXTS)]:
        changed = type(message)()
        changed.CopyFrom(message)
        getattr(changed, name)[key] = value
        yield changed


def variants_of_list(message: Message, field: str) -> Iterator[Message]:
    """The message with each variant of the list's first element instead of the list, and with lists too long."""
    (first, *_) = getattr(message, field)
    for elements in (*([element] for element in variants(first)), [first] * 1_001, [type(first)()] * 5_000):
        changed = type(message)()
        changed.CopyFrom(message)
        changed.ClearField(field)
        getattr(changed, field).extend(elements)
        yield changed


def broken_bytes(good: bytes) -> Iterator[bytes]:
    """What is no message of the type, or one by chance."""
    yield from (
        b"",
        b"\xff" * 11,
        b"\x00",
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\x0f",
        b"\x0b" * 200,  # groups in groups
        b"\x0a\x80" * 100,
        b"\x08" + b"\x80" * 11 + b"\x01",
        b"\x0a\x02\xc3\x28",  # a text that is no UTF-8
        b"\x12\x02\xff\xfe",
        b"\xf8\xff\xff\xff\x0f\x01",  # a field number beyond the largest
        good + b"\x07",
        good + good,
        good + b"\xa2\xa8\x07\x03abc",  # a field nobody knows
    )
    yield from (good[:length] for length in range(1, len(good)))
    rng = random.Random(2026)
    # A request without fields has no bytes to change.
    for _ in range(100 if good else 0):
        changed = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        yield bytes(changed)
    for _ in range(50 if good else 150):
        yield rng.randbytes(rng.randint(1, 60))


@pytest.fixture(scope="module")
def server(start_shared_server: StartServer) -> RunningServer:
    """A server of their own: what is uploaded here would keep the imports of other tests waiting."""
    return start_shared_server()


def requests_of_a_new_customer(server: RunningServer) -> dict[str, Message]:
    """A request for each RPC that is answered OK, by the state of a loan that nobody has done anything with yet."""
    customer_id = registered(server.credit, income=1_000_000).customer_id
    loan = server.credit.CreateLoan(loan_of(customer_id, 10_000), timeout=SECONDS).loan
    loan_id = loan.loan_id
    repayment = pb.RecordRepaymentRequest(loan_id=loan_id, amount=rupees(0, 1))
    repayment_id = server.credit.RecordRepayment(repayment, timeout=SECONDS).repayment.repayment_id
    import_id = server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, [customer_row(1), customer_row(0)])).import_id
    return {
        "RegisterCustomer": applicant(),
        "GetCustomer": pb.GetCustomerRequest(customer_id=customer_id),
        "ListCustomers": pb.ListCustomersRequest(page_size=5),
        "ListCustomerChanges": pb.ListCustomerChangesRequest(customer_id=customer_id),
        "UpdateCustomer": pb.UpdateCustomerRequest(
            customer_id=customer_id, first_name="Usha", age=41, monthly_income=rupees(1_000_000)
        ),
        "SetApprovedLimit": pb.SetApprovedLimitRequest(
            customer_id=customer_id,
            recalculate=True,
            reason="Asked",
            customer_request_date=date_pb2.Date(year=2026, month=4, day=1),
        ),
        "FindCustomers": pb.FindCustomersRequest(name_prefix="ush"),
        "CheckEligibility": check_of(customer_id, 50_000),
        "BatchCheckEligibility": pb.BatchCheckEligibilityRequest(
            requests=[check_of(customer_id, 50_000), check_of(customer_id, 60_000)]
        ),
        "CreateLoan": loan_of(customer_id, 50_000),
        "GetLoan": pb.GetLoanRequest(loan_id=loan_id),
        "ListLoans": pb.ListLoansRequest(customer_id=customer_id),
        "GetRepaymentSchedule": pb.GetRepaymentScheduleRequest(loan_id=loan_id),
        "RecordRepayment": repayment,
        "ListRepayments": pb.ListRepaymentsRequest(loan_id=loan_id),
        "GetPayoff": pb.GetPayoffRequest(loan_id=loan_id, payoff_date=date_pb2.Date(year=2026, month=5, day=1)),
        "GetKeyFacts": pb.GetKeyFactsRequest(loan_id=loan_id),
        "GetDecision": pb.GetDecisionRequest(decision_id=loan.decision_id),
        "ListDecisions": pb.ListDecisionsRequest(customer_id=customer_id),
        "ReplayDecision": pb.ReplayDecisionRequest(decision_id=loan.decision_id),
        # Sanctions, exits and reversals happen once: of most variants it is the state of the loan that refuses them.
        "DisburseLoan": loan_pb.DisburseLoanRequest(loan_id=loan_id, external_reference="UTR"),
        "CancelLoan": loan_pb.CancelLoanRequest(loan_id=loan_id, reason=1),
        "ExitLoan": loan_pb.ExitLoanRequest(loan_id=loan_id),
        "ReverseRepayment": loan_pb.ReverseRepaymentRequest(repayment_id=repayment_id, reason=1, return_code="01"),
        "PreviewPrepayment": loan_pb.PreviewPrepaymentRequest(loan_id=loan_id, amount=rupees(0, 1), effect=1),
        "PrepayLoan": loan_pb.PrepayLoanRequest(loan_id=loan_id, amount=rupees(0, 1), effect=1),
        "AddCharge": loan_pb.AddChargeRequest(loan_id=loan_id, kind=2, amount=rupees(0, 1), reason="returned"),
        "WaiveCharges": loan_pb.WaiveChargesRequest(loan_id=loan_id, amount=rupees(0, 1), reason="goodwill"),
        "ListCharges": loan_pb.ListChargesRequest(loan_id=loan_id),
        "GetStatement": loan_pb.GetStatementRequest(loan_id=loan_id),
        "StartImport": portfolio_pb.ImportHeader(kind=CUSTOMERS, file_name="a.csv"),
        "GetImport": portfolio_pb.GetImportRequest(import_id=import_id),
        "CancelImport": portfolio_pb.CancelImportRequest(import_id=import_id),
        "ListImports": portfolio_pb.ListImportsRequest(page_size=5),
        "WatchImport": portfolio_pb.WatchImportRequest(import_id=import_id),
        "ListImportIssues": portfolio_pb.ListImportIssuesRequest(import_id=import_id),
        "ListPolicies": portfolio_pb.ListPoliciesRequest(),
        "GetPolicy": portfolio_pb.GetPolicyRequest(version="2026-01"),
        "ListTerms": portfolio_pb.ListTermsRequest(),
        "GetTerms": portfolio_pb.GetTermsRequest(version="2026-12"),
        "SimulatePolicy": portfolio_pb.SimulatePolicyRequest(
            version="2026-01", loan_amount=rupees(50_000), interest_rate=per_cent("10"), tenure_months=24
        ),
        "SummarizePortfolio": portfolio_pb.SummarizePortfolioRequest(),
        "ListEvents": portfolio_pb.ListEventsRequest(after=0, page_size=5),
        "ExportLoans": portfolio_pb.ExportLoansRequest(as_of=date_pb2.Date(year=2026, month=1, day=31)),
        "ExportJournal": portfolio_pb.ExportJournalRequest(to=date_pb2.Date(year=2026, month=1, day=31)),
    }


@pytest.fixture(scope="module")
def good_requests(server: RunningServer) -> dict[str, Message]:
    """A request for each RPC that is answered OK, as long as it is the first of its kind."""
    return requests_of_a_new_customer(server)


def uploads(header: Message) -> Iterator[list[bytes]]:
    """Streams of an upload that go wrong."""
    message = portfolio_pb.StartImportRequest
    good = message(header=header).SerializeToString()
    chunk = message(chunk=b"Customer ID\n").SerializeToString()
    yield from ([], [b""], [chunk], [chunk, good], [good, good], [good, chunk, good, chunk], [good, b""], [good] * 50)
    for changed in variants(header):
        yield [message(header=changed).SerializeToString(), chunk]
    for broken in broken_bytes(good):
        yield [broken, chunk]
    for broken in broken_bytes(chunk):
        yield [good, chunk, broken]


def inputs_for(method: MethodDescriptor, good: Message) -> Iterator[list[bytes]]:
    """The messages of each call."""
    if method.name == "StartImport":
        yield from uploads(good)
        return
    serialized = good.SerializeToString()
    yield from ([], [serialized, serialized])
    for message in variants(good):
        yield [message.SerializeToString()]
    for broken in broken_bytes(serialized):
        yield [broken]


def code_of(call: Callable[[], object]) -> str:
    """The code of a call, whose error has to carry its one ErrorInfo."""
    try:
        call()
    except grpc.RpcError as error:
        return refusal_of(error).code
    return "OK"


@pytest.mark.parametrize("name", METHODS)
def test_no_input_makes_the_server_fail(
    server: RunningServer,
    good_requests: dict[str, Message],
    name: str,
    request: pytest.FixtureRequest,
) -> None:
    method = METHODS[name]
    codes = codes_of(server, method, list(inputs_for(method, good_requests[name])))
    request.node.user_properties.append((f"inputs tried with {name}", f"{codes.total()}: {dict(codes.most_common())}"))
    assert codes.total() > 150
    assert codes["INVALID_ARGUMENT"] > 20
    assert_unharmed(server, good_requests)


@pytest.mark.parametrize("name", METHODS)
def test_no_mutation_of_a_request_makes_the_server_fail(
    server: RunningServer,
    good_requests: dict[str, Message],
    name: str,
    request: pytest.FixtureRequest,
) -> None:
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    good = good_messages(good_requests, name)
    codes = codes_of(server, METHODS[name], [mutated_stream(good, rng) for _ in range(FUZZ_EXAMPLES)], seed)
    tried = f"{codes.total()}: {dict(codes.most_common())}"
    request.node.user_properties.append((f"mutations tried with {name}", tried))
    assert_unharmed(server, good_requests)


def good_messages(good_requests: dict[str, Message], name: str) -> list[bytes]:
    """The messages of a call that is answered OK."""
    good = good_requests[name]
    if name != "StartImport":
        return [good.SerializeToString()]
    message = portfolio_pb.StartImportRequest
    pieces = [b",".join(heading.encode() for heading in CUSTOMER_HEADINGS), b"\n1,"]
    messages = [message(header=good), *(message(chunk=piece) for piece in pieces)]
    return [each.SerializeToString() for each in messages]


def codes_of(
    server: RunningServer, method: MethodDescriptor, inputs: list[list[bytes]], seed: int | None = None
) -> Counter[str]:
    """The codes that a method answers to inputs, each of which has to be one that a caller understands."""
    # gRPC's channel calls a method as one with streams on both sides whatever it is, and takes any bytes.
    call = server.channel.stream_stream(f"/{method.containing_service.full_name}/{method.name}")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda messages: code_of(lambda: list(call(iter(messages), timeout=SECONDS))), inputs))
    for messages, code in zip(inputs, answers, strict=True):
        shown = [message[:200] for message in messages]
        assert code in UNDERSTOOD, f"{method.name} answers {code} to {shown} of the seed {seed}"
    return Counter(answers)


def assert_unharmed(server: RunningServer, good_requests: dict[str, Message]) -> None:
    """What was tried has not harmed the server."""
    assert server.process.poll() is None
    assert server.events("process_died") == []
    assert server.events("call_failed") == []
    check = good_requests["CheckEligibility"]
    assert server.credit.CheckEligibility(check, timeout=SECONDS).decision.policy_version


NOT_SANCTIONED = {"DisburseLoan", "CancelLoan", "ExitLoan"}
"""What is done to a loan that is sanctioned, or in a cooling-off period; none is in the server's book."""


def test_good_requests_are_answered(server: RunningServer) -> None:
    good_requests = requests_of_a_new_customer(server)
    assert good_requests.keys() == METHODS.keys()
    for name, request in (good_requests | {"RegisterCustomer": applicant()}).items():
        method = METHODS[name]
        assert name == "StartImport" or isinstance(request, GetMessageClass(method.input_type))
        stubs = {"CreditService": server.credit, "LoanService": server.loans, "PortfolioService": server.portfolio}
        stub = stubs[method.containing_service.name]
        if method.server_streaming:
            assert list(getattr(stub, name)(request, timeout=SECONDS))
        elif name != "StartImport":
            code = code_of(partial(getattr(stub, name), request, timeout=SECONDS))
            assert code == ("FAILED_PRECONDITION" if name in NOT_SANCTIONED else "OK"), name


def test_bad_requests_of_a_batch_are_refused_as_each_would_be_by_itself(
    server: RunningServer, good_requests: dict[str, Message]
) -> None:
    bad = list(variants(good_requests["CheckEligibility"]))
    results = server.credit.BatchCheckEligibility(
        pb.BatchCheckEligibilityRequest(requests=bad), timeout=SECONDS
    ).results
    for request, result in zip(bad, results, strict=True):
        try:
            alone = server.credit.CheckEligibility(request, timeout=SECONDS)
        except grpc.RpcError as error:
            expected = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
            assert result.error == expected
        else:
            assert result.decision == alone.decision
    assert sum(result.HasField("error") for result in results) > 50


def test_method_that_does_not_exist_is_unimplemented(server: RunningServer) -> None:
    for path in ("/almeno.credit.v1.CreditService/Rob", "/almeno.credit.v2.CreditService/GetLoan", "/x", "/"):
        assert code_of(partial(server.channel.unary_unary(path), b"", timeout=SECONDS)) == "UNIMPLEMENTED"
