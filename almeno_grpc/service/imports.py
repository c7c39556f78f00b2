"""Imported files: storing and queueing them, and how far they have come."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import ImportNotFound, ImportQueueFull, InvalidField, StoreUnavailable
from almeno_grpc.domain.imports import ImportFile, ImportKind, ImportState, RowCounts, RowIssue
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.store import Store, Transaction, always

CHUNK_BYTES = 2**18
"""Size of the chunks a file is stored in: a server of a database is 3 ms at work on a MiB, and calls wait for it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file."""

    kind: ImportKind
    file_name: str
    book_date: date | None
    """The day its figures stand for; None for the day the same file was first loaded with, else the business date."""
    size_bytes: int
    sha256: str
    columns: Mapping[str, str]
    """The file's headings by the book's, where the sender has named them."""
    chunks: Iterable[bytes]
    """The content in pieces."""
    principal: str = ""
    """Who has uploaded it."""


@dataclass(frozen=True, slots=True)
class ImportQuota:
    """How much may wait for its import at a time."""

    files: int
    size_bytes: int
    """Of all uploads that are stored, counted in pieces of 256 KiB."""


class ImportService:
    """The use cases around imports."""

    def __init__(self, store: Store, clock: Clock, quota: ImportQuota | None = None) -> None:
        self._store = store
        self._clock = clock
        self._quota = quota

    def store(self, upload: Upload, is_active: Callable[[], bool] = always) -> str:
        """Stores the content of an upload, a piece at a time, for others wait while one is written.

        Args:
            upload: The upload.
            is_active: Whether the caller still waits.

        Returns:
            The name that it is to be queued under. Until then it counts for nothing.

        Raises:
            InvalidField: The book date is after the business date.
            ImportQueueFull: There is no room for it now.
            StoreUnavailable: The database cannot be reached.
            DeadlineExceeded: Nobody waits any more.
        """
        if upload.book_date and upload.book_date > self._clock.today():
            raise InvalidField.of("header.book_date", f"must not be after the business date, {self._clock.today()}")
        with self._store.read() as tx:
            self._raise_if_full(tx)
        import_id = new_identifier(self._clock.now_microseconds())
        try:
            for number, content in enumerate(upload.chunks):
                self._store.write(partial(self._add_content, import_id, number, content), is_active=is_active)
                # In steps: a single checkpoint behind the whole upload would keep calls waiting.
                self._store.checkpoint(in_steps=True)
        except StoreUnavailable:
            # It could not be dropped either. Whoever keeps house does so later.
            raise
        except Exception:
            self.drop(import_id)
            raise
        return import_id

    def _add_content(self, import_id: str, number: int, content: bytes, tx: Transaction) -> None:
        self._raise_if_full(tx, more_pieces=1)
        tx.imports.add_content(import_id, number, content)

    def _raise_if_full(self, tx: Transaction, more_pieces: int = 0) -> None:
        quota = self._quota
        if quota is None:
            return
        if tx.imports.depth() >= quota.files:
            raise ImportQueueFull(f"{quota.files} files wait for their import; send the file again later")
        if (tx.imports.stored_pieces() + more_pieces) * CHUNK_BYTES > quota.size_bytes:
            raise ImportQueueFull(f"files of {quota.size_bytes} bytes wait for their import; send the file again later")

    def drop(self, import_id: str) -> None:
        """Drops the content of an upload that was not queued, and will not be, a piece at a time."""
        while self._store.write(partial(_drop_first_content, import_id)):
            self._store.checkpoint(in_steps=True)

    def queue(self, tx: Transaction, upload: Upload, import_id: str) -> ImportFile:
        """Puts an upload whose content is stored under the name at the end of the queue.

        A file loaded again without a book date gets that of its first time: its figures are of that day, whenever it
        comes, so that loading it again changes nothing.

        Raises:
            ImportQueueFull: Others were queued meanwhile.
        """
        self._raise_if_full(tx)
        now = self._clock.now_microseconds()
        book_date = upload.book_date or tx.imports.first_book_date(upload.kind, upload.sha256) or self._clock.today()
        new = ImportFile(
            queue_number=0,
            import_id=import_id,
            kind=upload.kind,
            file_name=upload.file_name,
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
            columns=upload.columns,
            book_date=book_date,
            state=ImportState.QUEUED,
            cancel_requested=False,
            rows_total=0,
            rows=RowCounts(),
            issues_total=0,
            error="",
            create_time=now,
            start_time=None,
            end_time=None,
            principal=upload.principal,
        )
        return tx.imports.add(new)

    def cancel(self, tx: Transaction, import_id: str) -> ImportFile:
        """Ends a queued import, asks a running one to stop, leaves one that has ended.

        Raises:
            ImportNotFound: No import has the name.
        """
        file = _found(tx, import_id)
        if file.state is ImportState.QUEUED:
            tx.imports.end(file.queue_number, ImportState.CANCELLED, self._clock.now_microseconds())
        elif file.state is ImportState.RUNNING:
            tx.imports.request_cancel(file.queue_number)
        return _found(tx, import_id)

    def get(self, import_id: str) -> ImportFile:
        """The import as it stands.

        Raises:
            ImportNotFound: No import has the name.
        """
        with self._store.read() as tx:
            return _found(tx, import_id)

    def page(self, before: int, count: int) -> list[ImportFile]:
        """Up to `count` imports with a place in the queue below `before`, the newest first."""
        with self._store.read() as tx:
            return tx.imports.page(before, count)

    def page_of_issues(self, import_id: str, after: tuple[int, int], count: int) -> list[tuple[int, RowIssue]]:
        """Up to `count` issues of an import behind the place (row_number, number), each with its number in its row.

        Raises:
            ImportNotFound: No import has the name.
        """
        with self._store.read() as tx:
            return tx.imports.issues(_found(tx, import_id).queue_number, after, count)


def _drop_first_content(import_id: str, tx: Transaction) -> bool:
    return tx.imports.drop_first_content(import_id)


def _found(tx: Transaction, import_id: str) -> ImportFile:
    file = tx.imports.get(import_id)
    if file is None:
        raise ImportNotFound(import_id)
    return file
