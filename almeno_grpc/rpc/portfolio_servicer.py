"""PortfolioService: each RPC checks its request, calls a use case and converts what that gives."""

import threading
from collections.abc import Iterator
from typing import TypeVar

import grpc

from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2_grpc
from almeno_grpc.domain.errors import CreditError, DeadlineExceeded, ServerStopping, StoreUnavailable
from almeno_grpc.domain.imports import ImportFile
from almeno_grpc.domain.limits import MAX_ID
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.portfolio import Portfolio
from almeno_grpc.domain.simulation import Flip, SimulationSummary
from almeno_grpc.rpc import answers, portfolio_answers, requests
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.pages import page_key, page_token
from almeno_grpc.rpc.uploads import receive, upload_of
from almeno_grpc.service.borrower_scan import ScanProgress
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.imports import ImportService, Upload
from almeno_grpc.service.policies import PolicyService
from almeno_grpc.service.portfolio import PortfolioSummaryService
from almeno_grpc.service.simulation import SimulationService

T = TypeVar("T")

_MAX_IMPORT_ID_CHARACTERS = 64
_WATCH_SECONDS = 0.2
"""How often a watch looks; each look is a read by key."""


class PortfolioServicer(portfolio_service_pb2_grpc.PortfolioServiceServicer):
    """Serves PortfolioService. Answers that are remembered go out as the bytes that were stored."""

    def __init__(
        self,
        idempotency: Idempotency,
        imports: ImportService,
        policies: PolicyService,
        simulations: SimulationService,
        summaries: PortfolioSummaryService,
        max_upload_bytes: int,
        draining: threading.Event,
    ) -> None:
        self._idempotency = idempotency
        self._imports = imports
        self._policies = policies
        self._simulations = simulations
        self._summaries = summaries
        self._max_upload_bytes = max_upload_bytes
        self._draining = draining

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
        import_id = self._imports.store(upload, call.is_active)
        queued: list[ImportFile] = []
        try:
            answer = self._idempotency.execute(
                call,
                lambda tx: self._imports.queue(tx, upload, import_id),
                lambda file: pb.StartImportResponse(**_import_field(file)).SerializeToString(),
                queued.append,
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
        return pb.GetImportResponse(**_import_field(self._imports.get(import_id)))

    def CancelImport(self, request: pb.CancelImportRequest, context: grpc.ServicerContext) -> bytes:
        """Cancels an import."""
        fields = FieldReader()
        call = requests.request_context(fields, "CancelImport", request, request.request_id, context)
        import_id = _import_id(fields, request.import_id)
        fields.raise_if_invalid()
        return self._idempotency.execute(
            call,
            lambda tx: self._imports.cancel(tx, import_id),
            lambda file: pb.CancelImportResponse(**_import_field(file)).SerializeToString(),
        )

    def ListImports(self, request: pb.ListImportsRequest, _context: grpc.ServicerContext) -> pb.ListImportsResponse:
        """Lists all imports."""
        fields = FieldReader()
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        (before,) = page_key("imports", request.page_token, (MAX_ID,))
        files = self._imports.page(before, size + 1)
        return pb.ListImportsResponse(
            imports=map(answers.import_fields, files[:size]),
            next_page_token=page_token("imports", files[size - 1].queue_number) if files[size:] else "",
        )

    def WatchImport(
        self, request: pb.WatchImportRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchImportResponse]:
        """Streams an import each time it has moved on."""
        fields = FieldReader()
        import_id = _import_id(fields, request.import_id)
        fields.raise_if_invalid()
        last = None
        while context.is_active():
            file = self._imports.get(import_id)
            if file != last:
                yield pb.WatchImportResponse(**_import_field(file))
                last = file
            if file.state.is_end:
                return
            if self._draining.wait(_WATCH_SECONDS):
                raise ServerStopping("the server is about to stop; watch the import again")

    def ListImportIssues(
        self, request: pb.ListImportIssuesRequest, _context: grpc.ServicerContext
    ) -> pb.ListImportIssuesResponse:
        """Lists the rows of an import that were rejected or adjusted."""
        fields = FieldReader()
        import_id = _import_id(fields, request.import_id)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        scope = f"issues of {import_id}"
        row_number, number = page_key(scope, request.page_token, (0, 0))
        issues = self._imports.page_of_issues(import_id, (row_number, number), size + 1)
        token = ""
        if issues[size:]:
            last_number, last_issue = issues[size - 1]
            token = page_token(scope, last_issue.row_number, last_number)
        return pb.ListImportIssuesResponse(
            issues=[answers.issue_fields(issue) for _, issue in issues[:size]], next_page_token=token
        )

    def ListPolicies(self, _request: pb.ListPoliciesRequest, _context: grpc.ServicerContext) -> pb.ListPoliciesResponse:
        """Lists the versions of the credit policy."""
        return pb.ListPoliciesResponse(policies=map(self._policy_fields, self._policies.all()))

    def GetPolicy(self, request: pb.GetPolicyRequest, _context: grpc.ServicerContext) -> pb.GetPolicyResponse:
        """Fetches a version of the credit policy."""
        fields = FieldReader()
        version = fields.policy_version("version", request.version)
        fields.raise_if_invalid()
        return pb.GetPolicyResponse(policy=self._policy_fields(self._policies.get(version)))

    def _policy_fields(self, policy: Policy) -> answers.Fields:
        return answers.policy_fields(policy, in_effect=self._policies.is_in_effect(policy))

    def SimulatePolicy(
        self, request: pb.SimulatePolicyRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SimulatePolicyResponse]:
        """Decides one loan request for every customer under two policies."""
        fields = FieldReader()
        terms = requests.loan_terms(fields, request)
        candidate = requests.candidate_policy(fields, request)
        against = fields.policy_version("against_version", request.against_version) if request.against_version else ""
        fields.raise_if_invalid()
        for update in self._while_wanted(self._simulations.simulate(terms, candidate, against), context):
            match update:
                case ScanProgress():
                    yield pb.SimulatePolicyResponse(progress=portfolio_answers.progress_fields(update))
                case SimulationSummary():
                    yield pb.SimulatePolicyResponse(summary=portfolio_answers.simulation_fields(update))
                case Flip():
                    yield pb.SimulatePolicyResponse(flip=portfolio_answers.flip_fields(update))

    def SummarizePortfolio(
        self, _request: pb.SummarizePortfolioRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SummarizePortfolioResponse]:
        """Adds up the whole book."""
        for update in self._while_wanted(self._summaries.summarize(), context):
            match update:
                case ScanProgress():
                    yield pb.SummarizePortfolioResponse(progress=portfolio_answers.progress_fields(update))
                case Portfolio():
                    yield pb.SummarizePortfolioResponse(summary=portfolio_answers.portfolio_fields(update))

    def _while_wanted(self, updates: Iterator[T], context: grpc.ServicerContext) -> Iterator[T]:
        """Yields the updates as long as somebody waits for them.

        Raises:
            DeadlineExceeded: The caller has gone.
            ServerStopping: The server is about to stop.
        """
        for update in updates:
            if not context.is_active():
                raise DeadlineExceeded("nobody waits for the answer any more")
            if self._draining.is_set():
                raise ServerStopping("the server is about to stop; ask again")
            yield update


def _import_id(fields: FieldReader, value: str) -> str:
    if not 1 <= len(value) <= _MAX_IMPORT_ID_CHARACTERS or not value.isprintable():
        fields.add_violation("import_id", f"must be 1 to {_MAX_IMPORT_ID_CHARACTERS} printable characters")
    return value


def _import_field(file: ImportFile) -> dict[str, object]:
    """The field `import` of a response, whose name is a keyword of Python."""
    return {"import": answers.import_fields(file)}
