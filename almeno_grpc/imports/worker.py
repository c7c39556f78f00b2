"""The background worker: takes the queued files in order and imports their rows, batch by batch.

Everything it knows is in the database, with each batch in the transaction of its rows, so that it can be killed at any
moment: the next worker reads the file again and goes on behind the last batch that was committed.
"""

import contextlib
import errno
import hashlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import Aborted, StoreUnavailable, Unavailable, WriteConflict
from almeno_grpc.domain.imports import ImportFile, ImportState, RowCounts
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.overtaking import is_independent, may_try
from almeno_grpc.imports.sandbox.messages import FileOpened, ReadingJob, ReadingLimits, RowBatch
from almeno_grpc.imports.sandbox.session import open_import_file
from almeno_grpc.imports.throttle import MAX_ROWS_PER_CALL, ImportThrottle, yield_cpu
from almeno_grpc.imports.upsert import reserve_loan_ids, upsert_batch
from almeno_grpc.logs import log_event
from almeno_grpc.metrics import Metrics
from almeno_grpc.service.housekeeping import KEPT, HistoryDays, Housekeeping
from almeno_grpc.service.import_queue import ImportQueue
from almeno_grpc.service.store import Lock, Store, Transaction
from almeno_grpc.tracing import current_span, import_span, note_import_end, steps_of_batch

_IDLE_SECONDS = 0.05
"""How often the queue is polled while it is empty: that took 2 % of a processor, on SQLite."""
_STANDBY_SECONDS = 0.5
"""How often a worker that is not the one at work tries to become it."""
_HOUSEKEEPING_MILLISECONDS = 200
"""How long the worker keeps house where it would wait."""
_RETRY_SECONDS = 1.0
"""How long the worker waits after the database could not be used."""


_EXHAUSTED = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN}
"""What the system says while the temporary folder is full, or memory or descriptors are short: no fault of the file."""


class _CancelledError(Exception):
    """Somebody has asked for the import's end."""


