"""PortfolioService: each RPC checks its request, calls a use case and converts what that gives."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, TypeVar

import grpc

from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.domain.errors import (
    CreditError,
    ImportQueueFull,
    ServerStopping,
    StoreUnavailable,
)
from almeno_grpc.domain.imports import ImportFile
from almeno_grpc.domain.limits import MAX_ID
from almeno_grpc.domain.portfolio import Portfolio
from almeno_grpc.domain.simulation import Flip, LoanTerms, SimulationSummary
from almeno_grpc.rpc import requests
from almeno_grpc.rpc.conversion.imports import fill_import, fill_issue
from almeno_grpc.rpc.conversion.policies import fill_policy
from almeno_grpc.rpc.conversion.portfolio import fill_portfolio
from almeno_grpc.rpc.conversion.simulation import fill_flip, fill_simulation
from almeno_grpc.rpc.conversion.statistics import fill_progress
from almeno_grpc.rpc.conversion.terms import fill_terms
from almeno_grpc.rpc.errors import StreamIdle
from almeno_grpc.rpc.event_servicer import IDLE_WATCH_SECONDS, WATCH_SECONDS, EventServicer
from almeno_grpc.rpc.export_servicer import ExportServicer
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.pages import page_of
from almeno_grpc.rpc.persons import Persons
from almeno_grpc.rpc.runtime.current_call import check_current_caller
from almeno_grpc.rpc.scans import while_active
from almeno_grpc.rpc.uploads import receive, upload_of
from almeno_grpc.service.borrower_scan import ScanProgress
from almeno_grpc.service.change_events import ChangeEventService
from almeno_grpc.service.exports import ExportService
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.imports import ImportService, Upload
from almeno_grpc.service.policies import PolicyService
from almeno_grpc.service.portfolio import PortfolioSummaryService
from almeno_grpc.service.simulation import SimulationService
from almeno_grpc.service.terms import TermsService

R = TypeVar("R", pb.StartImportResponse, pb.GetImportResponse, pb.CancelImportResponse, pb.WatchImportResponse)

_MAX_IMPORT_ID_CHARACTERS = 64


class RuleServices(NamedTuple):
    """The use cases of a lender's rules."""

    policies: PolicyService
    terms: TermsService


class BookServices(NamedTuple):
    """The use cases that read the whole book."""

    simulations: SimulationService
    summaries: PortfolioSummaryService
    exports: ExportService
    events: ChangeEventService


