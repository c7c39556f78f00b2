"""Terms as messages."""

from almeno_grpc.api import terms_pb2
from almeno_grpc.domain.terms import Terms
from almeno_grpc.rpc.conversion.values import fill_date, fill_decimal, fill_money
from almeno_grpc.service.terms import TermsEntry


def fill_terms(message: terms_pb2.Terms, entry: TermsEntry) -> None:
    """Fills terms, and whether loans are booked under them."""
    terms = entry.terms
    message.version = terms.version
    fill_date(message.effective_date, terms.effective_date)
    message.sha256 = terms.sha256
    message.in_effect = entry.in_effect
    message.toml = terms.toml
    message.valid_days = terms.valid_days
    message.cooling_off_days = terms.cooling_off_days
    fill_decimal(message.processing_percent, terms.processing_percent)
    fill_money(message.processing_min, terms.processing_min)
    fill_money(message.processing_max, terms.processing_max)
    fill_decimal(message.gst_percent, terms.gst_percent)
    message.refunded_on_exit = terms.refunded_on_exit
    fill_late_charge(message.late, terms)


def fill_late_charge(message: terms_pb2.LateChargeTerms, terms: Terms) -> None:
    """Fills how late payment is charged."""
    fill_decimal(message.charge_percent_a_year, terms.charge_percent_a_year)
    message.grace_days = terms.grace_days
    fill_decimal(message.charge_max_percent_of_installment, terms.charge_max_percent_of_installment)