class _WaitsError(Exception):
    """The import has to wait for its turn."""


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
    max_rows_per_call: int = MAX_ROWS_PER_CALL
    """The most rows, or Loan IDs, in a call to the store, after which it is seen whether others wait."""
    days: HistoryDays = KEPT
    """How long history is kept."""
    upkeep: Callable[[], object] = lambda: None
    """What else is the work of the one that is at work; called often, between transactions."""

    @cached_property
    def _queue(self) -> ImportQueue:
        return ImportQueue(self.store, self.clock)

    @cached_property
    def _housekeeping(self) -> Housekeeping:
        return Housekeeping(self.store, self.clock, self.days)

    def run(self, stop: threading.Event) -> None:
        """Works until the event is set."""
        while not stop.is_set():
            try:
                with self.store.try_lock("import-worker") as lock:
                    # On the connection at hand: who stands by would else open one twice a second.
                    while not lock.is_held() and not stop.wait(_STANDBY_SECONDS):
                        lock.try_again()
                    self._take_files(lock, stop)
            except (Unavailable, Aborted) as error:
                log_event("import_delayed", error=error)
                stop.wait(_RETRY_SECONDS)

    def _take_files(self, lock: Lock, stop: threading.Event) -> None:
        while lock.is_held() and not stop.is_set():
            self.upkeep()
            file = self._queue.take()
            if file is None:
                self._housekeeping.work(_HOUSEKEEPING_MILLISECONDS)
                self.store.checkpoint()
                stop.wait(_IDLE_SECONDS)
            else:
                with import_span(file.import_id, file.kind):
                    self._work_on(file, stop)

    def _work_on(
        self, file: ImportFile, stop: threading.Event, may_import: Callable[[FileOpened], bool] = lambda _: True
    ) -> None:
        """Works on an import until its end, or until it may not be imported yet, for what is in the file."""
        log_event("import_started", import_id=file.import_id, kind=file.kind, rows_done=file.rows.seen)
        started = time.monotonic()
        try:
            self._import_rows(file, stop, may_import)
            state, error = ImportState.SUCCEEDED, ""
        except _WaitsError:
            log_event("import_waits", import_id=file.import_id)
            return
        except _StoppedError:
            log_event("import_interrupted", import_id=file.import_id)
            return
        except _CancelledError:
            state, error = ImportState.CANCELLED, ""
        except FileRefusedError as refusal:
            state, error = ImportState.FAILED, str(refusal)
        except (Unavailable, Aborted):
            raise
        except Exception as fault:
            if isinstance(fault, OSError) and fault.errno in _EXHAUSTED:
                raise StoreUnavailable("there is no room for the file at the moment") from fault
            log_event("import_fault", import_id=file.import_id, error=fault)
            state, error = ImportState.FAILED, "the import failed by a fault of the server; its log says why"
        self._queue.end(file, state, error)
        note_import_end(state, failed=state is ImportState.FAILED)
        self.metrics.import_ended(file.kind.lower(), state.lower())
        seconds = round(time.monotonic() - started, 3)
        log_event("import_ended", import_id=file.import_id, kind=file.kind, state=state, seconds=seconds)

    def _import_rows(self, file: ImportFile, stop: threading.Event, may_import: Callable[[FileOpened], bool]) -> None:
        def wait() -> None:
            _stop_if(stop)
            self.upkeep()
            with self.store.read() as tx:
                _raise_if_cancelled(tx, file)
            self._housekeeping.work(_HOUSEKEEPING_MILLISECONDS)

        # It has no name: nothing is left of it when this process is killed.
        with tempfile.TemporaryFile() as upload:
            self._write_upload(file, upload)
            wait()
            what = (Path(f"/dev/fd/{upload.fileno()}"), file.kind, file.file_name, file.columns, file.book_date)
            job = ReadingJob(*what, self.limits, skip_rows=file.rows.seen, batch_rows=self.batch_rows)
            with open_import_file(job, while_waiting=wait) as session:
                if not may_import(session.opened):
                    raise _WaitsError
                self._queue.begin(file, session.opened.rows_total)
                throttle = ImportThrottle(self.max_rows_per_call)
                self._reserve_loan_ids(file, session.opened, throttle, stop)
                rows_done, tried = file.rows.seen, set[str]()
                for batch in session.batches():
                    for rows in self._import_batch(file, batch, throttle, rows_done):
                        _stop_if(stop)
                        rows_done += rows
                        self._let_overtake(file, session.opened, tried, stop)
                    self._housekeeping.work(0)

    def _write_upload(self, file: ImportFile, upload: IO[bytes]) -> None:
        """Writes the upload into a file, and checks that it is what was uploaded."""
        digest, size = hashlib.sha256(), 0
        with self.store.read() as tx, contextlib.closing(tx.imports.content(file.import_id)) as contents:
            for content in contents:
                _write(upload, content)
                digest.update(content)
                size += len(content)
                yield_cpu()
        if (size, digest.hexdigest()) != (file.size_bytes, file.sha256):
            raise FileRefusedError(
                f"the stored file is not what was uploaded: it has {size} bytes and the SHA-256 {digest.hexdigest()}, "
                f"the upload had {file.size_bytes} and {file.sha256}; upload it again"
            )

    def _reserve_loan_ids(
        self, file: ImportFile, opened: FileOpened, throttle: ImportThrottle, stop: threading.Event
    ) -> None:
        """Reserves the file's Loan IDs, at most as many in a transaction as a batch has, and as the throttle allows."""
        # Where rows have been imported, all were reserved before.
        done, count = 0, len(opened.loan_ids) if not file.rows.seen else 0
        steps = steps_of_batch()

        def reserve(tx: Transaction) -> int:
            steps.begin_first("reserve_loan_ids")
            _raise_if_cancelled(tx, file)
            here = slice(done, done)
            for here in throttle.calls(tx, done, min(count, done + self.batch_rows)):
                reserve_loan_ids(tx, opened.loan_ids[here], opened.owner_ids[here])
            steps.begin("commit")
            return here.stop

        while done < count:
            _stop_if(stop)
            done = self.store.write(reserve)
            steps.add_to(current_span())
            self._after_transaction(throttle)

    def _let_overtake(self, file: ImportFile, opened: FileOpened, tried: set[str], stop: threading.Event) -> None:
        """Works on the next import in the queue, if it is small and independent of this one; each is tried once."""
        later = self._queue.next_behind(file)
        if later is None or later.import_id in tried or not may_try(file, later):
            return
        tried.add(later.import_id)
        with self.store.read() as tx:
            first_generated_id = tx.loans.first_generated_id
        mine, kind = (file.kind, opened), later.kind
        with import_span(later.import_id, later.kind):
            self._work_on(later, stop, lambda theirs: is_independent(mine, (kind, theirs), first_generated_id))

    def _after_transaction(self, throttle: ImportThrottle) -> None:
        """What a transaction with many rows leaves to be done."""
        self.store.checkpoint(in_steps=throttle.has_traffic)
        self.store.analyze()
        self.upkeep()

    def _import_batch(
        self, file: ImportFile, batch: RowBatch, throttle: ImportThrottle, rows_done: int
    ) -> Iterator[int]:
        """Imports a batch, behind the rows that are done, in as few transactions as the throttle allows.

        Yields the number of rows of each.
        """
        done, steps = 0, steps_of_batch()

        def upsert(tx: Transaction) -> RowCounts:
            steps.begin_first("upsert")
            if _raise_if_cancelled(tx, file).rows.seen != rows_done + done:
                # This worker has lost its lock without knowing, and the one that has it has come this far.
                raise WriteConflict("another server works on the import")
            parts = (batch.part(here.start, here.stop) for here in throttle.calls(tx, done, len(batch)))
            counts = upsert_batch(tx, file, parts, self.clock.now_microseconds(), self.clock.today())
            steps.begin("commit")
            return counts

        while done < len(batch):
            counts = self.store.write(upsert)
            steps.add_to(current_span())
            done += counts.seen
            for outcome, rows in asdict(counts).items():
                if rows:
                    self.metrics.import_rows(file.kind.lower(), outcome, rows)
            self._after_transaction(throttle)
            yield counts.seen


def _write(upload: IO[bytes], content: bytes) -> None:
    try:
        upload.write(content)
        upload.flush()
    except OSError as error:
        raise StoreUnavailable("the folder for temporary files has no room for the file of an import") from error


def _stop_if(stop: threading.Event) -> None:
    if stop.is_set():
        raise _StoppedError


def _raise_if_cancelled(tx: Transaction, file: ImportFile) -> ImportFile:
    now = tx.imports.get(file.import_id)
    if now is None or now.state.is_end:
        # A worker that took over has brought it to its end.
        raise _StoppedError
    if now.cancel_requested:
        raise _CancelledError
    return now
