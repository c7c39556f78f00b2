"""Servers killed at random moments under a load of everything that changes the book; after each kill it is checked.

What a caller got an answer to has to be there, what had none is sent again with the same request_id and has to take
effect once, and a model of its own reckons every decision anew (`support.book_model`). `ALMENO_CRASH_TRIALS` says how
many kills. A process that dies leaves to the operating system what it has written: that a commit reaches the disk
itself is for a test with the power switch.
"""

import contextlib
import os
import random
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.book_model import Answers, Sent, faults, last_numbers
from support.calls import SECONDS, applicant, loan_of, paise_of, rupees
from support.servers import (
    CUSTOMERS,
    SEVERAL_PROCESSES,
    RunningServer,
    StartServer,
    WiredServer,
    descendants,
    eventually,
    kill,
)

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb
from almeno_grpc.commands import COMMANDS
from almeno_grpc.storage.store import SqlStore

TRIALS = int(os.environ.get("ALMENO_CRASH_TRIALS", "6"))
KILLED = ("rpc", "rpc", "server", "rpc", "import", "rpc")
"""What is killed, in turn: one of the RPC processes, everything, the import worker."""
LENDERS = 6
REPEATED = 20
CONTROL_TRIALS = 12
RETRYABLE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
CREDIT, PORTFOLIO = "/almeno.credit.v1.CreditService", "/almeno.credit.v1.PortfolioService"


@dataclass
class Log:
    """What the callers of a trial have sent, and what came of it."""

    answers: Answers = field(default_factory=dict)
    unanswered: list[Sent] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def send(self, channel: grpc.Channel, sent: Sent) -> bytes | None:
        """Sends a request; gives its answer, or None when there was none."""
        try:
            answer: bytes = channel.stream_unary(sent.method)(iter(sent.messages), timeout=SECONDS)
        except grpc.RpcError as error:
            # An error without details is the connection's, not the service's.
            if error.code() not in RETRYABLE and "grpc-status-details-bin" in dict(error.trailing_metadata() or ()):
                self.faults.append(f"refused: {sent.name} {sent.request_id}: {error.code().name} {error.details()}")
            else:
                self.unanswered.append(sent)
            return None
        self.note(sent, answer)
        return answer

    def note(self, sent: Sent, answer: bytes) -> None:
        """Takes an answer, which has to be the one that was given before."""
        if self.answers.setdefault(sent, answer) != answer:
            self.faults.append(f"twice: {sent.name} {sent.request_id} was answered in two ways")


@contextlib.contextmanager
def channels(server: RunningServer, count: int) -> Iterator[list[grpc.Channel]]:
    """Connections that the kernel deals out to the server's processes, gone at the end."""
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)]))
            for _ in range(count)
        ]
        for channel in opened:
            grpc.channel_ready_future(channel).result(SECONDS)
        yield opened


def registration(rng: random.Random) -> Sent:
    request = applicant(rng.randrange(20, 121) * 1_000, request_id=new_id())
    return Sent(f"{CREDIT}/RegisterCustomer", request.request_id, (request.SerializeToString(),))


def loan(rng: random.Random, customer_id: int) -> Sent:
    """Now and then more than anybody gets; of the others a customer gets one to five."""
    amount = rng.choice([rng.randrange(1_000, 600_000), rng.randrange(1_000, 60_000), 9_000_000])
    rate, months = rng.choice(["0", "8.5", "12", "14.0625"]), rng.choice([6, 12, 24, 60])
    request = loan_of(customer_id, amount, rate, months, request_id=new_id())
    return Sent(f"{CREDIT}/CreateLoan", request.request_id, (request.SerializeToString(),))


def repayment(loan_id: int, paise: int) -> Sent:
    amount = rupees(*divmod(paise, 100))
    request = pb.RecordRepaymentRequest(request_id=new_id(), loan_id=loan_id, amount=amount)
    return Sent(f"{CREDIT}/RecordRepayment", request.request_id, (request.SerializeToString(),))


