"""Stored decisions: a snapshot in JSON, whole and exact, readable without this program and without the policy.

The structs declare the snapshot once, for writing and for reading: fields and their order, types and bounds. Amounts
are in paise; rates, points and shares are exact, as text. What is stored may have been damaged, or edited, in the years
since it was: reading takes nothing for granted, and a field too many is damage as well as a field too few.
"""

import hashlib
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from almeno_grpc.domain import limits
from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.decision import Borrower, Decision, DecisionReason, LoanRequest
from almeno_grpc.domain.gates import Gate, gates_of
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.outside_credit import OutsideCredit
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.domain.scoring import ScoreComponent
from almeno_grpc.service.store import DecisionRecord

MAX_TEXT_CHARACTERS = 1000

_MAX_INT64 = 2**63 - 1
_MAX_INT32 = 2**31 - 1
_MAX_SCORE = 100
_MAX_TIME_US = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""

_Amount = Annotated[int, Meta(ge=0, le=_MAX_INT64)]
_PositiveAmount = Annotated[int, Meta(ge=1, le=_MAX_INT64)]
_Count = Annotated[int, Meta(ge=0, le=_MAX_INT32)]
_Score = Annotated[int, Meta(ge=0, le=_MAX_SCORE)]
_Rate = Annotated[str, Meta(pattern=r"\A(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)\Z")]
_Points = Annotated[str, Meta(pattern=r"\A[0-9]{1,100}(/[1-9][0-9]{0,99})?\Z")]
# Without control and format characters and without line breaks: it is shown on terminals.
_Text = Annotated[
    str,
    Meta(
        max_length=MAX_TEXT_CHARACTERS,
        pattern=r"\A[^\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]*\Z",
    ),
]
_AT_MOST_100 = Meta(max_length=100)


class DecisionUnreadable(ValueError):
    """What is stored of a decision is damaged; the message names the part and what it has to be."""


class StoredDecision(NamedTuple):
    """A decision with what is stored beside it."""

    decision_id: str
    decision: Decision
    gates: tuple[Gate, ...]
    message: str
    """The outcome in one sentence, as the caller was answered."""
    create_time: int
    """When it was taken, in microseconds since the epoch."""


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An object of the snapshot."""


class _Position(_Struct, frozen=True, omit_defaults=True):
    """The fields of `CreditPosition`, in their order.

    Those with a default are left out where they have it: snapshots that are older than they are stay what they were.
    """

    loan_count: _Count
    active_loan_count: _Count
    loans_this_year: _Count
    approved_volume: _Amount
    current_debt: _Amount
    monthly_obligation: _Amount
    emis_due: _Count
    emis_paid_on_time: _Count
    days_past_due: _Count = 0
    asset_class: AssetClass = AssetClass.STANDARD


class _OutsideCredit(_Struct, frozen=True):
    """The fields of `OutsideCredit`, in their order."""

    monthly_obligations: _Amount
    bureau_score: Annotated[int, Meta(ge=limits.MIN_BUREAU_SCORE, le=limits.MAX_BUREAU_SCORE)] | None
    report_date: date | None


class _ScoreComponent(_Struct, frozen=True):
    name: _Text
    points: _Points
    """As a fraction, such as 200/21, at most 100."""
    max_points: _Score
    observed: _Text


class _Gate(_Struct, frozen=True):
    """The fields of `Gate`, in their order."""

    reason: DecisionReason
    passed: bool
    observed: _Text
    allowed: _Text


class _Snapshot(_Struct, frozen=True, omit_defaults=True):
    """Everything the decision was taken from and its result, by the names of the answer to a caller.

    A field with a default is left out as in the position.
    """

    decision_id: _Text
    create_time: Annotated[int, Meta(ge=0, le=_MAX_TIME_US)]
    business_date: date
    policy_version: _Text
    policy_sha256: _Text
    customer_id: Annotated[int, Meta(ge=1, le=limits.MAX_ID)]
    loan_amount: _PositiveAmount
    interest_rate: _Rate
    tenure_months: Annotated[int, Meta(ge=limits.MIN_TENURE_MONTHS, le=limits.MAX_TENURE_MONTHS)]
    max_interest_rate: _Rate | None
    monthly_income: _Amount
    approved_limit: _Amount
    position: _Position
    credit_score: _Score
    score_components: Annotated[list[_ScoreComponent], _AT_MOST_100]
    corrected_interest_rate: _Rate
    monthly_installment: _Amount
    installment_method: InstallmentMethod
    gates: Annotated[list[_Gate], _AT_MOST_100]
    approved: bool
    """Follows from the reasons; a replay finds out where the two disagree."""
    reasons: Annotated[tuple[DecisionReason, ...], _AT_MOST_100]
    counter_offer: _Amount | None
    message: _Text
    outside: _OutsideCredit | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Snapshot)


def stored_decision_of(decision_id: str, decision: Decision, policy: Policy, create_time: int) -> StoredDecision:
    """A decision as it is going to be stored, with every gate of the policy that took it."""
    return StoredDecision(decision_id, decision, gates_of(decision, policy), decision.message, create_time)


def decision_record(stored: StoredDecision) -> DecisionRecord:
    """The record of a decision."""
    decision = stored.decision
    snapshot = _encoder.encode(_snapshot_of(stored))
    return DecisionRecord(
        stored.decision_id,
        decision.request.customer_id,
        decision.business_date.isoformat(),
        decision.policy_version,
        decision.policy_sha256,
        decision.approved,
        decision.credit_score,
        ",".join(decision.reasons),
        snapshot.decode(),
        hashlib.sha256(snapshot).hexdigest(),
        stored.create_time,
    )


def snapshot_sha256(text: str) -> str:
    """The SHA-256 of a snapshot, in hexadecimal."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def read_snapshot(text: str) -> StoredDecision:
    """The decision that a snapshot holds.

    Raises:
        DecisionUnreadable: It is not JSON, or a part of it is missing or is not what it has to be.
    """
    try:
        return _stored_decision(_decoder.decode(text))
    except (msgspec.DecodeError, ValueError) as error:
        raise DecisionUnreadable(f"the snapshot holds no decision: {printable(str(error))}") from None