class PortfolioServicer(ExportServicer, EventServicer):
    """Serves PortfolioService. Answers that are remembered go out as the bytes that were stored."""

    def __init__(
        self,
        persons: Persons,
        idempotency: Idempotency,
        imports: ImportService,
        rules: RuleServices,
        book: BookServices,
        max_upload_bytes: int,
        draining: threading.Event,
    ) -> None:
        ExportServicer.__init__(self, book.exports, draining)
        EventServicer.__init__(self, book.events, persons, draining)
        self._idempotency = idempotency
        self._imports = imports
        self._rules = rules
        self._simulations = book.simulations
        self._summaries = book.summaries
        self._max_upload_bytes = max_upload_bytes

    def StartImport(self, request_iterator: Iterator[pb.StartImportRequest], context: grpc.ServicerContext) -> bytes:
        """Stores an upload and queues it."""
        fields = FieldReader()
        received = receive(request_iterator, self._max_upload_bytes, context)
        with received.file:
            upload = upload_of(fields, received)
            call = requests.request_context(
                fields,
                "StartImport",
                received.header,
                received.header.request_id,
                context,
                request_id_field="header.request_id",
                uploaded_sha256=received.sha256,
            )
            fields.raise_if_invalid()
            return self._queue_once(call, upload)

    def _queue_once(self, call: RequestContext, upload: Upload) -> bytes:
        """Queues an upload, unless the same request has queued it before."""
        try:
            import_id = self._imports.store(upload, call.is_active)
        except ImportQueueFull as full:
            # A request that was answered before gets its answer all the same.
            return self._idempotency.execute(call, partial(_refuse, full), lambda _: b"")
        queued: list[ImportFile] = []
        try:
            answer = self._idempotency.execute(
                call,
                lambda tx: self._imports.queue(tx, upload, import_id),
                lambda file: _with_import(pb.StartImportResponse(), file).SerializeToString(),
                queued.append,
                _about,
            )
        except StoreUnavailable:
            # It may be queued all the same.
            raise
        except CreditError:
            self._imports.drop(import_id)
            raise
        if not queued:
            self._imports.drop(import_id)
        return answer

    def GetImport(self, request: pb.GetImportRequest, _context: grpc.ServicerContext) -> pb.GetImportResponse:
        """Fetches an import."""
        fields = FieldReader()
        import_id = _import_id(fields, request.import_id)
        fields.raise_if_invalid()
        file = self._imports.get(import_id)
        return _with_import(pb.GetImportResponse(), file, in_full=self._is_in_full(file))

    def CancelImport(self, request: pb.CancelImportRequest, context: grpc.ServicerContext) -> bytes:
        """Cancels an import."""
        fields = FieldReader()
        call = requests.request_context(fields, "CancelImport", request, request.request_id, context)
        import_id = _import_id(fields, request.import_id)
        fields.raise_if_invalid()
        return self._idempotency.execute(
            call,
            lambda tx: self._imports.cancel(tx, import_id),
            lambda file: _with_import(pb.CancelImportResponse(), file).SerializeToString(),
            about=_about,
        )

    def ListImports(self, request: pb.ListImportsRequest, _context: grpc.ServicerContext) -> pb.ListImportsResponse:
        """Lists all imports."""
        fields = FieldReader()
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            "imports", size, request.page_token, (MAX_ID,), self._imports.page, lambda file: (file.queue_number,)
        )
        response = pb.ListImportsResponse(next_page_token=page.next_page_token)
        for file in page.rows:
            fill_import(response.imports.add(), file, in_full=self._is_in_full(file))
        return response

    def WatchImport(
        self, request: pb.WatchImportRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchImportResponse]:
        """Streams an import each time it has moved on."""
        fields = FieldReader()
        import_id = _import_id(fields, request.import_id)
        fields.raise_if_invalid()
        last, moved_seconds = None, time.monotonic()
        while context.is_active():
            check_current_caller()
            file = self._imports.get(import_id)
            if file != last:
                yield _with_import(pb.WatchImportResponse(), file, in_full=self._is_in_full(file))
                last, moved_seconds = file, time.monotonic()
            if file.state.is_end:
                return
            if time.monotonic() - moved_seconds > IDLE_WATCH_SECONDS:
                raise StreamIdle("the import has not moved on for long; watch it again")
            if self._draining.wait(WATCH_SECONDS):
                raise ServerStopping("the server is about to stop; watch the import again")

    def ListImportIssues(
        self, request: pb.ListImportIssuesRequest, _context: grpc.ServicerContext
    ) -> pb.ListImportIssuesResponse:
        """Lists the rows of an import that were rejected or adjusted."""
        fields = FieldReader()
        import_id = _import_id(fields, request.import_id)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            f"issues of {import_id}",
            size,
            request.page_token,
            (0, 0),
            lambda row_number, number, count: self._imports.page_of_issues(import_id, (row_number, number), count),
            lambda numbered: (numbered[1].row_number, numbered[0]),
        )
        response = pb.ListImportIssuesResponse(next_page_token=page.next_page_token)
        in_full = self._persons.are_quoted(import_id, (issue.message for _, issue in page.rows))
        for _, issue in page.rows:
            fill_issue(response.issues.add(), issue, in_full=in_full)
        return response

    def ListPolicies(self, _request: pb.ListPoliciesRequest, _context: grpc.ServicerContext) -> pb.ListPoliciesResponse:
        """Lists the versions of the credit policy."""
        response = pb.ListPoliciesResponse()
        for policy in self._rules.policies.all():
            fill_policy(response.policies.add(), policy, in_effect=self._rules.policies.is_in_effect(policy))
        return response

    def GetPolicy(self, request: pb.GetPolicyRequest, _context: grpc.ServicerContext) -> pb.GetPolicyResponse:
        """Fetches a version of the credit policy."""
        fields = FieldReader()
        version = fields.rule_version("version", request.version)
        fields.raise_if_invalid()
        policy = self._rules.policies.get(version)
        response = pb.GetPolicyResponse()
        fill_policy(response.policy, policy, in_effect=self._rules.policies.is_in_effect(policy))
        return response

    def ListTerms(self, _request: pb.ListTermsRequest, _context: grpc.ServicerContext) -> pb.ListTermsResponse:
        """Lists the versions of the lender's terms."""
        response = pb.ListTermsResponse()
        for entry in self._rules.terms.all():
            fill_terms(response.terms.add(), entry)
        return response

    def GetTerms(self, request: pb.GetTermsRequest, _context: grpc.ServicerContext) -> pb.GetTermsResponse:
        """Fetches a version of the lender's terms."""
        fields = FieldReader()
        version = fields.rule_version("version", request.version)
        fields.raise_if_invalid()
        response = pb.GetTermsResponse()
        fill_terms(response.terms, self._rules.terms.get(version))
        return response

    def SimulatePolicy(
        self, request: pb.SimulatePolicyRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SimulatePolicyResponse]:
        """Decides one loan request for every customer under two policies."""
        fields = FieldReader()
        outside = None
        if request.HasField("outside"):
            outside = requests.outside_credit(fields, request.outside, self._simulations.today)
        terms = LoanTerms(*requests.loan_terms(fields, request), outside)
        candidate = requests.candidate_policy(fields, request)
        against = fields.rule_version("against_version", request.against_version) if request.against_version else ""
        fields.raise_if_invalid()
        for update in while_active(self._simulations.simulate(terms, candidate, against), context, self._draining):
            response = pb.SimulatePolicyResponse()
            match update:
                case ScanProgress():
                    fill_progress(response.progress, update)
                case SimulationSummary():
                    fill_simulation(response.summary, update)
                case Flip():
                    fill_flip(response.flip, update)
            yield response

    def SummarizePortfolio(
        self, _request: pb.SummarizePortfolioRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SummarizePortfolioResponse]:
        """Adds up the whole book."""
        for update in while_active(self._summaries.summarize(), context, self._draining):
            response = pb.SummarizePortfolioResponse()
            match update:
                case ScanProgress():
                    fill_progress(response.progress, update)
                case Portfolio():
                    fill_portfolio(response.summary, update)
            yield response

    def _is_in_full(self, file: ImportFile) -> bool:
        """Whether the caller of this thread is shown what the error of an import quotes."""
        return self._persons.are_quoted(file.import_id, [file.error])


def _refuse(refusal: CreditError, _tx: object) -> None:
    raise refusal


def _about(file: ImportFile) -> tuple[int, str]:
    """What the audit trail says of an import: no customer, and its id."""
    return 0, file.import_id


def _import_id(fields: FieldReader, value: str) -> str:
    if not 1 <= len(value) <= _MAX_IMPORT_ID_CHARACTERS or not value.isprintable():
        fields.add_violation("import_id", f"must be 1 to {_MAX_IMPORT_ID_CHARACTERS} printable characters")
    return value


def _with_import(response: R, file: ImportFile, *, in_full: bool = False) -> R:
    """Fills the field that the responses about one import have.

    Answers that are remembered are not in full: another key of the principal may ask for them again.
    """
    fill_import(response.book_import, file, in_full=in_full)
    return response
