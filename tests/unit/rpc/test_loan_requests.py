"""Requests of LoanService: what is refused, by the path of the field, and what the use cases get."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from google.type import date_pb2, money_pb2

from almeno_grpc.api import charge_pb2, credit_service_pb2, loan_pb2, repayment_pb2
from almeno_grpc.api import loan_service_pb2 as pb
from almeno_grpc.domain.access import NOBODY, SCOPES, Caller, Limits
from almeno_grpc.domain.charge import Charge, ChargeKind
from almeno_grpc.domain.errors import CallerLimitExceeded, InvalidField
from almeno_grpc.domain.repayment import PrepaymentEffect, RepaymentChannel, ReversalReason
from almeno_grpc.metrics import UNKNOWN_METHOD
from almeno_grpc.rpc import loan_requests as read
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.loan_servicer import LoanServicer, in_order
from almeno_grpc.rpc.runtime.authentication import OpenAccess
from almeno_grpc.rpc.runtime.current_call import set_current_call
from almeno_grpc.rpc.runtime.methods import Method
from almeno_grpc.service.loan_changes import PrepaymentRequest, ReversalRequest
from almeno_grpc.service.repayments import RepaymentRequest

ID = "123e4567-e89b-42d3-a456-426614174000"
PAISA = money_pb2.Money(nanos=10_000_000)
DAY = date_pb2.Date(year=2027, month=1, day=15)
NO_DAY = date_pb2.Date(year=2027, month=2, day=29)
INVISIBLE = ["\n", "a\tb", "a\u200bb", "a\u3164", "a\u202eb", "\u3164", "a\ufeff", "\u0301", "a\ud7ff\u2028"]

GOOD: dict[str, dict[str, Any]] = {
    "DisburseLoan": {"loan_id": 5, "disbursement_date": DAY, "external_reference": "UTR 12/3"},
    "CancelLoan": {"loan_id": 5, "reason": loan_pb2.CANCEL_REASON_LENDER},
    "ExitLoan": {"loan_id": 5, "exit_date": DAY},
    "ReverseRepayment": {"repayment_id": ID, "reason": 1, "reversal_date": DAY, "return_code": "01"},
    "PreviewPrepayment": {"loan_id": 5, "amount": PAISA, "payment_date": DAY, "effect": 2},
    "PrepayLoan": {"loan_id": 5, "amount": PAISA, "payment_date": DAY, "effect": 2, "channel": 1},
    "AddCharge": {"loan_id": 5, "kind": charge_pb2.CHARGE_KIND_BOUNCE, "amount": PAISA, "reason": "returned"},
    "WaiveCharges": {"loan_id": 5, "amount": PAISA, "reason": "goodwill"},
    "ListCharges": {"loan_id": 5},
    "GetStatement": {"loan_id": 5, "from": DAY, "to": DAY},
}
BAD: list[tuple[str, str, str, Any]] = [
    *((method, "loan_id", "loan_id", value) for method in GOOD if "loan_id" in GOOD[method] for value in (0, -1)),
    *((method, "request_id", "request_id", "x") for method in GOOD if method[:4] not in ("List", "Prev", "GetS")),
    *((method, "amount", "amount", money_pb2.Money(units=-1)) for method in GOOD if "amount" in GOOD[method]),
    *((method, "amount", "amount", money_pb2.Money()) for method in GOOD if "amount" in GOOD[method]),
    ("PrepayLoan", "amount", "amount.nanos", money_pb2.Money(nanos=1)),
    ("WaiveCharges", "amount", "amount.currency_code", money_pb2.Money(units=1, currency_code="USD")),
    ("AddCharge", "amount", "amount", money_pb2.Money(units=1_00_00_000, nanos=10_000_000)),
    *((method, name, name, NO_DAY) for method in GOOD for name in GOOD[method] if name.endswith("_date")),
    *(("DisburseLoan", "external_reference", "external_reference", text) for text in (*INVISIBLE, " ", "x" * 65)),
    *(("PrepayLoan", "external_reference", "external_reference", text) for text in (*INVISIBLE, " ", "x" * 65)),
    *(("ReverseRepayment", "return_code", "return_code", text) for text in (*INVISIBLE, " ", "x" * 21)),
    *((method, "reason", "reason", text) for method in ("AddCharge", "WaiveCharges")
      for text in ("", " ", "a\nb", "\u202ea", "\u200b", "x" * 201)),
    *(("CancelLoan", "reason", "reason", value) for value in (0, 3, -1)),
    *(("ReverseRepayment", "reason", "reason", value) for value in (0, 4, -1)),
    *((method, "effect", "effect", value) for method in ("PreviewPrepayment", "PrepayLoan") for value in (0, 3)),
    *(("PrepayLoan", "channel", "channel", value) for value in (6, -1)),
    *(("AddCharge", "kind", "kind", value) for value in (0, charge_pb2.CHARGE_KIND_LATE_PAYMENT, 4)),
    ("ReverseRepayment", "repayment_id", "repayment_id", "r-1"),
    ("ListCharges", "page_size", "page_size", -1),
    *(("GetStatement", name, name, NO_DAY) for name in ("from", "to")),
]  # fmt: skip


class Context:
    """A call that goes on."""

    @staticmethod
    def is_active() -> bool:
        return True


class UseCases:
    """Use cases that say what they were asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **_limits: Any) -> bytes:
            self.calls.append((name, *(each for each in arguments[:-2])))
            return b""

        return call


