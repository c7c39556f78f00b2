"""Key facts as messages."""

from almeno_grpc.api import key_facts_pb2
from almeno_grpc.domain.key_facts import KeyFacts
from almeno_grpc.domain.terms import Terms
from almeno_grpc.rpc.conversion.terms import fill_late_charge
from almeno_grpc.rpc.conversion.values import fill_date, fill_decimal, fill_money
from almeno_grpc.service.key_facts import KeyFactsOf


def fill_key_facts(message: key_facts_pb2.KeyFacts, found: KeyFactsOf) -> None:
    """Fills the key facts of a loan or a decision."""
    facts = found.facts
    if found.loan_id is not None:
        message.loan_id = found.loan_id
    message.decision_id = found.decision_id or ""
    fill_money(message.loan_amount, facts.loan.loan_amount)
    message.tenure_months = facts.loan.tenure_months
    fill_money(message.monthly_installment, facts.loan.monthly_installment)
    fill_decimal(message.interest_rate, facts.loan.interest_rate)
    fill_money(message.processing_fee, facts.fees.processing_fee)
    fill_money(message.gst, facts.fees.gst)
    fill_money(message.net_disbursed, facts.net_disbursed)
    fill_money(message.total_interest, facts.total_interest)
    fill_money(message.total_to_pay, facts.total_to_pay)
    fill_decimal(message.apr, facts.apr)
    if facts.terms is not None:
        _fill_terms(message, facts, facts.terms)
    for installment in facts.installments:
        row = message.installments.add()
        row.number = installment.number
        fill_date(row.due_date, facts.due_date(installment))
        fill_money(row.amount, installment.amount)
        fill_money(row.principal, installment.principal)
        fill_money(row.interest, installment.interest)
        fill_money(row.balance_after, installment.balance_after)


def _fill_terms(message: key_facts_pb2.KeyFacts, facts: KeyFacts, terms: Terms) -> None:
    message.terms_version = terms.version
    fill_late_charge(message.late, terms)
    message.cooling_off_days = terms.cooling_off_days
    message.valid_days = terms.valid_days
    fill_date(message.valid_until, terms.valid_until(facts.loan.approval_date))
