"""Fields of requests for an export, checked."""

from datetime import date

from google.protobuf.message import Message

from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.rpc.access_requests import microseconds_of
from almeno_grpc.rpc.field_reader import FieldReader


def day(fields: FieldReader, field: str, request: Message, today: date) -> date | None:
    """A day up to the business date; None where there is none."""
    found = fields.optional_date(field, request)
    if found is not None and found > today:
        fields.add_violation(field, f"must not be after the business date, {today}")
    return found


def changed_since(fields: FieldReader, request: pb.ExportLoansRequest) -> int | None:
    """From when on loans have changed, in microseconds since the epoch; None for whenever it was."""
    if not request.HasField("changed_since"):
        return None
    return microseconds_of(fields, "changed_since", request.changed_since)


def journal_range(fields: FieldReader, request: pb.ExportJournalRequest, today: date) -> tuple[date, date]:
    """The first and the last day of the entries asked for."""
    begin = fields.optional_date("from", request) or date.min
    end = day(fields, "to", request, today) or today
    if begin > end:
        fields.add_violation("from", f"must not be after {end}, the last day")
    return begin, end
