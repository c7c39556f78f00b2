"""The RPCs of PortfolioService that export the book: its loans, and the entries of the general ledger."""

import threading
from collections.abc import Iterator

import grpc

from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2_grpc
from almeno_grpc.rpc import export_requests
from almeno_grpc.rpc.conversion.exports import fill_exported_loan, fill_journal_entry, fill_progress
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.scans import while_active
from almeno_grpc.service.exports import ExportProgress, ExportService


class ExportServicer(portfolio_service_pb2_grpc.PortfolioServiceServicer):
    """Serves the part of PortfolioService that exports the book."""

    def __init__(self, exports: ExportService, draining: threading.Event) -> None:
        self._exports = exports
        self._draining = draining

    def ExportLoans(
        self, request: pb.ExportLoansRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ExportLoansResponse]:
        """Streams the loans with their figures on a day."""
        fields = FieldReader()
        as_of = export_requests.day(fields, "as_of", request, self._exports.today)
        changed_since = export_requests.changed_since(fields, request)
        fields.raise_if_invalid()
        for update in while_active(self._exports.loans(as_of, changed_since), context, self._draining):
            response = pb.ExportLoansResponse()
            if isinstance(update, ExportProgress):
                fill_progress(response.progress, update)
            else:
                fill_exported_loan(response.loan, update)
            yield response

    def ExportJournal(
        self, request: pb.ExportJournalRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ExportJournalResponse]:
        """Streams the entries of the general ledger."""
        fields = FieldReader()
        begin, end = export_requests.journal_range(fields, request, self._exports.today)
        fields.raise_if_invalid()
        for update in while_active(self._exports.journal(begin, end), context, self._draining):
            response = pb.ExportJournalResponse()
            if isinstance(update, ExportProgress):
                fill_progress(response.progress, update)
            else:
                fill_journal_entry(response.entry, update)
            yield response
