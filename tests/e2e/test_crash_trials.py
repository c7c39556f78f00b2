"""Processes of a server killed at random moments under load; after each kill the book is checked.

How that is done stands in `support.crash_trials`; `ALMENO_CRASH_TRIALS` says how many kills. A process that dies leaves
to the operating system what it has written: that a commit reaches the disk itself is shown by `test_power_loss.py`.
"""

import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.book_model import faults
from support.crash_trials import CrashTrials
from support.servers import SEVERAL_PROCESSES, RunningServer, StartServer, WiredServer
from support.trials import CRASH_TRIALS

from almeno_grpc.commands import COMMANDS
from almeno_grpc.storage.store import SqlStore

KILLED = ("rpc", "supervisor", "server", "rpc", "reader", "import", "rpc", "rpc")
"""What is killed, in turn: one of the RPC processes, the supervisor, everything, the reader of a file, its worker."""
CONTROL_TRIALS = 12


def note(request: pytest.FixtureRequest, trials: CrashTrials) -> None:
    sent = Counter(sent.name for sent in trials.answers)
    text = f"{dict(trials.kills)} killed under {dict(sent)}; {trials.sent_again} requests without an answer sent again"
    request.node.user_properties.append(("crash trials", text))


def test_book_is_sound_after_every_crash(start_server: StartServer, request: pytest.FixtureRequest) -> None:
    seed = random.randrange(2**32)
    trials = CrashTrials(start_server(**SEVERAL_PROCESSES), seed)
    for number in range(CRASH_TRIALS):
        killed = KILLED[number % len(KILLED)]
        found = trials.kill(killed)
        assert found == [], f"trial {number} of seed {seed}, {killed} killed"
    assert trials.faults_at_the_end() == []
    note(request, trials)
    # The trials have tried something.
    names = Counter(sent.name for sent in trials.answers)
    assert names.keys() == {"RegisterCustomer", "CreateLoan", "RecordRepayment", "StartImport", "CancelImport"}
    assert names["CreateLoan"] > 10 * CRASH_TRIALS
    assert names["RecordRepayment"] > CRASH_TRIALS
    assert trials.sent_again >= CRASH_TRIALS
    assert trials.server.stop() == 0
    # A crash is no tampering.
    assert COMMANDS["audit"](["verify", "--database-url", f"sqlite:///{trials.database}"], {}) == 0
    for change, found in DAMAGE.items():
        assert any(fault.startswith(found) for fault in faults_after(change, trials)), change


DAMAGE = {
    "DELETE FROM idempotency_record WHERE rowid = 7": "lost: the answer",
    "UPDATE idempotency_record SET answer = zeroblob(8) WHERE rowid = 7": "lost: the answer",
    "UPDATE customer SET age = age + 1 WHERE rowid = (SELECT max(customer_id) FROM customer)": "lost: customer",
    "DELETE FROM loan WHERE loan_id = (SELECT max(loan_id) FROM loan)": "lost: loan",
    "UPDATE loan SET outstanding_principal_paise = outstanding_principal_paise - 1 "
    "WHERE outstanding_principal_paise > 1": "wrong: loan stored",
    "UPDATE loan SET paid_toward_next_paise = 1 WHERE repayment_count = 0": "wrong: loan stored",
    "UPDATE loan SET repayment_count = repayment_count + 1": "wrong: loan stored",
    "INSERT INTO repayment SELECT customer_id, loan_id, number + 5000, 'x' || loan_id, amount_paise, payment_date, "
    "emis_paid_before, emis_paid_on_time_before, paid_toward_next_before_paise, outstanding_principal_before_paise, "
    "emis_paid, emis_paid_on_time, paid_toward_next_paise, outstanding_principal_paise, closes_loan, create_time_us, "
    "kind, effect, charges_paid_paise, channel, external_reference "
    "FROM repayment WHERE number = 1": "twice: repayment",
    "UPDATE decision SET approved = NOT approved": "wrong: decision stored",
    "UPDATE loan SET loan_amount_paise = 30 * loan_amount_paise": "cap: ",
    "UPDATE loan SET monthly_installment_paise = 20 * monthly_installment_paise": "cap: ",
    "DELETE FROM customer WHERE customer_id = (SELECT max(customer_id) FROM decision)": "damaged: ",
    "UPDATE loan_number SET customer_id = customer_id + 1 WHERE loan_id = (SELECT max(loan_id) FROM loan)": "damaged: ",
    "UPDATE import_file SET rows_inserted = rows_inserted + 1, rows_total = rows_total + 1": "wrong: import",
    "DELETE FROM import_file WHERE queue_number = (SELECT max(queue_number) FROM import_file)": "lost: import",
}
"""Changes to a sound book, and the fault that each is found by."""


def faults_after(change: str, trials: CrashTrials) -> list[str]:
    """The faults of a copy of the book with the change."""
    copy = trials.database.with_name("copy.db")
    copy.write_bytes(trials.database.read_bytes())
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        assert connection.execute(change).rowcount > 0, change
        return faults(copy, trials.answers, at_rest=True)


@contextlib.contextmanager
def faulty_server(folder: Path, wiring: str) -> Iterator[WiredServer]:
    server = WiredServer(folder, wiring=wiring, ALMENO_BUSINESS_DATE="2026-04-10", **SEVERAL_PROCESSES)
    try:
        yield server
    finally:
        server.stop()


def assert_found_in_trials(server: RunningServer, *expected: str | tuple[str, ...]) -> None:
    """Runs trials until each of the faults was found, which are told by how they begin."""
    trials = CrashTrials(server, random.randrange(2**32))
    found: list[str] = []
    for _ in range(CONTROL_TRIALS):
        found += trials.kill("rpc")
        if all(any(fault.startswith(each) for fault in found) for each in expected):
            return
    raise AssertionError(f"not all of {expected} in {found}")


def test_answer_before_its_commit_is_found(tmp_path: Path) -> None:
    with faulty_server(tmp_path, "support.answers_before_commit") as server:
        assert_found_in_trials(server, "lost: the answer", ("lost: decision", "lost: customer", "lost: repayment"))


def test_requests_that_are_not_told_apart_are_found(tmp_path: Path) -> None:
    make_database_without_key_of_requests(tmp_path / "almeno.db")
    with faulty_server(tmp_path, "support.forgetful_idempotency") as server:
        assert_found_in_trials(server, "twice: CreateLoan", "twice: decision")


def make_database_without_key_of_requests(database: Path) -> None:
    store = SqlStore(f"sqlite:///{database}")
    store.migrate()
    store.close()
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            "CREATE TABLE requests AS SELECT * FROM idempotency_record; "
            "DROP TABLE idempotency_record; "
            "ALTER TABLE requests RENAME TO idempotency_record;"
        )
