"""The queue of imports, from the side of the worker that takes them in order."""

import threading
from functools import partial

from almeno_grpc.clock import Clock
from almeno_grpc.domain.imports import ImportFile, ImportState
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.store import Store, Transaction

_MAX_UPLOAD_MICROSECONDS = 24 * 3600 * 1_000_000
"""How long an upload may take until it is queued: what is older came to nothing."""


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

    def end(self, file: ImportFile, state: ImportState, error: str) -> None:
        """Puts an import into an end state, unless it is in one."""
        self._store.write(partial(self._end, file, state, error))

    def _end(self, file: ImportFile, state: ImportState, error: str, tx: Transaction) -> None:
        now = tx.imports.get(file.import_id)
        if now is not None and not now.state.is_end:
            tx.imports.end(file.queue_number, state, self._clock.now_microseconds(), error)

    def drop_contents(self, stop: threading.Event) -> None:
        """Deletes the uploads that nobody needs any more, a chunk at a time, for others wait meanwhile."""
        oldest = new_identifier(self._clock.now_microseconds() - _MAX_UPLOAD_MICROSECONDS)
        while not stop.is_set():
            with self._store.read() as tx:
                chunks = tx.imports.done_with(oldest)
            if not chunks:
                return
            for import_id, number in chunks:
                self._store.write(partial(_drop_chunk, import_id, number))


def _drop_chunk(import_id: str, number: int, tx: Transaction) -> None:
    tx.imports.drop_content(import_id, number)
