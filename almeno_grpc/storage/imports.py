"""Imports in the database: the queue, the uploads and the issues."""

import json
from collections.abc import Generator, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from almeno_grpc.domain.imports import (
    MAX_ISSUES,
    ImportFile,
    ImportKind,
    ImportState,
    IssueOutcome,
    RowCounts,
    RowIssue,
)
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.bulk import BulkInsert
from almeno_grpc.storage.compiled import CompiledStatement
from almeno_grpc.storage.tables import import_content, import_file, import_issue

_f = import_file.c
_COLUMNS = (
    _f.queue_number,
    _f.import_id,
    _f.kind,
    _f.file_name,
    _f.size_bytes,
    _f.sha256,
    _f["columns"],
    _f.book_date,
    _f.state,
    _f.cancel_requested,
    _f.rows_total,
    _f.rows_inserted,
    _f.rows_updated,
    _f.rows_unchanged,
    _f.rows_rejected,
    _f.rows_adjusted,
    _f.issues_total,
    _f.error,
    _f.create_time_us,
    _f.start_time_us,
    _f.end_time_us,
    _f.principal,
)
_FILES = select(*_COLUMNS)
_WAITING = _f.state.in_([ImportState.QUEUED.value, ImportState.RUNNING.value])
# The first one or none: where another server has a hand on it, those behind it still wait for their turn.
_NEXT = _FILES.where(
    _WAITING, _f.queue_number == select(func.min(_f.queue_number)).where(_WAITING).scalar_subquery()
).with_for_update(skip_locked=True)
_NEXT_BEHIND = _FILES.where(_WAITING, _f.queue_number > bindparam("of_number")).order_by(_f.queue_number).limit(1)
_DEPTH = select(func.count()).select_from(import_file).where(_WAITING)
_OLDEST = select(func.min(import_file.c.create_time_us)).where(_WAITING)
_c = import_content.c
_CONTENT = select(_c.content).where(_c.import_id == bindparam("of_import")).order_by(_c.number)
_MAX_DONE_WITH = 16
"""Chunks a query, which are then deleted one by one."""
_DONE_WITH = (
    select(_c.import_id, _c.number)
    .select_from(import_content.outerjoin(import_file, _f.import_id == _c.import_id))
    .where(or_(_f.end_time_us.is_not(None), and_(_f.import_id.is_(None), _c.import_id < bindparam("before"))))
    .limit(_MAX_DONE_WITH)
)
_OF_IMPORT = _c.import_id == bindparam("of_import")
_DROP_FIRST = delete(import_content).where(
    _OF_IMPORT, _c.number == select(func.min(_c.number)).where(_OF_IMPORT).scalar_subquery()
)
_STORED_PIECES = select(func.count()).select_from(import_content)
_BY_IMPORT_ID = _FILES.where(_f.import_id == bindparam("of_import"))
_BY_IMPORT_ID_LOCKED = _BY_IMPORT_ID.with_for_update()
_COUNTS = (_f.rows_inserted, _f.rows_updated, _f.rows_unchanged, _f.rows_rejected, _f.rows_adjusted)
_ADD_PROGRESS = CompiledStatement(
    update(import_file)
    .where(_f.queue_number == bindparam("with_number"))
    .values({count: count + bindparam(f"more_{count.name}") for count in (*_COUNTS, _f.issues_total)}),
    *(f"more_{count.name}" for count in (*_COUNTS, _f.issues_total)),
    "with_number",
)
_ISSUES_TOTAL = CompiledStatement(
    select(_f.issues_total).where(_f.queue_number == bindparam("with_number")), "with_number"
)
_INSERT_ISSUES = BulkInsert(import_issue)
_i = import_issue.c
_ISSUE_KEY = tuple_(_i.queue_number, _i.row_number, _i.number)
_OLD_ISSUES = (
    select(_f.queue_number)
    .where(
        _f.end_time_us < bindparam("ended_before"),
        select(_i.queue_number).where(_i.queue_number == _f.queue_number).exists(),
    )
    .limit(1)
)


