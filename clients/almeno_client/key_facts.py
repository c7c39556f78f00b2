"""RPCs on key facts and on the lender's terms."""

from almeno_client.base_client import BaseClient
from almeno_client.key_facts_records import KeyFacts, LateChargeTerms, ScheduledInstallment, Terms
from almeno_client.values import date_of, rate_of, rupees_of
from almeno_grpc.api import credit_service_pb2, key_facts_pb2, portfolio_service_pb2, terms_pb2


class KeyFactsCalls(BaseClient):
    """RPCs on key facts and on the lender's terms."""

    def get_key_facts(
        self, loan_id: int | None = None, *, decision_id: str | None = None, timeout_seconds: float | None = None
    ) -> KeyFacts:
        """Fetches the key facts of a loan as it was approved, or of the loan that a decision approved.

        Raises:
            InvalidArgument: The decision_id is not a UUID, or the fees exceed the amount.
            NotFound: There is no loan or no stored decision with the id.
            FailedPrecondition: The decision declined, or cannot be read.
            ValueError: Both a loan and a decision are given, or neither.
        """
        if (loan_id is None) == (decision_id is None):
            raise ValueError("give either a loan_id or a decision_id")
        request = credit_service_pb2.GetKeyFactsRequest(loan_id=loan_id, decision_id=decision_id)
        response: credit_service_pb2.GetKeyFactsResponse = self._unary(
            self._credit_stub.GetKeyFacts, request, timeout_seconds
        )
        return _key_facts_of(response.key_facts)

    def list_terms(self, *, timeout_seconds: float | None = None) -> tuple[Terms, ...]:
        """Fetches every version of the lender's terms by effective date, the oldest first."""
        response: portfolio_service_pb2.ListTermsResponse = self._unary(
            self._portfolio_stub.ListTerms, portfolio_service_pb2.ListTermsRequest(), timeout_seconds
        )
        return tuple(map(_terms_of, response.terms))

    def get_terms(self, version: str, *, timeout_seconds: float | None = None) -> Terms:
        """Fetches a version of the lender's terms.

        Raises:
            NotFound: There is no such version.
        """
        request = portfolio_service_pb2.GetTermsRequest(version=version)
        response: portfolio_service_pb2.GetTermsResponse = self._unary(
            self._portfolio_stub.GetTerms, request, timeout_seconds
        )
        return _terms_of(response.terms)


def _key_facts_of(message: key_facts_pb2.KeyFacts) -> KeyFacts:
    return KeyFacts(
        loan_id=message.loan_id if message.HasField("loan_id") else None,
        decision_id=message.decision_id,
        loan_amount=rupees_of(message.loan_amount),
        tenure_months=message.tenure_months,
        monthly_installment=rupees_of(message.monthly_installment),
        interest_rate=rate_of(message.interest_rate),
        processing_fee=rupees_of(message.processing_fee),
        gst=rupees_of(message.gst),
        net_disbursed=rupees_of(message.net_disbursed),
        total_interest=rupees_of(message.total_interest),
        total_to_pay=rupees_of(message.total_to_pay),
        apr=rate_of(message.apr),
        terms_version=message.terms_version,
        late=_late_charge_of(message.late) if message.HasField("late") else None,
        cooling_off_days=message.cooling_off_days,
        valid_days=message.valid_days,
        valid_until=date_of(message.valid_until) if message.HasField("valid_until") else None,
        installments=tuple(map(_installment_of, message.installments)),
    )


def _installment_of(message: key_facts_pb2.ScheduledInstallment) -> ScheduledInstallment:
    return ScheduledInstallment(
        number=message.number,
        due_date=date_of(message.due_date),
        amount=rupees_of(message.amount),
        principal=rupees_of(message.principal),
        interest=rupees_of(message.interest),
        balance_after=rupees_of(message.balance_after),
    )


def _terms_of(message: terms_pb2.Terms) -> Terms:
    return Terms(
        version=message.version,
        effective_date=date_of(message.effective_date),
        sha256=message.sha256,
        in_effect=message.in_effect,
        toml=message.toml,
        valid_days=message.valid_days,
        cooling_off_days=message.cooling_off_days,
        processing_percent=rate_of(message.processing_percent),
        processing_min=rupees_of(message.processing_min),
        processing_max=rupees_of(message.processing_max),
        gst_percent=rate_of(message.gst_percent),
        refunded_on_exit=message.refunded_on_exit,
        late=_late_charge_of(message.late),
    )


def _late_charge_of(message: terms_pb2.LateChargeTerms) -> LateChargeTerms:
    return LateChargeTerms(
        charge_percent_a_year=rate_of(message.charge_percent_a_year),
        grace_days=message.grace_days,
        charge_max_percent_of_installment=rate_of(message.charge_max_percent_of_installment),
    )
