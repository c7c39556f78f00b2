"""The services of a process that serves calls, wired together."""

import threading
from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import MethodDescriptor

from almeno_grpc.api import (
    access_service_pb2,
    access_service_pb2_grpc,
    credit_service_pb2,
    credit_service_pb2_grpc,
    loan_service_pb2,
    loan_service_pb2_grpc,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)
from almeno_grpc.clock import Clock
from almeno_grpc.config import Settings
from almeno_grpc.domain.norms import Norms
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.terms import Terms
from almeno_grpc.metrics import Metrics
from almeno_grpc.rpc.access_servicer import AccessServicer
from almeno_grpc.rpc.credit_servicer import CreditServicer, CreditServices
from almeno_grpc.rpc.loan_servicer import LoanServicer
from almeno_grpc.rpc.persons import Persons
from almeno_grpc.rpc.portfolio_servicer import BookServices, PortfolioServicer, RuleServices
from almeno_grpc.rpc.runtime.authentication import Authentication, Certificates, KeyAuthentication, OpenAccess
from almeno_grpc.rpc.runtime.limits import MAX_STREAMS, WRITE_THREADS
from almeno_grpc.service.access import AccessService
from almeno_grpc.service.accounts import AccountReader
from almeno_grpc.service.audit import AuditService
from almeno_grpc.service.audit_queue import AuditQueue
from almeno_grpc.service.booking import BookingService
from almeno_grpc.service.callers import CallerDirectory
from almeno_grpc.service.change_events import ChangeEventService
from almeno_grpc.service.checks import CheckService
from almeno_grpc.service.customer_changes import CustomerChangeService
from almeno_grpc.service.customers import CustomerService
from almeno_grpc.service.decisions import DecisionService
from almeno_grpc.service.exports import ExportService
from almeno_grpc.service.idempotency import NO_ACCESS_CHECK, Idempotency
from almeno_grpc.service.imports import ImportQuota, ImportService
from almeno_grpc.service.key_facts import KeyFactsService
from almeno_grpc.service.loan_changes import LoanChangeService
from almeno_grpc.service.policies import PolicyCalendar, PolicyService
from almeno_grpc.service.portfolio import PortfolioSummaryService
from almeno_grpc.service.repayments import RepaymentService
from almeno_grpc.service.simulation import SimulationService
from almeno_grpc.service.statements import StatementService
from almeno_grpc.service.terms import TermsCalendar, TermsService
from almeno_grpc.storage.store import SqlStore

_ACCESS = access_service_pb2.DESCRIPTOR.services_by_name["AccessService"]
_CREDIT = credit_service_pb2.DESCRIPTOR.services_by_name["CreditService"]
_LOAN = loan_service_pb2.DESCRIPTOR.services_by_name["LoanService"]
_PORTFOLIO = portfolio_service_pb2.DESCRIPTOR.services_by_name["PortfolioService"]


class CreditApplication:
    """The services of one process."""

    service_names = (_CREDIT.full_name, _LOAN.full_name, _PORTFOLIO.full_name, _ACCESS.full_name)

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        policies: Sequence[Policy],
        terms: Sequence[Terms],
        norms: Sequence[Norms],
        metrics: Metrics,
    ) -> None:
        # Three threads more look after the store itself, after callers and after the audit trail.
        self._store = SqlStore(
            settings.database_url, threads=settings.threads + WRITE_THREADS + MAX_STREAMS + 3, metrics=metrics
        )
        self._callers = CallerDirectory(self._store, clock) if settings.access == "keys" else None
        self._audit = AuditQueue(self._store, clock) if settings.access == "keys" else None
        access = self._callers or NO_ACCESS_CHECK
        self._draining = threading.Event()
        calendar, terms_calendar = PolicyCalendar(policies), TermsCalendar(terms, self._store)
        idempotency = Idempotency(self._store, clock, access)
        self._checks = CheckService(self._store, calendar, clock, metrics)
        self._customers = CustomerService(self._store, clock, access, metrics)
        self._booking = BookingService(self._store, calendar, terms_calendar, clock, access, metrics)
        accounts = AccountReader(terms_calendar)
        self._repayments = RepaymentService(self._store, accounts, clock, access, metrics)
        persons = Persons(self._audit, clock)
        services = CreditServices(
            self._customers,
            CustomerChangeService(idempotency, clock),
            self._checks,
            self._booking,
            self._repayments,
            DecisionService(self._store, policies),
            KeyFactsService(self._store, terms_calendar),
        )
        self._credit = CreditServicer(services, persons, metrics)
        self._loans = LoanServicer(
            LoanChangeService(self._store, idempotency, accounts, clock),
            self._repayments,
            StatementService(self._store, accounts, clock),
        )
        self._portfolio = PortfolioServicer(
            persons,
            idempotency,
            ImportService(
                self._store, clock, ImportQuota(settings.import_max_queued_files, settings.import_max_queued_bytes)
            ),
            RuleServices(PolicyService(policies, clock), TermsService(terms_calendar, clock)),
            BookServices(
                SimulationService(self._store, policies, clock),
                PortfolioSummaryService(self._store, policies, norms, clock),
                ExportService(self._store, accounts, clock),
                ChangeEventService(self._store),
            ),
            settings.import_max_upload_bytes,
            self._draining,
        )
        self._access = AccessServicer(idempotency, AccessService(self._store, clock), AuditService(self._store))
        self.authentication: Authentication = OpenAccess()
        if self._callers is not None and self._audit is not None:
            self._callers.start()
            certificates = Certificates(settings.access_certificates)
            self.authentication = KeyAuthentication(self._callers, certificates, self._audit.add_refusal)

    @property
    def inline_methods(self) -> frozenset[MethodDescriptor]:
        """The methods whose calls other threads answer, so that they take little time of the one they arrive on."""
        names = ("RegisterCustomer", "CheckEligibility", "CreateLoan", "RecordRepayment")
        return frozenset(_CREDIT.methods_by_name[name] for name in names)

    def add_to(self, server: grpc.Server) -> None:
        """Adds the services to a server that has not started."""
        credit_service_pb2_grpc.add_CreditServiceServicer_to_server(self._credit, server)
        loan_service_pb2_grpc.add_LoanServiceServicer_to_server(self._loans, server)
        portfolio_service_pb2_grpc.add_PortfolioServiceServicer_to_server(self._portfolio, server)
        access_service_pb2_grpc.add_AccessServiceServicer_to_server(self._access, server)

    @property
    def store(self) -> SqlStore:
        """The store that the services use."""
        return self._store

    def drain(self) -> None:
        """Ends watches and scans of the book with UNAVAILABLE; their callers retry with a server that stays."""
        self._draining.set()

    def close(self) -> None:
        """Ends the queues' threads and closes the database's connections."""
        for service in (self._checks, self._customers, self._booking, self._repayments):
            service.close()
        if self._callers is not None:
            self._callers.close()
        if self._audit is not None:
            self._audit.close()
        self._store.close()