class Imports:
    """The imports, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        # What a transaction that writes looks at stays as it is until it ends.
        self._by_import_id = _BY_IMPORT_ID_LOCKED if transaction.writes else _BY_IMPORT_ID

    def add_content(self, import_id: str, number: int, content: bytes) -> None:
        """A chunk of an upload that is to be queued under the import_id."""
        self._connection.execute(insert(import_content), {"import_id": import_id, "number": number, "content": content})

    def add(self, new: ImportFile) -> ImportFile:
        """Queues a file whose content is stored; returns it with its queue_number."""
        values = {
            "import_id": new.import_id,
            "kind": new.kind.value,
            "file_name": new.file_name,
            "size_bytes": new.size_bytes,
            "sha256": new.sha256,
            "columns": json.dumps(dict(new.columns), sort_keys=True),
            "book_date": new.book_date,
            "state": new.state.value,
            "cancel_requested": False,
            "rows_total": 0,
            **_counts(RowCounts()),
            "issues_total": 0,
            "error": "",
            "create_time_us": new.create_time,
            "principal": new.principal,
        }
        insertion = insert(import_file).returning(_f.queue_number)
        queue_number = self._connection.execute(insertion, values).scalar_one()
        return self._one(_f.queue_number == queue_number)

    def get(self, import_id: str) -> ImportFile | None:
        """By import_id; locked by a transaction that writes."""
        row = self._connection.execute(self._by_import_id, {"of_import": import_id}).first()
        return _file(row) if row else None

    def page(self, before: int, count: int) -> list[ImportFile]:
        """Up to `count` imports with a queue_number below `before`, the newest first."""
        query = _FILES.where(_f.queue_number < before).order_by(_f.queue_number.desc()).limit(count)
        return [_file(row) for row in self._connection.execute(query)]

    def first_book_date(self, kind: ImportKind, sha256: str) -> date | None:
        """The book date of the first import of the same file; imports that failed do not count."""
        query = (
            select(_f.book_date)
            .where(_f.sha256 == sha256, _f.kind == kind.value, _f.state != ImportState.FAILED.value)
            .order_by(_f.queue_number)
            .limit(1)
        )
        return self._connection.execute(query).scalar_one_or_none()

    def next_waiting(self) -> ImportFile | None:
        """The oldest import that has not ended, if there is one."""
        row = self._connection.execute(_NEXT).first()
        return _file(row) if row else None

    def next_behind(self, queue_number: int) -> ImportFile | None:
        """Without a lock: the worker is one."""
        row = self._connection.execute(_NEXT_BEHIND, {"of_number": queue_number}).first()
        return _file(row) if row else None

    def depth(self) -> int:
        """How many imports have not ended."""
        return int(self._connection.execute(_DEPTH).scalar_one())

    def oldest_waiting_microseconds(self) -> int | None:
        """When the first import of the queue came."""
        oldest: int | None = self._connection.execute(_OLDEST).scalar_one()
        return oldest

    def content(self, import_id: str) -> Generator[bytes, None, None]:
        """The uploaded file in chunks, fetched one by one, for others wait while one is."""
        with self._connection.execute(_CONTENT, {"of_import": import_id}, execution_options={"yield_per": 1}) as result:
            yield from result.scalars()

    def done_with(self, before: str) -> list[tuple[str, int]]:
        """Some chunks that nobody needs any more, each by import_id and number.

        They are of imports that have ended, or of uploads that were never queued, whose ids sort before the one given.
        """
        return [(row.import_id, row.number) for row in self._connection.execute(_DONE_WITH, {"before": before})]

    def drop_content(self, import_id: str, number: int) -> None:
        """Deletes a chunk of an upload."""
        self._connection.execute(delete(import_content).where(_c.import_id == import_id, _c.number == number))

    def drop_first_content(self, import_id: str) -> bool:
        """By the smallest number."""
        return self._connection.execute(_DROP_FIRST, {"of_import": import_id}).rowcount > 0

    def stored_pieces(self) -> int:
        """From an index."""
        return int(self._connection.execute(_STORED_PIECES).scalar_one())

    def start(self, queue_number: int, time: int) -> None:
        """Marks a queued import as running."""
        self._update(queue_number, state=ImportState.RUNNING.value, start_time_us=time)

    def set_rows_total(self, queue_number: int, rows_total: int) -> None:
        """Sets how many rows the file has."""
        self._update(queue_number, rows_total=rows_total)

    def add_progress(self, queue_number: int, rows: RowCounts, issues: Sequence[RowIssue]) -> None:
        """Adds a batch's counts and issues to the import's. An import's batches come in the order of its rows."""
        if issues:
            [(total,)] = _ISSUES_TOTAL.rows(self._connection, queue_number)
            if kept := list(islice(_numbered(queue_number, issues), max(0, MAX_ISSUES - total))):
                _INSERT_ISSUES.insert(self._connection, list(zip(*kept, strict=True)))
        _ADD_PROGRESS.rows(self._connection, *_counts(rows).values(), len(issues), queue_number)

    def drop_issues(self, ended_before: int, count: int) -> bool:
        """Of one import at a time."""
        queue_number = self._connection.execute(_OLD_ISSUES, {"ended_before": ended_before}).scalar_one_or_none()
        if queue_number is None:
            return False
        some = select(*_ISSUE_KEY.clauses).where(_i.queue_number == queue_number).limit(count)
        self._connection.execute(delete(import_issue).where(_ISSUE_KEY.in_(some)))
        return True

    def request_cancel(self, queue_number: int) -> None:
        """Asks the worker to stop at its next batch."""
        self._update(queue_number, cancel_requested=True)

    def end(self, queue_number: int, state: ImportState, time: int, error: str = "") -> None:
        """Puts an import into an end state; nobody needs its upload any more."""
        self._update(queue_number, state=state.value, end_time_us=time, error=error)

    def issues(self, queue_number: int, after: tuple[int, int], count: int) -> list[tuple[int, RowIssue]]:
        """Up to `count` issues behind the place (row_number, number), in order, each with its number in its row."""
        c = import_issue.c
        # A place that a caller sends may lie beyond what the columns hold.
        place = tuple_(*(literal(part, BigInteger) for part in after))
        query = (
            select(c.row_number, c.number, c.outcome, c.column_heading, c.message)
            .where(c.queue_number == queue_number, tuple_(c.row_number, c.number) > place)
            .order_by(c.row_number, c.number)
            .limit(count)
        )
        return [
            (row.number, RowIssue(row.row_number, IssueOutcome(row.outcome), row.column_heading, row.message))
            for row in self._connection.execute(query)
        ]

    def _one(self, condition: Any) -> ImportFile:
        return _file(self._connection.execute(_FILES.where(condition)).one())

    def _update(self, queue_number: int, **values: Any) -> None:
        self._connection.execute(update(import_file).where(_f.queue_number == queue_number).values(**values))


