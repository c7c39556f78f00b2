"""The background worker: takes the queued files in order and lands their rows, batch by batch.

Everything it knows is in the database, with each batch in the transaction of its rows, so that it can be killed at any
moment: the next worker reads the file again and goes on behind the last batch that landed.
"""

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import Aborted, Unavailable, WriteConflict
from almeno_grpc.domain.imports import CustomerRows, ImportFile, ImportState, LoanRows, RowCounts, RowIssue
from almeno_grpc.giving_way import give_way
from almeno_grpc.imports.sandbox.session import open_import_file
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import LoanNumbers, ReadingJob, ReadingLimits, RowBatch
from almeno_grpc.imports.throttle import MAX_PART_ROWS, Pace
from almeno_grpc.imports.sandbox.reader_process import SpareReader
from almeno_grpc.imports.upsert.batch import reserve_loan_ids, upsert_batch, write_batch
from almeno_grpc.logs import log_event
from almeno_grpc.metrics import Metrics
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.store import Lock, Store, Transaction

_IDLE_SECONDS = 0.05
"""How often the queue is looked at while it is empty: the looks took 2 % of a processor, on SQLite."""
_SPARE_SECONDS = 1.0
"""After so long without a file a reader is made ready for the next; and how often one that has ended is replaced."""
_STANDBY_SECONDS = 0.5
"""How often a worker that is not the one at work tries to become it."""
_RETRY_SECONDS = 1.0
"""How long the worker waits after the database could not be used."""
_UPLOAD_MICROSECONDS = 24 * 3600 * 1_000_000
"""How long an upload may take until it is queued: what is older came to nothing."""


class _CancelledError(Exception):
    """Somebody has asked for the import's end."""


class _StoppedError(Exception):
    """The server stops, and the import goes on at its next start; or it has ended without this worker."""