def upload(first_number: int) -> Sent:
    file = csv_file(CUSTOMER_HEADINGS, [customer_row(first_number + row) for row in range(20)])
    request_id = new_id()
    header = portfolio_pb.ImportHeader(kind=CUSTOMERS, file_name="book.csv", request_id=request_id)
    pieces = (file[start : start + 400] for start in range(0, len(file), 400))
    messages = [
        portfolio_pb.StartImportRequest(header=header),
        *(portfolio_pb.StartImportRequest(chunk=piece) for piece in pieces),
    ]
    return Sent(f"{PORTFOLIO}/StartImport", request_id, tuple(message.SerializeToString() for message in messages))


def cancel(upload_answer: bytes) -> Sent:
    import_id = portfolio_pb.StartImportResponse.FromString(upload_answer).book_import.import_id
    request = portfolio_pb.CancelImportRequest(import_id=import_id, request_id=new_id())
    return Sent(f"{PORTFOLIO}/CancelImport", request.request_id, (request.SerializeToString(),))


def new_id() -> str:
    return str(uuid.uuid4())


class CrashTrials:
    """Trials on one server, one after the other."""

    def __init__(self, server: RunningServer, seed: int) -> None:
        self.server = server
        self.rng = random.Random(seed)
        self.database = server.folder / "almeno.db"
        self.answers: Answers = {}
        self.kills: Counter[str] = Counter()
        self.sent_again = 0
        self._uploads = 0

    def run(self, killed: str) -> list[str]:
        """One trial: load, kill, retry, repeat, check; gives the faults."""
        since, log = last_numbers(self.database), Log()
        eventually(lambda: self._targets(killed))
        with channels(self.server, LENDERS + 1) as opened:
            customers = self._first_customers(opened[0], log)
            stop = threading.Event()
            lend = [
                threading.Thread(target=self._lend, args=(channel, log, list(customers), self._chance(), stop))
                for channel in opened[1:]
            ]
            load = [*lend, threading.Thread(target=self._import, args=(opened[0], log, self._chance(), stop))]
            for thread in load:
                thread.start()
            time.sleep(self.rng.uniform(0.02, 0.2))
            self._kill(killed)
            time.sleep(0.03)
            stop.set()
            for thread in load:
                thread.join()
        if killed == "server":
            self.server.kill_all()
            self.server.start()
        self._send_again(log)
        self.answers |= log.answers
        return log.faults + faults(self.database, log.answers, since)

    def faults_at_the_end(self) -> list[str]:
        """Lets the imports end; gives the faults of the whole book."""
        waiting = "SELECT 1 FROM import_file WHERE state IN ('QUEUED', 'RUNNING')"

        def no_import_waits() -> bool:
            with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
                return connection.execute(waiting).fetchone() is None

        eventually(no_import_waits, 10 * SECONDS, pause_seconds=0.2)
        return faults(self.database, self.answers, at_rest=True)

    def _chance(self) -> random.Random:
        return random.Random(self.rng.random())

    def _first_customers(self, channel: grpc.Channel, log: Log) -> list[int]:
        answers = [log.send(channel, registration(self.rng)) for _ in range(3)]
        return [pb.RegisterCustomerResponse.FromString(answer).customer.customer_id for answer in answers if answer]

    def _lend(
        self, channel: grpc.Channel, log: Log, customers: list[int], rng: random.Random, stop: threading.Event
    ) -> None:
        """Loans to the customers whom all lenders share, and to some of one's own; one's own loans are repaid.

        On the day it is booked a loan is paid off with the amount lent, so its repayments add up to that at most.
        """
        left: dict[int, int] = {}
        while not stop.is_set():
            chance = rng.random()
            if left and chance < 0.3:
                loan_id = rng.choice(list(left))
                most = left.pop(loan_id)
                amount = rng.choice([most, rng.randint(1, most), rng.randint(1, most)])
                if amount < most:
                    left[loan_id] = most - amount
                sent = repayment(loan_id, amount)
            else:
                sent = registration(rng) if chance > 0.86 else loan(rng, rng.choice(customers))
            answer = log.send(channel, sent)
            if answer is None:
                stop.wait(0.005)
            elif sent.name == "RegisterCustomer":
                customers.append(pb.RegisterCustomerResponse.FromString(answer).customer.customer_id)
            elif sent.name == "CreateLoan":
                booked = pb.CreateLoanResponse.FromString(answer).loan
                if booked.loan_id:
                    left[booked.loan_id] = paise_of(booked.loan_amount)

    def _import(self, channel: grpc.Channel, log: Log, rng: random.Random, stop: threading.Event) -> None:
        """Uploads, most of which are cancelled: reading a file takes long, beside a trial."""
        while not stop.is_set():
            self._uploads += 1
            answer = log.send(channel, upload(20 * self._uploads))
            if answer is not None and rng.random() < 0.9:
                log.send(channel, cancel(answer))
            stop.wait(rng.uniform(0, 0.02))

    def _targets(self, killed: str) -> list[int]:
        """The ids of the running processes of which one, or all for `server`, can be killed."""
        running = descendants(self.server.process.pid)
        if killed == "server":
            return [self.server.process.pid, *running]
        roles = ["import"] if killed == "import" else ["rpc-0", "rpc-1"]
        # What a former trial has killed may not have been started again yet, and its number be another's by now.
        return [number for number in map(self.server.process_id, roles) if number in running]

    def _kill(self, killed: str) -> None:
        targets = self._targets(killed)
        for process_id in targets if killed == "server" else [self.rng.choice(targets)]:
            kill(process_id)
        self.kills[killed] += 1

    def _send_again(self, log: Log) -> None:
        """Sends what had no answer until it has one, twice at once; and some of the rest once more."""
        open_requests, log.unanswered = log.unanswered, []
        self.sent_again += len(open_requests)
        answered = list(log.answers)
        repeated = self.rng.sample(answered, min(REPEATED, len(answered)))
        with channels(self.server, 8) as opened, ThreadPoolExecutor(8) as pool:

            def persist(number: int, sent: Sent) -> None:
                deadline = time.monotonic() + SECONDS
                attempts = Log()
                while (answer := attempts.send(opened[number % 8], sent)) is None and not attempts.faults:
                    assert time.monotonic() < deadline, f"no answer to {sent.name}"
                    time.sleep(0.02)
                log.faults.extend(attempts.faults)
                if answer is not None:
                    log.note(sent, answer)

            again = [*(sent for sent in open_requests for _ in range(2)), *repeated]
            list(pool.map(persist, range(len(again)), again))