def _file(row: Any) -> ImportFile:
    return ImportFile(
        queue_number=row.queue_number,
        import_id=row.import_id,
        kind=ImportKind(row.kind),
        file_name=row.file_name,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        columns=json.loads(row.columns),
        book_date=row.book_date,
        state=ImportState(row.state),
        cancel_requested=row.cancel_requested,
        rows_total=row.rows_total,
        rows=RowCounts(row.rows_inserted, row.rows_updated, row.rows_unchanged, row.rows_rejected, row.rows_adjusted),
        issues_total=row.issues_total,
        error=row.error,
        create_time=row.create_time_us,
        start_time=row.start_time_us,
        end_time=row.end_time_us,
        principal=row.principal,
    )


def _counts(rows: RowCounts) -> dict[str, int]:
    return {
        "rows_inserted": rows.inserted,
        "rows_updated": rows.updated,
        "rows_unchanged": rows.unchanged,
        "rows_rejected": rows.rejected,
        "rows_adjusted": rows.adjusted,
    }


def _numbered(queue_number: int, issues: Sequence[RowIssue]) -> Iterator[tuple[Any, ...]]:
    """Rows for the table; the issues of one row are numbered from 1."""
    row_number = number = 0
    for issue in sorted(issues, key=lambda issue: issue.row_number):
        number = number + 1 if issue.row_number == row_number else 1
        row_number = issue.row_number
        yield queue_number, row_number, number, issue.outcome.value, issue.column, issue.message