@dataclass(frozen=True)
class ImportWorker:
    """Works on imports. One of all that share a database is at work at a time, so that files take effect in order."""

    store: Store
    clock: Clock
    metrics: Metrics
    limits: ReadingLimits
    batch_rows: int
    part_rows: int = MAX_PART_ROWS
    """The most rows that land, or numbers that are set aside, without a look whether others wait."""
    readers: SpareReader = field(default_factory=SpareReader)
    """Where the processes come from that read the files."""

    def run(self, stop: threading.Event) -> None:
        """Works until the event is set."""
        while not stop.is_set():
            try:
                with self.store.hold("import-worker") as turn:
                    self._take_files(turn, stop)
            except (Unavailable, Aborted) as error:
                log_event("import_delayed", error=error)
                stop.wait(_RETRY_SECONDS)
            else:
                stop.wait(_STANDBY_SECONDS)
            finally:
                self.readers.end()

    def _take_files(self, turn: Lock, stop: threading.Event) -> None:
        idle_since = time.monotonic()
        while turn.is_held() and not stop.is_set():
            file = self.store.write(self._take_next) if self._is_waiting() else None
            if file is None:
                self._drop_contents(stop)
                self.store.checkpoint()
                stop.wait(_IDLE_SECONDS)
                if time.monotonic() - idle_since > _SPARE_SECONDS:
                    self.readers.keep()
                    idle_since = time.monotonic()
            else:
                self._work_on(file, stop)
                idle_since = time.monotonic()

    def _drop_contents(self, stop: threading.Event) -> None:
        """Lets go of the uploads that nobody needs any more, a piece at a time, for others wait meanwhile."""
        oldest = new_identifier(self.clock.now_microseconds() - _UPLOAD_MICROSECONDS)
        while not stop.is_set():
            with self.store.read() as tx:
                pieces = tx.imports.done_with(oldest)
            if not pieces:
                return
            for import_id, number in pieces:
                self.store.write(partial(_drop_piece, import_id, number))

    def _is_waiting(self) -> bool:
        with self.store.read() as tx:
            return tx.imports.depth() > 0

    def _take_next(self, tx: Transaction) -> ImportFile | None:
        file = tx.imports.next_waiting()
        if file is not None and file.state is ImportState.QUEUED:
            tx.imports.start(file.queue_number, self.clock.now_microseconds())
        return file

    def _work_on(self, file: ImportFile, stop: threading.Event) -> None:
        log_event("import_started", import_id=file.import_id, kind=file.kind, rows_done=file.rows.seen)
        started = time.monotonic()
        try:
            self._land(file, stop)
            state, error = ImportState.SUCCEEDED, ""
        except _StoppedError:
            log_event("import_interrupted", import_id=file.import_id)
            return
        except _CancelledError:
            state, error = ImportState.CANCELLED, ""
        except FileRefusedError as refusal:
            state, error = ImportState.FAILED, refusal.message
        except (Unavailable, Aborted):
            raise
        except Exception as fault:
            log_event("import_fault", import_id=file.import_id, error=fault)
            state, error = ImportState.FAILED, "the import failed by a fault of the server; its log says why"
        self.store.write(partial(self._end, file=file, state=state, error=error))
        self.metrics.import_ended(file.kind.lower(), state.lower())
        log_event(
            "import_ended",
            import_id=file.import_id,
            kind=file.kind,
            state=state,
            seconds=round(time.monotonic() - started, 3),
        )

    def _end(self, tx: Transaction, file: ImportFile, state: ImportState, error: str) -> None:
        now = tx.imports.get(file.import_id)
        if now is not None and not now.state.is_end:
            tx.imports.end(file.queue_number, state, self.clock.now_microseconds(), error)

    def _land(self, file: ImportFile, stop: threading.Event) -> None:
        def look_up() -> None:
            _stop_if(stop)
            with self.store.read() as tx:
                _refuse_cancelled(tx, file)

        with _folder_of(file) as folder:
            path = folder / "upload"
            self._write_upload(file, path)
            look_up()
            job = ReadingJob(
                path, file.kind, file.file_name, file.book_date, self.limits, file.rows.seen, self.batch_rows
            )
            with open_import_file(job, while_waiting=look_up, start_reader=self.readers.take) as book:
                self.store.write(lambda tx: tx.imports.set_rows_total(file.queue_number, book.rows_total))
                pace = Pace()
                self._set_aside(file, book.loan_numbers(), pace, stop)
                rows_done = file.rows.seen
                for batch in book.batches():
                    _stop_if(stop)
                    for counts in self._land_batch(file, batch, pace, rows_done):
                        rows_done += counts.seen
                        self._count(file, counts)
                        self._keep_in_order(pace)

    def _write_upload(self, file: ImportFile, path: Path) -> None:
        with path.open("wb") as upload, self.store.read() as tx:
            for content in tx.imports.content(file.import_id):
                upload.write(content)
                give_way()

    def _set_aside(self, file: ImportFile, numbers: LoanNumbers, pace: Pace, stop: threading.Event) -> None:
        """Sets the numbers aside, at most as many in a transaction as a batch has, and as the pace allows."""
        done = 0

        def set_aside(tx: Transaction) -> int:
            pace.begin()
            _refuse_cancelled(tx, file)
            now_done = done
            for run in numbers.in_runs(self.part_rows, done):
                reserve_loan_ids(tx, run.loan_ids, run.customer_ids)
                now_done += len(run)
                if now_done - done >= self.batch_rows or pace.has_to_end(tx):
                    break
            return now_done

        while done < len(numbers):
            _stop_if(stop)
            done = self.store.write(set_aside)
            self._keep_in_order(pace)

    def _keep_in_order(self, pace: Pace) -> None:
        """What a transaction with many rows leaves to be done."""
        self.store.checkpoint(in_steps=pace.calls_come)
        self.store.analyze()

    def _land_batch(self, file: ImportFile, batch: RowBatch, pace: Pace, rows_done: int) -> Iterator[RowCounts]:
        """Lands a batch, in as few transactions as the pace allows; yields what each has come to."""
        landed = 0

        def parts(tx: Transaction) -> Iterator[tuple[CustomerRows | LoanRows, list[RowIssue]]]:
            start = landed
            while start < batch.rows_seen:
                part = batch.part(start, start + pace.part_rows(self.part_rows))
                yield part.rows, part.issues
                if pace.has_to_end(tx):
                    return
                start += part.rows_seen

        def land(tx: Transaction, check_existing: bool) -> RowCounts:
            pace.begin()
            if _refuse_cancelled(tx, file).rows.seen != rows_done + landed:
                # This worker has lost its turn without knowing, and the one whose turn it is has come this far.
                raise WriteConflict("another server works on the import")
            now = self.clock.now_microseconds()
            counts = upsert_batch(tx, file.queue_number, parts(tx), now, check_existing=check_existing)
            pace.note(counts.seen)
            return counts

        while landed < batch.rows_seen:
            counts = write_batch(self.store, land)
            landed += counts.seen
            yield counts

    def _count(self, file: ImportFile, counts: RowCounts) -> None:
        for outcome in ("inserted", "updated", "unchanged", "rejected", "adjusted"):
            rows = getattr(counts, outcome)
            if rows:
                self.metrics.import_rows(file.kind.lower(), outcome, rows)


def _drop_piece(import_id: str, number: int, tx: Transaction) -> None:
    tx.imports.drop_content(import_id, number)


@contextlib.contextmanager
def _folder_of(file: ImportFile) -> Iterator[Path]:
    """A folder for the upload while it is read."""
    prefix = f"almeno-import-{file.import_id}-"
    # A worker that was killed has left its folder, with a copy of what may be large and is about people.
    for leftover in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        yield Path(folder)


def _stop_if(stop: threading.Event) -> None:
    if stop.is_set():
        raise _StoppedError


def _refuse_cancelled(tx: Transaction, file: ImportFile) -> ImportFile:
    now = tx.imports.get(file.import_id)
    if now is None or now.state.is_end:
        # A worker that took over has brought it to its end.
        raise _StoppedError
    if now.cancel_requested:
        raise _CancelledError
    return now