def printable(text: str) -> str:
    """At most 1,000 characters of a text, whatever was stored; those that cannot be printed are replaced."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:MAX_TEXT_CHARACTERS])


def _snapshot_of(stored: StoredDecision) -> _Snapshot:
    decision = stored.decision
    request, borrower = decision.request, decision.borrower
    return _Snapshot(
        decision_id=stored.decision_id,
        create_time=stored.create_time,
        business_date=decision.business_date,
        policy_version=decision.policy_version,
        policy_sha256=decision.policy_sha256,
        customer_id=request.customer_id,
        loan_amount=request.loan_amount,
        interest_rate=f"{request.interest_rate:f}",
        tenure_months=request.tenure_months,
        max_interest_rate=None if request.max_interest_rate is None else f"{request.max_interest_rate:f}",
        monthly_income=borrower.monthly_income,
        approved_limit=borrower.approved_limit,
        position=_Position(*borrower.position),
        credit_score=decision.credit_score,
        score_components=[
            _ScoreComponent(name, str(points), max_points, observed)
            for name, points, max_points, observed in decision.score_components
        ],
        corrected_interest_rate=f"{decision.corrected_interest_rate:f}",
        monthly_installment=decision.monthly_installment,
        installment_method=decision.installment_method,
        gates=[_Gate(*gate) for gate in stored.gates],
        approved=decision.approved,
        reasons=decision.reasons,
        counter_offer=decision.counter_offer,
        message=stored.message,
        outside=None if request.outside is None else _OutsideCredit(*request.outside),
    )


def _stored_decision(snapshot: _Snapshot) -> StoredDecision:
    return StoredDecision(
        decision_id=snapshot.decision_id,
        decision=Decision(
            request=LoanRequest(
                customer_id=snapshot.customer_id,
                loan_amount=snapshot.loan_amount,
                interest_rate=Decimal(snapshot.interest_rate),
                tenure_months=snapshot.tenure_months,
                max_interest_rate=None if snapshot.max_interest_rate is None else Decimal(snapshot.max_interest_rate),
                outside=None if snapshot.outside is None else OutsideCredit(*msgspec.structs.astuple(snapshot.outside)),
            ),
            borrower=Borrower(
                monthly_income=snapshot.monthly_income,
                approved_limit=snapshot.approved_limit,
                position=CreditPosition(*msgspec.structs.astuple(snapshot.position)),
            ),
            credit_score=snapshot.credit_score,
            score_components=tuple(
                ScoreComponent(part.name, _points(part.points, index), part.max_points, part.observed)
                for index, part in enumerate(snapshot.score_components)
            ),
            corrected_interest_rate=Decimal(snapshot.corrected_interest_rate),
            monthly_installment=snapshot.monthly_installment,
            installment_method=snapshot.installment_method,
            reasons=snapshot.reasons,
            counter_offer=snapshot.counter_offer,
            policy_version=snapshot.policy_version,
            policy_sha256=snapshot.policy_sha256,
            business_date=snapshot.business_date,
        ),
        gates=tuple(Gate(*msgspec.structs.astuple(gate)) for gate in snapshot.gates),
        message=snapshot.message,
        create_time=snapshot.create_time,
    )


def _points(text: str, index: int) -> Fraction:
    points = Fraction(text)
    if points > _MAX_SCORE:
        # The only bound that `Meta` cannot state.
        raise ValueError(f"Expected points <= {_MAX_SCORE} - at `$.score_components[{index}].points`")
    return points
