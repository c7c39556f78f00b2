"""A file of a book that is no file."""

from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from almeno_grpc.domain.imports import CustomerRows, IssueOutcome, RowIssue
from almeno_grpc.imports.sandbox.messages import LoanIds, ReadingJob, RowBatch
from support.book import book_customer

_BATCH = 10


class FakeFile:
    """A file of 50 customers, read without a process. What `before_batch` does comes before each batch."""

    loan_ids = LoanIds(array("q"), array("q"))

    def __init__(self) -> None:
        self.rows_total = 50
        self.before_batch: Callable[[int], None] = lambda _: None
        self.before_reading: Callable[[Callable[[], None]], None] = lambda _: None
        self.opened: list[tuple[str, int]] = []
        self.working = self.max_concurrent = 0

    @contextmanager
    def open(self, job: ReadingJob, *, while_waiting: Callable[[], None], start_reader: object) -> Iterator["FakeFile"]:
        """Stands in for `almeno_grpc.imports.sandbox.session.open_import_file`."""
        del start_reader
        self.opened.append((job.file_name, job.skip_rows))
        self.working += 1
        self.max_concurrent = max(self.working, self.max_concurrent)
        try:
            self.content = job.path.read_bytes()
            self.before_reading(while_waiting)
            self._skip = job.skip_rows
            yield self
        finally:
            self.working -= 1

    def batches(self) -> Iterator[RowBatch]:
        for start in range(self._skip, self.rows_total, _BATCH):
            self.before_batch(start)
            numbers = range(start + 1, min(start + _BATCH, self.rows_total) + 1)
            adjusted = [number for number in numbers if number % 10 == 2]
            issues = [RowIssue(number, IssueOutcome.ADJUSTED, "Age", "as a test") for number in adjusted]
            yield RowBatch(CustomerRows.of([book_customer(number) for number in numbers]), issues)