@pytest.fixture
def use_cases() -> Iterator[UseCases]:
    as_caller(NOBODY)
    yield UseCases()
    as_caller(NOBODY)


def as_caller(caller: Caller) -> None:
    set_current_call(caller, Method("/S/M", UNKNOWN_METHOD, has_effects=True, is_stream=False), OpenAccess())


def send(use_cases: UseCases, method: str, **fields: Any) -> Any:
    servicer: Any = LoanServicer(use_cases, use_cases, use_cases)  # type: ignore[arg-type] # a stand-in of all
    return getattr(servicer, method)(getattr(pb, f"{method}Request")(**fields), Context())


@pytest.mark.parametrize(("method", "field", "path", "value"), BAD)
def test_bad_field_is_refused_by_its_path(
    use_cases: UseCases, method: str, field: str, path: str, value: object
) -> None:
    with pytest.raises(InvalidField) as caught:
        send(use_cases, method, **(GOOD[method] | {field: value}))
    assert [violation.field for violation in caught.value.violations] == [path]
    assert use_cases.calls == []


def test_message_of_a_bad_enumeration_names_what_it_may_be() -> None:
    fields = FieldReader()
    read.charge_kind(fields, charge_pb2.CHARGE_KIND_LATE_PAYMENT)
    with pytest.raises(InvalidField, match="kind: must be one of CHARGE_KIND_BOUNCE, CHARGE_KIND_OTHER"):
        fields.raise_if_invalid()


def test_use_cases_get_what_was_asked_for(use_cases: UseCases) -> None:
    for method in ("DisburseLoan", "CancelLoan", "ExitLoan", "ReverseRepayment", "PrepayLoan", "AddCharge"):
        send(use_cases, method, **GOOD[method])
    send(use_cases, "WaiveCharges", **(GOOD["WaiveCharges"] | {"amount": money_pb2.Money(units=2**62)}))
    on = date(2027, 1, 15)
    assert use_cases.calls == [
        ("disburse", 5, on, "UTR 12/3"),
        ("cancel", 5, "LENDER"),
        ("exit", 5, on),
        ("reverse", ReversalRequest(ID, ReversalReason.RETURNED, on, "01")),
        ("prepay", PrepaymentRequest(5, 1, on, PrepaymentEffect.LOWER_INSTALLMENT, "", RepaymentChannel.NACH)),
        ("charge", 5, ChargeKind.BOUNCE, 1, "returned"),
        ("charge", 5, ChargeKind.WAIVER, 2**62 * 100, "goodwill"),
    ]


@pytest.mark.parametrize("reference", ["", "x" * 64, "UTR 1/2-3_ä", "रुपये १२३"])
def test_repayment_has_a_channel_and_a_reference_if_the_caller_says_them(reference: str) -> None:
    fields = FieldReader()
    request = credit_service_pb2.RecordRepaymentRequest(loan_id=5, amount=PAISA, external_reference=reference)
    assert read.repayment(fields, request) == RepaymentRequest(5, 1, None, None, reference)
    request.channel = repayment_pb2.REPAYMENT_CHANNEL_CASH
    assert read.repayment(fields, request).channel is RepaymentChannel.CASH
    fields.raise_if_invalid()


def test_prepayment_beyond_the_callers_limit_is_refused_and_a_preview_is_not(use_cases: UseCases) -> None:
    as_caller(Caller("branch-pune", "abcdefghijkl", SCOPES, Limits(max_repayment=100)))
    for paise, is_refused in ((100, False), (101, True)):
        request = GOOD["PrepayLoan"] | {"amount": money_pb2.Money(units=1, nanos=(paise - 100) * 10_000_000)}
        if is_refused:
            with pytest.raises(CallerLimitExceeded):
                send(use_cases, "PrepayLoan", **request)
        else:
            send(use_cases, "PrepayLoan", **request)
    assert [name for name, *_ in use_cases.calls] == ["prepay"]
    assert read.prepayment(FieldReader(), pb.PreviewPrepaymentRequest(**GOOD["PreviewPrepayment"])).amount == 1


def test_charges_stand_by_their_days_those_added_before_late_ones() -> None:
    on, before = date(2027, 3, 15), date(2027, 2, 15)
    charges = [
        Charge(ChargeKind.LATE_PAYMENT, 2, on, 1),
        Charge(ChargeKind.BOUNCE, 0, on, 2),
        Charge(ChargeKind.OTHER, 0, on, 3),
        Charge(ChargeKind.LATE_PAYMENT, 1, before, 4),
    ]
    rows = in_order(charges)
    assert [charge.amount for _, charge in rows] == [4, 2, 3, 1]
    without_late = {charge.amount: key for key, charge in in_order(charges[1:3])}
    assert without_late == {charge.amount: key for key, charge in rows if not charge.installment_number}