def note(request: pytest.FixtureRequest, trials: CrashTrials) -> None:
    sent = Counter(sent.name for sent in trials.answers)
    text = f"{dict(trials.kills)} killed under {dict(sent)}; {trials.sent_again} requests without an answer sent again"
    request.node.user_properties.append(("crash trials", text))


def test_book_is_sound_after_every_crash(start_server: StartServer, request: pytest.FixtureRequest) -> None:
    seed = random.randrange(2**32)
    trials = CrashTrials(start_server(**SEVERAL_PROCESSES), seed)
    for number in range(TRIALS):
        killed = KILLED[number % len(KILLED)]
        found = trials.run(killed)
        assert found == [], f"trial {number} of seed {seed}, {killed} killed"
    assert trials.faults_at_the_end() == []
    note(request, trials)
    # The trials have tried something.
    names = Counter(sent.name for sent in trials.answers)
    assert names.keys() == {"RegisterCustomer", "CreateLoan", "RecordRepayment", "StartImport", "CancelImport"}
    assert names["CreateLoan"] > 10 * TRIALS
    assert names["RecordRepayment"] > TRIALS
    assert trials.sent_again >= TRIALS
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
    "emis_paid, emis_paid_on_time, paid_toward_next_paise, outstanding_principal_paise, closes_loan, create_time_us "
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
        found += trials.run("rpc")
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
