"""The key facts of loans, and of decisions that approved one."""

from dataclasses import dataclass

from almeno_grpc.domain.decision import Decision
from almeno_grpc.domain.errors import DecisionDamaged, DecisionDeclined, DecisionNotFound, LoanNotFound
from almeno_grpc.domain.key_facts import KeyFacts, LoanFacts, key_facts
from almeno_grpc.domain.loan import Loan
from almeno_grpc.service.decision_snapshot import DecisionUnreadable, read_snapshot
from almeno_grpc.service.store import Store
from almeno_grpc.service.terms import TermsCalendar


@dataclass(frozen=True, slots=True)
class KeyFactsOf:
    """Key facts, and what they are of."""

    facts: KeyFacts
    loan_id: int | None
    decision_id: str | None


class KeyFactsService:
    """The use cases of disclosing key facts."""

    def __init__(self, store: Store, terms: TermsCalendar) -> None:
        self._store = store
        self._terms = terms

    def of_loan(self, loan_id: int) -> KeyFactsOf:
        """The key facts of a loan by the terms it was booked under, whatever has happened to it since.

        Raises:
            LoanNotFound: No loan has the id.
            FeesExceedAmount: The fees leave nothing of it to disburse.
        """
        with self._store.read() as tx:
            loan = tx.loans.get(loan_id)
        if loan is None:
            raise LoanNotFound(loan_id)
        terms = None if loan.terms_version is None else self._terms.of_version(loan.terms_version)
        return KeyFactsOf(key_facts(_facts_of_loan(loan), terms), loan_id, loan.decision_id)

    def of_decision(self, decision_id: str) -> KeyFactsOf:
        """The key facts of the loan that a decision approved, by the terms in effect on its business date.

        Raises:
            DecisionNotFound: No stored decision has the id.
            DecisionDeclined: It approved none.
            DecisionDamaged: It cannot be read.
            FeesExceedAmount: The fees leave nothing of the loan to disburse.
        """
        with self._store.read() as tx:
            record = tx.decisions.get(decision_id)
        if record is None:
            raise DecisionNotFound(decision_id)
        try:
            decision = read_snapshot(record.snapshot).decision
        except DecisionUnreadable as error:
            raise DecisionDamaged(decision_id) from error
        if not decision.approved:
            raise DecisionDeclined(decision_id)
        terms = self._terms.in_effect(decision.business_date)
        return KeyFactsOf(key_facts(_facts_of_decision(decision), terms), None, decision_id)


def _facts_of_loan(loan: Loan) -> LoanFacts:
    booked = loan.booked_terms
    return LoanFacts(
        loan.loan_amount,
        booked.interest_rate,
        booked.installments,
        booked.monthly_installment,
        loan.installment_method,
        approval_date=loan.approval_date,
        first_date=loan.schedule_begin,
    )


def _facts_of_decision(decision: Decision) -> LoanFacts:
    return LoanFacts(
        decision.request.loan_amount,
        decision.corrected_interest_rate,
        decision.request.tenure_months,
        decision.monthly_installment,
        decision.installment_method,
        approval_date=decision.business_date,
        first_date=decision.business_date,
    )
