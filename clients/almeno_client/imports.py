"""The calls that bring files of customers and loans into the book."""

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import grpc

from almeno_client.base_client import BaseClient, iterate_pages, new_request_id
from almeno_client.errors import CreditServiceError, Unavailable
from almeno_client.portfolio_conversion import import_of, issue_of, kind_name
from almeno_client.portfolio_records import Import, ImportIssue, ImportKind
from almeno_client.upload import Content, read_content, upload
from almeno_client.values import date_message
from almeno_grpc.api import portfolio_service_pb2

UPLOAD_TIMEOUT_SECONDS = 600.0
"""How long an upload may take unless told otherwise: 256 MiB at half a megabyte a second."""


class ImportCalls(BaseClient):
    """The calls that bring customers and loans into the book from files."""

    def start_import(
        self,
        kind: ImportKind,
        source: Path | str | bytes,
        *,
        file_name: str | None = None,
        book_date: dt.date | None = None,
        columns: Mapping[str, str] | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Import:
        """Uploads a file (`.xlsx`, `.xls`, `.xlsb`, `.ods`, `.csv`) and queues it. Answers once the file is stored.

        Its size and SHA-256 are sent along, so that an upload that ends early is refused. The file is therefore read
        before; what can be read once only, such as a pipe, is copied to a temporary file, so that an attempt after a
        failure sends the whole of it again.

        Args:
            kind: What the rows are.
            source: Path of the file, or its content.
            file_name: The name the service is told; the file's own when None. Required with content.
            book_date: The day the file's figures stand for; the service's choice when None.
            columns: The file's headings by the book's, where they are others: {"Date of Approval": "opened"}.
            request_id: UUID of this request; made up when None.
            timeout_seconds: How long the upload may take, all attempts together; UPLOAD_TIMEOUT_SECONDS when None. It
                counts from when the file is read: the writer of a pipe is waited for as long as it takes.

        Raises:
            CreditServiceError: The call failed.
            OSError: The file cannot be read, or the copy of a pipe cannot be written.
            ValueError: Content was given without a file name, or it is larger than MAX_CONTENT_BYTES.
        """
        name = file_name or (Path(source).name if not isinstance(source, bytes) else "")
        if not name:
            raise ValueError("give the file_name that goes with the content")

        with read_content(source) as content:
            header = portfolio_service_pb2.ImportHeader(
                kind=kind_name(kind),
                file_name=name,
                book_date=date_message(book_date) if book_date else None,
                request_id=request_id or new_request_id(),
                columns=columns,
                size_bytes=content.size_bytes,
                sha256=content.sha256,
            )
            return self._retry(
                lambda seconds_left: self._upload(header, content, seconds_left),
                UPLOAD_TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds,
            )

    def _upload(self, header: portfolio_service_pb2.ImportHeader, content: Content, timeout_seconds: float) -> Import:
        response: portfolio_service_pb2.StartImportResponse = self._unary(
            partial(upload, self._portfolio_stub.StartImport, content.open), header, timeout_seconds
        )
        return import_of(response.book_import)

    def get_import(self, import_id: str, *, timeout_seconds: float | None = None) -> Import:
        """Fetches an import with its progress.

        Raises:
            NotFound: No import has the name.
        """
        request = portfolio_service_pb2.GetImportRequest(import_id=import_id)
        response: portfolio_service_pb2.GetImportResponse = self._unary(
            self._portfolio_stub.GetImport, request, timeout_seconds
        )
        return import_of(response.book_import)

    def cancel_import(
        self, import_id: str, *, request_id: str | None = None, timeout_seconds: float | None = None
    ) -> Import:
        """Cancels an import: a queued one at once, a running one at its next batch; one that has ended stays.

        Raises:
            NotFound: No import has the name.
        """
        request = portfolio_service_pb2.CancelImportRequest(
            import_id=import_id, request_id=request_id or new_request_id()
        )
        response: portfolio_service_pb2.CancelImportResponse = self._unary(
            self._portfolio_stub.CancelImport, request, timeout_seconds
        )
        return import_of(response.book_import)

    def list_imports(self, *, page_size: int = 0, timeout_seconds: float | None = None) -> Iterator[Import]:
        """Yields all imports, the newest first; fetches pages of `page_size` (the service's choice when 0)."""

        def fetch(page_token: str) -> tuple[Iterator[Import], str]:
            request = portfolio_service_pb2.ListImportsRequest(page_size=page_size, page_token=page_token)
            response: portfolio_service_pb2.ListImportsResponse = self._unary(
                self._portfolio_stub.ListImports, request, timeout_seconds
            )
            return map(import_of, response.imports), response.next_page_token

        return iterate_pages(fetch)

    def watch_import(self, import_id: str, *, timeout_seconds: float | None = None) -> Iterator[Import]:
        """Yields an import each time it has moved on, the first time at once, the last time in its end state.

        Goes on watching, on a new connection, when the service restarts in between.

        Args:
            import_id: Names the import.
            timeout_seconds: How long to watch; to the end of the import when None.

        Raises:
            NotFound: No import has the name.
            DeadlineExceeded: The import had not ended when the time was up. It goes on.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        attempts_made = 0
        while True:
            seconds_left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            try:
                for state in self._watch(import_id, seconds_left):
                    attempts_made = 0
                    yield state
                    if state.state.is_end:
                        return
            except CreditServiceError as error:
                attempts_made += 1
                pause_seconds = self._pause_seconds(error, attempts_made, deadline)
            time.sleep(pause_seconds)

    def _watch(self, import_id: str, timeout_seconds: float | None) -> Iterator[Import]:
        request = portfolio_service_pb2.WatchImportRequest(import_id=import_id)
        for response in self._stream(self._portfolio_stub.WatchImport, request, timeout_seconds):
            yield import_of(response.book_import)
        raise Unavailable(grpc.StatusCode.UNAVAILABLE, "the service ended the watch before the import had ended")

    def list_import_issues(
        self, import_id: str, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Iterator[ImportIssue]:
        """Yields the rows of an import that were rejected or adjusted, in the order of the sheet.

        Raises:
            NotFound: No import has the name; raised with the first issue that is asked for.
        """

        def fetch(page_token: str) -> tuple[Iterator[ImportIssue], str]:
            request = portfolio_service_pb2.ListImportIssuesRequest(
                import_id=import_id, page_size=page_size, page_token=page_token
            )
            response: portfolio_service_pb2.ListImportIssuesResponse = self._unary(
                self._portfolio_stub.ListImportIssues, request, timeout_seconds
            )
            return map(issue_of, response.issues), response.next_page_token

        return iterate_pages(fetch)
