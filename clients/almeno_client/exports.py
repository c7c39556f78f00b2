"""RPCs that export the book: its loans, and the entries of the general ledger."""

import time
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from almeno_client.base_client import BaseClient
from almeno_client.errors import CreditServiceError
from almeno_client.export_conversion import journal_update_of, loan_update_of
from almeno_client.export_records import ExportedLoan, ExportProgress, JournalEntry
from almeno_client.values import optional_date_message
from almeno_grpc.api import portfolio_service_pb2

EXPORT_TIMEOUT_SECONDS = 3600.0
"""Default deadline of an export: a million loans at 300 a second."""


class ExportCalls(BaseClient):
    """RPCs that export the book."""

    def export_loans(
        self,
        *,
        as_of: date | None = None,
        changed_since: datetime | None = None,
        timeout_seconds: float | None = None,
    ) -> Iterator[ExportProgress | ExportedLoan]:
        """Yields the loans of the book with their figures on a day, by ascending loan_id, and the progress between.

        Args:
            as_of: The day, not after the business date: then the loans approved by that day come. None for the
                business date, and every loan.
            changed_since: Only loans that were added or changed at or after the instant, and perhaps others; with a
                time zone. None for all. The progress says the one for the next time.
            timeout_seconds: Deadline of the stream, its retries included; EXPORT_TIMEOUT_SECONDS when None.

        Raises:
            InvalidArgument: A day is after the business date; raised, as every error of the service, by `next()`.
                A connection that breaks behind the first loan is an error too.
            ValueError: The instant has no time zone.
        """
        request = portfolio_service_pb2.ExportLoansRequest(
            as_of=optional_date_message(as_of), changed_since=_instant_message(changed_since)
        )
        return map(loan_update_of, self._export(self._portfolio_stub.ExportLoans, request, timeout_seconds))

    def export_journal(
        self, *, begin: date | None = None, end: date | None = None, timeout_seconds: float | None = None
    ) -> Iterator[ExportProgress | JournalEntry]:
        """Yields the entries of the general ledger, loan by loan, and the progress between.

        Args:
            begin: The first day, included; the beginning of the book when None.
            end: The last day, included, not after the business date, which it is when None.
            timeout_seconds: Deadline of the stream, its retries included; EXPORT_TIMEOUT_SECONDS when None.

        Raises:
            InvalidArgument: The days are not in order, or after the business date; raised as by `export_loans`.
        """
        request = portfolio_service_pb2.ExportJournalRequest(to=optional_date_message(end))
        if begin is not None:
            # The field has the name of a keyword.
            getattr(request, "from").CopyFrom(optional_date_message(begin))
        return map(journal_update_of, self._export(self._portfolio_stub.ExportJournal, request, timeout_seconds))

    def _export(self, method: Any, request: Message, timeout_seconds: float | None) -> Iterator[Any]:
        """Yields the messages of an export; begins again where the stream breaks before its first row."""
        deadline = time.monotonic() + (EXPORT_TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds)
        attempts_made, has_rows = 0, False
        while True:
            try:
                for response in self._stream(method, request, max(deadline - time.monotonic(), 0.0)):
                    update = response.WhichOneof("update")
                    has_rows = has_rows or update != "progress"
                    # An update that is newer than this client is left out.
                    if update:
                        yield response
            except CreditServiceError as error:
                attempts_made += 1
                # Rows must not come twice.
                if has_rows:
                    raise
                pause_seconds = self._pause_seconds(error, attempts_made, deadline)
            else:
                return
            time.sleep(pause_seconds)


def _instant_message(instant: datetime | None) -> Timestamp | None:
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise ValueError("changed_since needs a time zone")
    message = Timestamp()
    message.FromDatetime(instant)
    return message
