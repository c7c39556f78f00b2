"""The background worker: takes the queued files in order and imports their rows, batch by batch.

Everything it knows is in the database, with each batch in the transaction of its rows, so that it can be killed at any
moment: the next worker reads the file again and goes on behind the last batch that was committed.
"""

import contextlib
import hashlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import Aborted, Unavailable, WriteConflict
from almeno_grpc.domain.imports import ImportFile, ImportState, RowCounts
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import FileOpened, ReadingJob, ReadingLimits, RowBatch
from almeno_grpc.imports.sandbox.session import open_import_file
from almeno_grpc.imports.throttle import MAX_ROWS_PER_CALL, ImportThrottle, yield_cpu
from almeno_grpc.imports.upsert import reserve_loan_ids, upsert_batch
from almeno_grpc.logs import log_event
from almeno_grpc.metrics import Metrics
from almeno_grpc.service.import_queue import ImportQueue
from almeno_grpc.service.store import Lock, Store, Transaction

_IDLE_SECONDS = 0.05
"""How often the queue is polled while it is empty: that took 2 % of a processor, on SQLite."""
_STANDBY_SECONDS = 0.5
"""How often a worker that is not the one at work tries to become it."""
_RETRY_SECONDS = 1.0
"""How long the worker waits after the database could not be used."""


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
    max_rows_per_call: int = MAX_ROWS_PER_CALL
    """The most rows, or Loan IDs, in a call to the store, after which it is seen whether others wait."""
    upkeep: Callable[[], object] = lambda: None
    """What else is the work of the one that is at work; called often, between transactions."""

    def run(self, stop: threading.Event) -> None:
        """Works until the event is set."""
        while not stop.is_set():
            try:
                with self.store.try_lock("import-worker") as lock:
                    self._take_files(lock, stop)
            except (Unavailable, Aborted) as error:
                log_event("import_delayed", error=error)
                stop.wait(_RETRY_SECONDS)
            else:
                stop.wait(_STANDBY_SECONDS)

    def _take_files(self, lock: Lock, stop: threading.Event) -> None:
        queue = ImportQueue(self.store, self.clock)
        while lock.is_held() and not stop.is_set():
            self.upkeep()
            file = queue.take()
            if file is None:
                queue.drop_contents(stop)
                self.store.checkpoint()
                stop.wait(_IDLE_SECONDS)
            else:
                self._work_on(file, stop)

    def _work_on(self, file: ImportFile, stop: threading.Event) -> None:
        log_event("import_started", import_id=file.import_id, kind=file.kind, rows_done=file.rows.seen)
        started = time.monotonic()
        try:
            self._import_rows(file, stop)
            state, error = ImportState.SUCCEEDED, ""
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
            log_event("import_fault", import_id=file.import_id, error=fault)
            state, error = ImportState.FAILED, "the import failed by a fault of the server; its log says why"
        ImportQueue(self.store, self.clock).end(file, state, error)
        self.metrics.import_ended(file.kind.lower(), state.lower())
        seconds = round(time.monotonic() - started, 3)
        log_event("import_ended", import_id=file.import_id, kind=file.kind, state=state, seconds=seconds)

    def _import_rows(self, file: ImportFile, stop: threading.Event) -> None:
        def stop_or_cancel() -> None:
            _stop_if(stop)
            self.upkeep()
            with self.store.read() as tx:
                _raise_if_cancelled(tx, file)

        with _folder_of(file) as folder:
            path = folder / "upload"
            self._write_upload(file, path)
            stop_or_cancel()
            what = (path, file.kind, file.file_name, file.columns, file.book_date)
            job = ReadingJob(*what, self.limits, skip_rows=file.rows.seen, batch_rows=self.batch_rows)
            with open_import_file(job, while_waiting=stop_or_cancel) as session:
                self.store.write(lambda tx: tx.imports.set_rows_total(file.queue_number, session.opened.rows_total))
                throttle = ImportThrottle(self.max_rows_per_call)
                self._reserve_loan_ids(file, session.opened, throttle, stop)
                rows_done = file.rows.seen
                for batch in session.batches():
                    _stop_if(stop)
                    self._import_batch(file, batch, throttle, rows_done)
                    rows_done += len(batch)

    def _write_upload(self, file: ImportFile, path: Path) -> None:
        """Writes the upload into a file, and checks that it is what was uploaded."""
        digest, size = hashlib.sha256(), 0
        with path.open("wb") as upload, self.store.read() as tx:
            for content in tx.imports.content(file.import_id):
                upload.write(content)
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
        done, count = 0, len(opened.loan_ids)

        def reserve(tx: Transaction) -> int:
            _raise_if_cancelled(tx, file)
            here = slice(done, done)
            for here in throttle.calls(tx, done, min(count, done + self.batch_rows)):
                reserve_loan_ids(tx, opened.loan_ids[here], opened.owner_ids[here])
            return here.stop

        while done < count:
            _stop_if(stop)
            done = self.store.write(reserve)
            self._after_transaction(throttle)

    def _after_transaction(self, throttle: ImportThrottle) -> None:
        """What a transaction with many rows leaves to be done."""
        self.store.checkpoint(in_steps=throttle.has_traffic)
        self.store.analyze()
        self.upkeep()

    def _import_batch(self, file: ImportFile, batch: RowBatch, throttle: ImportThrottle, rows_done: int) -> None:
        """Imports a batch, behind the rows that are done, in as few transactions as the throttle allows."""
        done = 0

        def upsert(tx: Transaction) -> RowCounts:
            if _raise_if_cancelled(tx, file).rows.seen != rows_done + done:
                # This worker has lost its lock without knowing, and the one that has it has come this far.
                raise WriteConflict("another server works on the import")
            parts = (batch.part(here.start, here.stop) for here in throttle.calls(tx, done, len(batch)))
            return upsert_batch(tx, file, parts, self.clock.now_microseconds())

        while done < len(batch):
            counts = self.store.write(upsert)
            done += counts.seen
            for outcome, rows in asdict(counts).items():
                if rows:
                    self.metrics.import_rows(file.kind.lower(), outcome, rows)
            self._after_transaction(throttle)


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


def _raise_if_cancelled(tx: Transaction, file: ImportFile) -> ImportFile:
    now = tx.imports.get(file.import_id)
    if now is None or now.state.is_end:
        # A worker that took over has brought it to its end.
        raise _StoppedError
    if now.cancel_requested:
        raise _CancelledError
    return now
