"""Small files go ahead of a large one, and the book is the same as if they had not."""

import contextlib
import random
from array import array

import pytest
from support.book import Book, book_customer, book_loan

from almeno_grpc.domain.headings import HEADINGS
from almeno_grpc.domain.imports import ImportKind, ImportState, RowCounts
from almeno_grpc.imports import overtaking
from almeno_grpc.imports.overtaking import is_independent
from almeno_grpc.imports.sandbox.messages import FileOpened
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import FIRST_GENERATED_ID

TRIALS = 12
CUSTOMERS, LOANS = ImportKind.CUSTOMERS, ImportKind.LOANS


def csv_of(kind: ImportKind, *lines: str) -> bytes:
    return "\n".join([",".join(HEADINGS[kind]), *lines, ""]).encode()


def customers_csv(numbers) -> bytes:
    return csv_of(CUSTOMERS, *(f"{n},Asha,Rao,30,{9_000_000_000 + n},50000,1800000" for n in numbers))


def loans_csv(*ids) -> bytes:
    return csv_of(LOANS, *(f"{c},{n},100000,12,10.5,9208,2,2026-01-05,2027-01-05" for c, n in ids))


@pytest.fixture
def queued(with_customers, monkeypatch):
    """A large file of customers 101 to 160, a small one of other customers' loans, one of its own, and another."""
    monkeypatch.setattr(overtaking, "_MAX_OVERTAKING_BYTES", 1_000)
    book = with_customers
    return {
        "large": book.queue(CUSTOMERS, customers_csv(range(101, 161))),
        "refused": book.queue(LOANS, b"no headings\n1\n"),
        "other": book.queue(LOANS, loans_csv((1, 10), (2, 11))),
        "own": book.queue(LOANS, loans_csv((101, 20))),
        "behind": book.queue(LOANS, loans_csv((3, 30))),
    }


def test_small_files_end_before_a_large_one_unless_they_need_it(with_customers, queued):
    book = with_customers
    book.work(batch_rows=5)
    ended = {name: book.imports.get(file.import_id) for name, file in queued.items()}
    assert {name: file.state for name, file in ended.items() if name != "refused"} == dict.fromkeys(
        ("large", "other", "own", "behind"), ImportState.SUCCEEDED
    )
    assert ended["refused"].state is ImportState.FAILED
    assert ended["refused"].end_time < ended["other"].start_time
    assert ended["large"].start_time < ended["other"].start_time < ended["other"].end_time < ended["large"].end_time
    # In order again: one that has to wait is not overtaken by those behind it.
    assert ended["large"].end_time <= ended["own"].start_time <= ended["own"].end_time <= ended["behind"].start_time
    assert ended["own"].rows == RowCounts(inserted=1)


def test_import_that_was_ahead_when_the_worker_stopped_goes_on(with_customers, queued):
    book = with_customers
    other = queued["other"]
    book.store.write(lambda tx: tx.imports.end(queued["refused"].queue_number, ImportState.CANCELLED, 1))
    for each in ("large", "other"):
        book.store.write(lambda tx, n=queued[each].queue_number: tx.imports.start(n, 1))
    book.work(batch_rows=5)
    ended = {name: book.imports.get(file.import_id) for name, file in queued.items()}
    assert ended["other"].end_time < ended["large"].end_time
    assert book.imports.get(other.import_id).rows == RowCounts(inserted=2)


def random_file(rng: random.Random, base: int):
    """A few rows, checked as those of a file are, and what is known of them."""
    kind = rng.choice((CUSTOMERS, LOANS, LOANS))
    customers = [base + rng.randint(1, 5) for _ in range(rng.randint(1, 3))]
    if kind is CUSTOMERS:
        rows = [book_customer(number, age=rng.randint(20, 60)) for number in {*customers}]
        loan_ids = []
    else:
        pairs = {rng.choice((*range(base + 1, base + 9), FIRST_GENERATED_ID + 1)): customer for customer in customers}
        rows = [book_loan(customer, loan_id, tenure_months=rng.randint(12, 13)) for loan_id, customer in pairs.items()]
        loan_ids = sorted(pairs)
    known = FileOpened(
        len(rows), array("q", sorted({row.customer_id for row in rows})), array("q", loan_ids), array("q")
    )
    return kind, rows, known


def book_after(book: Book, files) -> dict[str, object]:
    """What there is after the files in that order, and what was said of each; not which ids were generated."""
    told = {}
    for name, rows in files:
        ended = book.upsert(rows)
        told[name] = (ended.rows, sorted(issue[:3] for issue in book.issues(ended)))
    for table in ("customer", "phone_number", "loan_number", "loan"):
        rows = [
            {key: 0 if key == "loan_id" and value > FIRST_GENERATED_ID else value for key, value in row.items()}
            for row in book.rows(table)
        ]
        told[table] = sorted(map(str, rows))
    return told


def test_independent_files_leave_the_same_book_whichever_comes_first(new_database, clock):
    rng = random.Random(19)
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(contextlib.closing(SqlStore(new_database()))) for _ in range(2)]
        in_order, the_other_way = (stack.enter_context(contextlib.closing(Book(store, clock))) for store in stores)
        for base in range(0, 20 * TRIALS, 20):
            known, before = [book_customer(base + number) for number in range(1, 4)], random_file(rng, base)[1]
            while True:
                earlier, later = random_file(rng, base), random_file(rng, base)
                if is_independent((earlier[0], earlier[2]), (later[0], later[2]), FIRST_GENERATED_ID):
                    break
            files = [("known", known), ("before", before), ("earlier", earlier[1]), ("later", later[1])]
            assert book_after(in_order, files) == book_after(the_other_way, [*files[:2], files[3], files[2]])
