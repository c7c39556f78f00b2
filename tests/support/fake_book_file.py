"""A file of a book that is no file."""

from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from almeno_grpc.domain.imports import CustomerRows, IssueOutcome, RowIssue
from almeno_grpc.imports.sandbox.messages import FileOpened, ReadingJob, RowBatch
from support.book import book_customer

_BATCH = 10


class FakeFile:
    """A file of 50 customers, read without a process. What `before_batch` does comes before each batch."""

    def __init__(self) -> None:
        self.opened = FileOpened(50, array("q", range(1, 51)), array("q"), array("q"))
        self.before_batch: Callable[[int], None] = lambda _: None
        self.before_reading: Callable[[Callable[[], None]], None] = lambda _: None
        self.jobs: list[tuple[str, int]] = []
        self.working = self.max_concurrent = 0

    @contextmanager
    def open(self, job: ReadingJob, *, while_waiting: Callable[[], None]) -> Iterator["FakeFile"]:
        """Stands in for `almeno_grpc.imports.sandbox.session.open_import_file`."""
        self.jobs.append((job.file_name, job.skip_rows))
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
        for start in range(self._skip, 50, _BATCH):
            self.before_batch(start)
            numbers = range(start + 1, min(start + _BATCH, 50) + 1)
            adjusted = [number for number in numbers if number % 10 == 2]
            issues = {number: [RowIssue(number, IssueOutcome.ADJUSTED, "Age", "as a test")] for number in adjusted}
            yield RowBatch(CustomerRows.of([book_customer(number) for number in numbers]), issues=issues)
