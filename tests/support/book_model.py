"""What a book has to hold after requests were answered, worked out a second time, without the product's code.

The model takes the decisions in the order in which the database holds them, one after the other, with the repayments
that came between, and reckons each anew in fractions. It knows new books only: every loan was booked on the one
business date, so nothing is due yet, and whatever is repaid is paid ahead.
"""

import csv
import hashlib
import sqlite3
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from google.type import money_pb2

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb
from support.repayment_model import ModelLoan

LAKH = 100_000 * 100
END_STATES = {"SUCCEEDED", "FAILED", "CANCELLED"}
NUMBERS = {
    "customer": "customer_id",
    "loan": "loan_id",
    "decision": "rowid",
    "idempotency_record": "rowid",
    "import_file": "queue_number",
}
"""What the rows of each table are numbered by, in the order of their writing."""

_ONE_SIDED = """
    SELECT digits, customer_id FROM
        (SELECT digits, customer_id FROM phone_number UNION ALL SELECT phone_digits, customer_id FROM customer)
    GROUP BY digits, customer_id HAVING count(*) != 2
"""
_UNNUMBERED = """
    SELECT loan_id, customer_id FROM loan EXCEPT SELECT loan_id, customer_id FROM loan_number
"""


@dataclass(frozen=True)
class Sent:
    """A request that changes something, as it went out."""

    method: str
    request_id: str
    messages: tuple[bytes, ...]

    @property
    def name(self) -> str:
        return self.method.rpartition("/")[2]


Answers = dict[Sent, bytes]
Row = dict[str, Any]


@dataclass
class Snapshot:
    """The rows written after a point, all as one moment saw them."""

    customers: list[Row]
    imported: set[int]
    decisions: list[Row]
    loans: list[Row]
    repayments: list[Row]
    answered: list[Row]
    imports: list[Row]
    damage: list[str]


def last_numbers(database: Path) -> dict[str, int]:
    """How far each table's rows are numbered."""
    with closing(_open(database)) as connection:
        return {
            table: connection.execute(f"SELECT coalesce(max({number}), 0) FROM {table}").fetchone()[0]  # noqa: S608
            for table, number in NUMBERS.items()
        }


def faults(
    database: Path, answers: Answers, since: dict[str, int] | None = None, *, at_rest: bool = False
) -> list[str]:
    """Everything about a book that does not follow from the answers given; empty for a sound book.

    Args:
        database: The SQLite file.
        answers: Every request answered since the point, with its answer. Their customers registered after it too.
        since: A point, as `last_numbers` tells it; the beginning when None.
        at_rest: Whether every import has to have ended.
    """
    book = _read(database, since or dict.fromkeys(NUMBERS, 0))
    return [
        *book.damage,
        *_answer_faults(book, answers),
        *_customer_faults(book, answers),
        *_lending_faults(book, answers),
        *_import_faults(book, answers, at_rest=at_rest),
    ]


def _open(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None, timeout=30)
    connection.row_factory = sqlite3.Row
    return connection


