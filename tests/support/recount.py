"""Simulations and the book in figures as a caller gets them, and what both are recounted from: checks, lists."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, Self

from google.type import date_pb2, decimal_pb2, money_pb2

from almeno_grpc.api import credit_service_pb2, customer_pb2, decision_pb2, loan_pb2, portfolio_pb2, simulation_pb2
from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.policy_file import parse_policy
from almeno_grpc.rpc.conversion.decisions import DECISION_REASONS
from almeno_grpc.service.checks import CheckService
from almeno_grpc.service.policies import PolicyCalendar
from support.served_book import Served
from support.servers import ROOT

SECONDS = 120
"""The most that a call may take."""
POLICY = (ROOT / "almeno_grpc" / "policies" / "2026-01.toml").read_text(encoding="utf-8")
ASKED: dict[str, Any] = {"loan_amount": 200_000, "interest_rate": "11", "tenure_months": 36}
"""The terms of a simulation or a check, where a test does not change them."""

Progress = list[tuple[int, int]]
"""Customers done, of so many, each time it was told."""


def changed(text: str, *changes: tuple[str, str]) -> str:
    """A policy file with texts replaced, each of which has to be there."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


DRAFT = changed(
    POLICY,
    ('version = "2026-01"', 'version = "draft"'),
    ('max_emi_share_of_income = "0.50"', 'max_emi_share_of_income = "0.80"'),
    ("above = 50\nup_to = 100", "above = 45\nup_to = 100"),
    ('above = 30\nup_to = 50\nmin_rate = "12"', 'above = 35\nup_to = 45\nmin_rate = "13.5"'),
    ('[[bands]]\nabove = 10\nup_to = 30\nmin_rate = "16"\n', ""),
)


class Told(NamedTuple):
    """A decision, as a check or a simulation tells it."""

    approved: bool
    credit_score: int
    rate: str
    reasons: tuple[int, ...]

    @classmethod
    def of(cls, decision: decision_pb2.Decision | simulation_pb2.SimulatedDecision) -> Self:
        rate = decision.corrected_interest_rate.value
        return cls(decision.approved, decision.credit_score, rate, tuple(decision.reasons))


def terms(loan_amount: int, interest_rate: str, tenure_months: int) -> dict[str, Any]:
    """The fields of a request that ask for a loan, of so many rupees."""
    return {
        "loan_amount": money_pb2.Money(units=loan_amount),
        "interest_rate": decimal_pb2.Decimal(value=interest_rate),
        "tenure_months": tenure_months,
    }


def simulation(**changes: Any) -> pb.SimulatePolicyRequest:
    """A request, with `policy` or `version` and with changes of `ASKED`."""
    asked = {field: changes.pop(field, value) for field, value in ASKED.items()}
    return pb.SimulatePolicyRequest(**terms(**asked), **changes)


def simulate(
    served: Served, **changes: Any
) -> tuple[Progress, simulation_pb2.SimulationSummary, list[simulation_pb2.SimulationFlip]]:
    """The progress, the summary and the flips of a simulation."""
    answers = list(served.portfolio.SimulatePolicy(simulation(**changes), timeout=SECONDS))
    kinds = [answer.WhichOneof("update") for answer in answers]
    progress, flips = kinds.count("progress"), kinds.count("flip")
    assert kinds == ["progress"] * progress + ["summary"] + ["flip"] * flips
    return (
        [(answer.progress.customers_done, answer.progress.customers_total) for answer in answers[:progress]],
        answers[progress].summary,
        [answer.flip for answer in answers[progress + 1 :]],
    )


def summarize(served: Served) -> tuple[Progress, portfolio_pb2.PortfolioSummary]:
    """The progress and the figures of a summary."""
    *progress, last = served.portfolio.SummarizePortfolio(pb.SummarizePortfolioRequest(), timeout=SECONDS)
    assert last.WhichOneof("update") == "summary"
    return [(answer.progress.customers_done, answer.progress.customers_total) for answer in progress], last.summary


def customers_of(served: Served) -> list[customer_pb2.Customer]:
    """All customers."""
    listed = credit_service_pb2.ListCustomersRequest(page_size=1000)
    return list(_pages(served.credit.ListCustomers, listed, "customers"))


def loans_of(served: Served) -> list[loan_pb2.Loan]:
    """All loans up to the business date."""
    requests = (
        credit_service_pb2.ListLoansRequest(customer_id=customer.customer_id, page_size=1000)
        for customer in customers_of(served)
    )
    loans = (loan for request in requests for loan in _pages(served.credit.ListLoans, request, "loans"))
    return [loan for loan in loans if as_date(loan.approval_date) <= served.book.clock.today()]


def _pages(call: Callable[..., Any], listed: Any, rows: str) -> Iterator[Any]:
    """Every row of a list."""
    while True:
        answer = call(listed, timeout=SECONDS)
        yield from getattr(answer, rows)
        if not answer.next_page_token:
            return
        listed.page_token = answer.next_page_token


def checks(served: Served, **changes: Any) -> dict[int, Told | None]:
    """What a check answers for each customer, by number; None where it gives no decision."""
    customers = customers_of(served)
    check, asked = credit_service_pb2.CheckEligibilityRequest, terms(**ASKED | changes)
    requests = [check(customer_id=customer.customer_id, **asked) for customer in customers]
    batch = credit_service_pb2.BatchCheckEligibilityRequest(requests=requests)
    results = served.credit.BatchCheckEligibility(batch, timeout=SECONDS).results
    return {
        customer.customer_id: Told.of(result.decision) if result.HasField("decision") else None
        for customer, result in zip(customers, results, strict=True)
    }


def checks_under(policy: str, served: Served) -> dict[int, Told]:
    """What checks would answer if the policy were the one in effect."""
    book = served.book
    service = CheckService(book.store, PolicyCalendar([parse_policy(policy.encode())]), book.clock)
    customers = customers_of(served)
    amount, rate, months = ASKED["loan_amount"] * 100, Decimal(ASKED["interest_rate"]), ASKED["tenure_months"]
    decisions = service.check_all([LoanRequest(each.customer_id, amount, rate, months) for each in customers])
    return {
        each.customer_id: Told(
            decision.approved,
            decision.credit_score,
            f"{decision.corrected_interest_rate:f}",
            tuple(DECISION_REASONS[reason] for reason in decision.reasons),
        )
        for each, decision in zip(customers, decisions, strict=True)
    }


def as_date(value: date_pb2.Date) -> date:
    return date(value.year, value.month, value.day)
