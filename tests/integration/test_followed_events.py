"""A reader beside many writers sees each committed change once, whatever becomes of the writers."""

import time

import pytest
from support.book import Book
from support.book_databases import PostgresDatabases
from support.change_events import Follower, assert_complete
from support.trials import EVENT_TRIALS

from almeno_grpc.service.change_events import ChangeEventService

WRITE_SECONDS = 1.2


@pytest.mark.parametrize("trial", range(EVENT_TRIALS))
def test_reader_beside_16_writers_sees_each_change_once_though_some_are_killed(
    book: Book, start_process, databases, database_url, trial
):
    # Before the follower reads them there are some already.
    book.register()
    writers = [
        start_process("write", threads=8, seconds=WRITE_SECONDS, first_phone_number=7_000_000_000 + 1_000_000 * number)
        for number in range(2)
    ]
    for writer in writers:
        writer.wait_until_ready()
    with Follower(ChangeEventService(book.store)) as follower:
        for writer in writers:
            writer.go()
        time.sleep(WRITE_SECONDS * (0.3 + 0.1 * (trial % 3)))
        writers[0].kill()
        if isinstance(databases, PostgresDatabases):
            with databases.server.connect(database_url.rpartition("/")[2].partition("?")[0]) as admin:
                # The reader's too.
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        writers[1].result()
    assert len(follower.seen) > 20
    assert_complete(book, follower.seen)
