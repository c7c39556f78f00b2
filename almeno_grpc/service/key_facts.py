"""The key facts of loans, and of decisions that approved one."""

from dataclasses import dataclass

from almeno_grpc.domain.errors import DecisionDeclined, DecisionNotFound, LoanNotFound
from almeno_grpc.domain.key_facts import KeyFacts, LoanFacts, key_facts
from almeno_grpc.domain.loan import Loan
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
        return KeyFactsOf(self._facts(loan), loan_id, loan.decision_id)

    def of_decision(self, decision_id: str) -> KeyFactsOf:
        """The key facts of the loan that a decision approved, by the terms it was booked under.

        Raises:
            DecisionNotFound: No stored decision has the id.
            DecisionDeclined: It approved none.
            FeesExceedAmount: The fees leave nothing of the loan to disburse.
        """
        with self._store.read() as tx:
            record = tx.decisions.get(decision_id)
            if record is None:
                raise DecisionNotFound(decision_id)
            loan = tx.loans.approved_by(record.customer_id, decision_id)
        if loan is None:
            raise DecisionDeclined(decision_id)
        return KeyFactsOf(self._facts(loan), None, decision_id)

    def _facts(self, loan: Loan) -> KeyFacts:
        terms = None if loan.terms_version is None else self._terms.of_version(loan.terms_version)
        return key_facts(_facts_of_loan(loan), terms)


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
