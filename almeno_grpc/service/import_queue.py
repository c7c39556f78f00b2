"""The queue of imports, from the side of the worker that takes them in order."""

from functools import partial

from almeno_grpc.clock import Clock
from almeno_grpc.domain.imports import ImportFile, ImportState
from almeno_grpc.service.store import Store, Transaction


class ImportQueue:
    """Takes imports from the queue and ends them. Its methods raise StoreUnavailable as `Store.write` does."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def take(self) -> ImportFile | None:
        """The oldest import that has not ended, which is running from now on; None where there is none."""
        with self._store.read() as tx:
            is_empty = tx.imports.depth() == 0
        return None if is_empty else self._store.write(self._take)

    def _take(self, tx: Transaction) -> ImportFile | None:
        file = tx.imports.next_waiting()
        if file is not None and file.state is ImportState.QUEUED:
            tx.imports.start(file.queue_number, self._clock.now_microseconds())
        return file

    def next_behind(self, file: ImportFile) -> ImportFile | None:
        """The oldest import behind another that has not ended; None where there is none."""
        with self._store.read() as tx:
            return tx.imports.next_behind(file.queue_number)

    def begin(self, file: ImportFile, rows_total: int) -> None:
        """Says how many rows the file has. An import that is ahead of its turn is running from now on."""
        self._store.write(partial(self._begin, file, rows_total))

    def _begin(self, file: ImportFile, rows_total: int, tx: Transaction) -> None:
        now = tx.imports.get(file.import_id)
        if now is not None and now.state is ImportState.QUEUED:
            tx.imports.start(file.queue_number, self._clock.now_microseconds())
        tx.imports.set_rows_total(file.queue_number, rows_total)

    def end(self, file: ImportFile, state: ImportState, error: str) -> None:
        """Puts an import into an end state, unless it is in one."""
        self._store.write(partial(self._end, file, state, error))

    def _end(self, file: ImportFile, state: ImportState, error: str, tx: Transaction) -> None:
        now = tx.imports.get(file.import_id)
        if now is not None and not now.state.is_end:
            tx.imports.end(file.queue_number, state, self._clock.now_microseconds(), error)
