"""What is told of a file: that it is sound, and its checked rows."""

from array import array
from collections.abc import Iterator

from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.parsing.earlier_rows import EarlierRows
from almeno_grpc.imports.sandbox.messages import FileDone, FileOpened, Frame, LoanNumbers, ReadingJob
from almeno_grpc.imports.parsing.table import BookReading
from almeno_grpc.imports.parsing.rows import RowChecker
from almeno_grpc.imports.parsing.workbooks import SheetRows

_NO_NUMBERS = LoanNumbers(array("q"), array("q"))


def frames_of(rows: SheetRows, job: ReadingJob) -> Iterator[Frame]:
    """Yields the frames of a file, as `almeno_grpc.imports.sandbox.messages` says.

    Raises:
        FileRefusedError: The file as a whole cannot be taken. Then nothing was yielded.
    """
    reading = BookReading(rows, job.kind, job.limits)
    yield from _of_loans(reading, job) if job.kind is ImportKind.LOANS else _of_customers(reading, job)
    yield FileDone()


def _of_loans(reading: BookReading, job: ReadingJob) -> Iterator[Frame]:
    [table] = reading.tables()
    yield FileOpened(len(table))
    checker = RowChecker(table, job.kind, job.book_date)
    # Where rows have landed, their numbers have been set aside. Else they are while the rows are put in order.
    yield checker.loan_numbers() if job.skip_rows == 0 else _NO_NUMBERS
    yield from checker.batches(skip_rows=job.skip_rows, batch_rows=job.batch_rows)


def _of_customers(reading: BookReading, job: ReadingJob) -> Iterator[Frame]:
    """Customers come in the order of the file, so the first can land while others are read, if nothing is wrong there.

    Else no row is to land of a file that turns out to be damaged further down.
    """
    tables, rows_total = reading.tables(job.batch_rows), reading.sound_rows
    if rows_total is None:
        whole = list(tables)
        tables, rows_total = iter(whole), sum(map(len, whole))
    yield FileOpened(rows_total)
    yield _NO_NUMBERS
    earlier, to_skip = EarlierRows(), job.skip_rows
    for table in tables:
        checker = RowChecker(table, job.kind, job.book_date, earlier)
        yield from checker.batches(skip_rows=min(to_skip, len(table)), batch_rows=job.batch_rows)
        to_skip -= min(to_skip, len(table))