def _read(database: Path, since: dict[str, int]) -> Snapshot:
    with closing(_open(database)) as connection:

        def rows(table: str, where: str = "1") -> list[Row]:
            number = NUMBERS[table]
            query = f"SELECT {number}, * FROM {table} WHERE {number} > ? AND {where} ORDER BY {number}"  # noqa: S608
            return list(map(dict, connection.execute(query, [since[table]])))

        connection.execute("BEGIN")
        damage = [f"damaged: {row[0]}" for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        damage += [f"damaged: {tuple(row)} points nowhere" for row in connection.execute("PRAGMA foreign_key_check")]
        one_sided = connection.execute(_ONE_SIDED)
        damage += [f"damaged: phone number {row[0]} is {row[1]}'s by one table only" for row in one_sided]
        unnumbered = connection.execute(_UNNUMBERED)
        damage += [f"damaged: loan {row[0]} of {row[1]} has a number that is not the customer's" for row in unnumbered]
        # What is repaid is so by the callers who booked it.
        of_loans = "SELECT * FROM repayment WHERE loan_id > ? ORDER BY loan_id, number"
        repayments = list(map(dict, connection.execute(of_loans, [since["loan"]])))
        imported = connection.execute("SELECT customer_id FROM customer WHERE imported")
        return Snapshot(
            customers=rows("customer", "NOT imported"),
            imported={row[0] for row in imported},
            decisions=rows("decision"),
            loans=rows("loan"),
            repayments=repayments,
            answered=rows("idempotency_record"),
            imports=rows("import_file"),
            damage=damage,
        )


def _difference(what: str, stored: Sequence[object], answered: Sequence[object]) -> Iterator[str]:
    """Says what was answered and is not there, and what is there more often than it was answered."""
    for each, times in (Counter(answered) - Counter(stored)).items():
        yield f"lost: {what} {each} was answered{f' {times} times more than it is there' if times > 1 else ''}"
    for each, times in (Counter(stored) - Counter(answered)).items():
        yield f"twice: {what} {each} is there {times} times more than it was answered"


def _of(answers: Answers, name: str) -> Iterator[tuple[Sent, bytes]]:
    return ((sent, answer) for sent, answer in answers.items() if sent.name == name)


def _answer_faults(book: Snapshot, answers: Answers) -> Iterator[str]:
    yield from _difference(
        "the answer to request",
        [(row["request_id"], row["answer"].hex()) for row in book.answered],
        [(sent.request_id, answer.hex()) for sent, answer in answers.items()],
    )


def _customer_faults(book: Snapshot, answers: Answers) -> Iterator[str]:
    expected = []
    for sent, answer in _of(answers, "RegisterCustomer"):
        asked = pb.RegisterCustomerRequest.FromString(sent.messages[0])
        customer = pb.RegisterCustomerResponse.FromString(answer).customer
        income = _paise(asked.monthly_income)
        limit = _half_up(Fraction(36 * income, LAKH)) * LAKH
        if _paise(customer.approved_limit) != limit:
            yield f"wrong: the limit of customer {customer.customer_id} is not {limit}"
        facts = (asked.first_name, asked.last_name, asked.age, int(asked.phone_number.removeprefix("+")))
        expected.append((customer.customer_id, *facts, income, limit))
    columns = ("customer_id", "first_name", "last_name", "age", "phone_digits")
    amounts = ("monthly_income_paise", "approved_limit_paise")
    stored = [tuple(row[column] for column in columns + amounts) for row in book.customers]
    yield from _difference("customer", stored, expected)
    yield from _repeated("customer_id", [row[0] for row in expected])


def _repeated(what: str, values: Sequence[object]) -> Iterator[str]:
    for value, times in Counter(values).items():
        if times > 1:
            yield f"wrong: {what} {value} was given out {times} times"


@dataclass
class _Lent:
    """A loan and what has been repaid of it so far."""

    row: Row
    repaid: ModelLoan | None = None
    """Only of a loan with repayments: to reckon a schedule takes long."""
    repayment_count: int = 0

    @property
    def amount(self) -> int:
        return int(self.row["loan_amount_paise"])

    @property
    def is_active(self) -> bool:
        return self.repaid is None or self.repaid.closed_on is None

    @property
    def outstanding(self) -> int:
        return self.amount if self.repaid is None else self.repaid.outstanding

    @property
    def standing(self) -> tuple[int, ...]:
        """Outstanding, instalments paid, those paid on time, what was paid toward the next, and repayments."""
        if self.repaid is None:
            return (self.amount, 0, 0, 0, 0)
        paid, on_time = self.repaid.emis_paid, self.repaid.emis_paid_on_time
        return (self.outstanding, paid, on_time, self.repaid.paid_toward_next, self.repayment_count)

    def repay(self, amount: int) -> bool:
        """Takes a repayment; no, where it is more than is owed."""
        if self.repaid is None:
            rate = Fraction(self.row["interest_rate_e4"], 10_000)
            self.repaid = ModelLoan.on_reducing_balance(self.amount, rate, self.row["tenure_months"], _ANY_DAY)
        if not self.is_active or not 0 < amount <= self.repaid.payoff(_ANY_DAY):
            return False
        self.repaid.pay(amount, _ANY_DAY)
        self.repayment_count += 1
        return True


_ANY_DAY = date(2026, 4, 10)
"""Whatever the business date is: each loan is booked and repaid on one and the same day."""


@dataclass
class _Borrower:
    """A customer's loans so far. Amounts in paise."""

    income: int
    limit: int
    loans: list[_Lent] = field(default_factory=list)

    @property
    def volume(self) -> int:
        return sum(loan.amount for loan in self.loans)

    @property
    def debt(self) -> int:
        return sum(loan.outstanding for loan in self.loans)

    @property
    def obligation(self) -> int:
        return sum(loan.row["monthly_installment_paise"] for loan in self.loans if loan.is_active)


def _lending_faults(book: Snapshot, answers: Answers) -> Iterator[str]:
    answered = {}
    for sent, answer in _of(answers, "CreateLoan"):
        response = pb.CreateLoanResponse.FromString(answer)
        answered[response.decision.decision_id] = (pb.CreateLoanRequest.FromString(sent.messages[0]), response)
    booked = [response.loan.loan_id for _, response in answered.values() if response.HasField("loan")]
    decided = [row["decision_id"] for row in book.decisions]
    yield from _difference("decision", decided, list(answered))
    yield from _difference("loan", [row["loan_id"] for row in book.loans], booked)
    loans = {row["decision_id"]: row for row in book.loans}
    if [row["decision_id"] for row in book.loans] != [each for each in decided if each in loans]:
        yield "wrong: loans are numbered in another order than they were decided in"
    borrowers = {
        row["customer_id"]: _Borrower(row["monthly_income_paise"], row["approved_limit_paise"])
        for row in book.customers
    }
    repayments = _Repayments(book, answers)
    yield from repayments.row_faults(book)
    for decision in book.decisions:
        if decision["decision_id"] in answered:
            yield from repayments.take_until(answered[decision["decision_id"]][0].request_id)
        borrower = borrowers.get(decision["customer_id"])
        if borrower is None:
            yield f"lost: the customer of decision {decision['decision_id']}"
            continue
        loan = loans.get(decision["decision_id"])
        if decision["decision_id"] in answered:
            request, response = answered[decision["decision_id"]]
            yield from _decision_faults(decision, loan, request, response, borrower)
        if loan is not None:
            borrower.loans.append(repayments.lend(loan))
            yield from _cap_faults(loan, borrower)
    yield from repayments.take_all()


_STANDING = (
    "outstanding_principal_paise",
    "emis_paid",
    "emis_paid_on_time",
    "paid_toward_next_paise",
    "repayment_count",
)


class _Repayments:
    """The repayments, in the order in which they took effect, and the loans they are made on."""

    def __init__(self, book: Snapshot, answers: Answers) -> None:
        # What one transaction writes has one place among all that was written.
        self._places = {row["request_id"]: place for place, row in reversed(list(enumerate(book.answered)))}
        answered = [
            (pb.RecordRepaymentRequest.FromString(sent.messages[0]), pb.RecordRepaymentResponse.FromString(answer))
            for sent, answer in _of(answers, "RecordRepayment")
        ]
        self._waiting = deque(sorted(answered, key=lambda each: self._place(each[0].request_id)))
        self._lent: dict[int, _Lent] = {}

    def lend(self, loan: Row) -> _Lent:
        return self._lent.setdefault(loan["loan_id"], _Lent(loan))

    def row_faults(self, book: Snapshot) -> Iterator[str]:
        answered = [
            (response.repayment.repayment_id, request.loan_id, _paise(request.amount))
            for request, response in self._waiting
        ]
        stored = [(row["repayment_id"], row["loan_id"], row["amount_paise"]) for row in book.repayments]
        yield from _difference("repayment", stored, answered)

    def take_until(self, request_id: str) -> Iterator[str]:
        """Takes the repayments that were made before the request took effect; gives their faults."""
        while self._waiting and self._place(self._waiting[0][0].request_id) < self._place(request_id):
            yield from self._take(*self._waiting.popleft())

    def take_all(self) -> Iterator[str]:
        """Takes the rest, and holds each loan as it is stored against what the model comes to."""
        while self._waiting:
            yield from self._take(*self._waiting.popleft())
        for loan_id, loan in self._lent.items():
            stored = tuple(loan.row[column] for column in _STANDING)
            if stored != loan.standing:
                yield f"wrong: loan stored under {loan_id} stands at {stored}, not {loan.standing}"

    def _place(self, request_id: str) -> int:
        return self._places.get(request_id, len(self._places))

    def _take(self, request: pb.RecordRepaymentRequest, response: pb.RecordRepaymentResponse) -> Iterator[str]:
        name, loan, told = response.repayment.repayment_id, self._lent.get(request.loan_id), response.loan
        if loan is None:
            yield f"lost: the loan of repayment {name}"
            return
        if not loan.repay(_paise(request.amount)):
            yield f"wrong: repayment {name} is more than was owed"
            return
        outstanding, toward_next = _paise(told.outstanding_principal), _paise(told.paid_toward_next)
        found = (outstanding, told.emis_paid, told.emis_paid_on_time, toward_next)
        if found != loan.standing[:4]:
            yield f"wrong: loan answered after repayment {name} stands at {found}, not {loan.standing[:4]}"
        if response.repayment.closes_loan == loan.is_active:
            yield f"wrong: repayment {name} is answered to have closed the loan, or not to"


def _cap_faults(loan: Row, borrower: _Borrower) -> Iterator[str]:
    if borrower.debt > borrower.limit:
        yield f"cap: loan {loan['loan_id']} takes the debt to {borrower.debt}, above {borrower.limit}"
    if 2 * borrower.obligation > borrower.income:
        yield f"cap: loan {loan['loan_id']} takes the instalments to {borrower.obligation}, of {borrower.income}"


def _decision_faults(
    stored: Row, loan: Row | None, request: pb.CreateLoanRequest, response: pb.CreateLoanResponse, borrower: _Borrower
) -> Iterator[str]:
    """Holds a decision, stored and answered, against the one that the model takes."""
    answer = response.decision
    amount, months = _paise(request.loan_amount), request.tenure_months
    score, rate, installment, reasons = _decide(borrower, amount, Fraction(request.interest_rate.value), months)
    terms = (request.customer_id, amount, rate, months, installment)
    expected = {
        "decision stored": (request.customer_id, not reasons, score),
        "decision answered": (request.customer_id, not reasons, score, rate, installment, reasons),
        "position": (len(borrower.loans), borrower.debt, borrower.obligation),
        "loan stored": None if reasons else terms,
        "loan answered": None if reasons else (*terms, stored["decision_id"]),
    }
    found = {
        "decision stored": (stored["customer_id"], bool(stored["approved"]), stored["credit_score"]),
        "decision answered": (
            answer.customer_id,
            answer.approved,
            answer.credit_score,
            Fraction(answer.corrected_interest_rate.value),
            _paise(answer.monthly_installment),
            set(answer.reasons),
        ),
        "position": (
            answer.position.loan_count,
            _paise(answer.position.current_debt),
            _paise(answer.position.monthly_obligation),
        ),
        "loan stored": None if loan is None else _terms_stored(loan),
        "loan answered": _terms_answered(response) if response.HasField("loan") else None,
    }
    for what, value in expected.items():
        if found[what] != value:
            yield f"wrong: {what} under {stored['decision_id']} is {found[what]}, not {value}"
    if loan is not None and loan["loan_id"] != response.loan.loan_id:
        yield f"wrong: loan {loan['loan_id']} was answered as {response.loan.loan_id}"


def _terms_stored(loan: Row) -> tuple[object, ...]:
    return (
        loan["customer_id"],
        loan["loan_amount_paise"],
        Fraction(loan["interest_rate_e4"], 10_000),
        loan["tenure_months"],
        loan["monthly_installment_paise"],
    )


def _terms_answered(response: pb.CreateLoanResponse) -> tuple[object, ...]:
    loan = response.loan
    return (
        loan.customer_id,
        _paise(loan.loan_amount),
        Fraction(loan.interest_rate.value),
        loan.tenure_months,
        _paise(loan.monthly_installment),
        loan.decision_id,
    )


def _decide(borrower: _Borrower, amount: int, asked: Fraction, months: int) -> tuple[int, Fraction, int, set[int]]:
    """Score, corrected rate, instalment and the reasons to decline, by the policy 2026-01."""
    count = len(borrower.loans)
    past = 5 if count == 0 else 15 if count <= 2 else 10 if count <= 4 else 5 if count <= 6 else 0
    this_year = {0: 15, 1: 10, 2: 5}.get(count, 0)
    steps = ((Fraction(1, 4), 20), (Fraction(1, 2), 15), (Fraction(3, 4), 10), (Fraction(1), 5))
    within = (points for share, points in steps if borrower.volume <= share * borrower.limit)
    volume = next(within, 0) if count else 10
    over_limit = borrower.debt > borrower.limit
    score = 0 if over_limit else 25 + past + this_year + volume
    floor = Fraction(0) if score > 50 or score <= 10 else Fraction(12) if score > 30 else Fraction(16)
    rate = max(asked, floor)
    installment = _installment(amount, rate, months)
    reasons = {
        decision_pb2.DECISION_REASON_DEBT_EXCEEDS_LIMIT: over_limit,
        decision_pb2.DECISION_REASON_CREDIT_SCORE_TOO_LOW: score <= 10,
        decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT: borrower.debt + amount > borrower.limit,
        decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH: 2 * (borrower.obligation + installment) > borrower.income,
    }
    return score, rate, installment, {reason for reason, holds in reasons.items() if holds}


@cache
def _installment(amount: int, rate: Fraction, months: int) -> int:
    if not rate:
        return _half_up(Fraction(amount, months))
    growth = (1 + rate / 1200) ** months
    return _half_up(amount * (rate / 1200) * growth / (growth - 1))


def _half_up(value: Fraction) -> int:
    return (2 * value + 1) // 2


def _paise(amount: money_pb2.Money) -> int:
    return int(amount.units * 100 + amount.nanos // 10_000_000)


def _import_faults(book: Snapshot, answers: Answers, *, at_rest: bool) -> Iterator[str]:
    files = {}
    for sent, answer in _of(answers, "StartImport"):
        started = portfolio_pb.StartImportResponse.FromString(answer).book_import
        first, *pieces = map(portfolio_pb.StartImportRequest.FromString, sent.messages)
        files[started.import_id] = (first.header.file_name, b"".join(piece.chunk for piece in pieces))
    cancelled = {}
    for _, answer in _of(answers, "CancelImport"):
        file = portfolio_pb.CancelImportResponse.FromString(answer).book_import
        cancelled[file.import_id] = file
    yield from _difference("import", [row["import_id"] for row in book.imports], list(files))
    for row in book.imports:
        if row["import_id"] not in files:
            continue
        name, content = files[row["import_id"]]
        if (row["file_name"], row["sha256"]) != (name, hashlib.sha256(content).hexdigest()):
            yield f"wrong: import {row['import_id']} is not of the file that was sent"
        ids = {int(line[0]) for line in list(csv.reader(content.decode().splitlines()))[1:]}
        landed = len(ids & book.imported)
        if landed != row["rows_inserted"]:
            yield f"wrong: import {row['import_id']} says {row['rows_inserted']} rows, and {landed} are there"
        yield from _end_faults(row, len(ids), cancelled.get(row["import_id"]), at_rest=at_rest)


def _end_faults(row: Row, rows: int, cancelled: Any, *, at_rest: bool) -> Iterator[str]:
    """Holds the state of an import of so many good rows against what its caller was told."""
    what, state = f"import {row['import_id']}", row["state"]
    if at_rest and state not in END_STATES:
        yield f"lost: {what} is {state} for good"
    if state == "SUCCEEDED" and row["rows_inserted"] != rows:
        yield f"lost: {what} has imported {row['rows_inserted']} of {rows} rows"
    if state == "FAILED" or (state == "CANCELLED" and cancelled is None):
        yield f"wrong: {what} is {state}: {row['error']}"
    told = (
        None
        if cancelled is None
        else cancelled.DESCRIPTOR.fields_by_name["state"]
        .enum_type.values_by_number[cancelled.state]
        .name.removeprefix("IMPORT_STATE_")
    )
    if told in END_STATES and state != told:
        yield f"lost: {what} was answered to be {told} and is {state}"
