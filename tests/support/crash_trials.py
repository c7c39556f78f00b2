"""Trials of a server under a load of everything that changes the book, which is disturbed and then checked.

What a caller got an answer to has to be there, what had none is sent again with the same request_id and has to take
effect once, and a model of its own reckons every decision anew (`support.book_model`).
"""

import contextlib
import random
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.book_model import Answers, Sent, faults, last_numbers
from support.calls import SECONDS, applicant, loan_of, paise_of, refusal_of, rupees
from support.servers import CUSTOMERS, RunningServer, descendants, eventually, is_alive, kill

LENDERS = 6
REPEATED = 20
RETRYABLE = {"UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}
CREDIT, PORTFOLIO = "/almeno.credit.v1.CreditService", "/almeno.credit.v1.PortfolioService"
UNANSWERED = "no ErrorInfo"
"""Stands for the reason of an error that the service has not sent: the connection was lost, or the deadline passed."""


@dataclass
class Log:
    """What the callers of a trial have sent, and what came of it."""

    is_cut_off: threading.Event = field(default_factory=threading.Event)
    """Set while callers would get no answer, for the power is off: what comes nevertheless is thrown away."""
    answers: Answers = field(default_factory=dict)
    unanswered: list[Sent] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The codes and reasons of the errors."""

    def send(self, channel: grpc.Channel, sent: Sent) -> bytes | None:
        """Sends a request; gives its answer, or None when there was none."""
        try:
            answer: bytes = channel.stream_unary(sent.method)(iter(sent.messages), timeout=SECONDS)
        except grpc.RpcError as error:
            code, reason = error.code().name, UNANSWERED
            # An error without details is the connection's, not the service's.
            if "grpc-status-details-bin" in dict(error.trailing_metadata() or ()):
                reason = refusal_of(error).reason
                if code not in RETRYABLE:
                    self.faults.append(f"refused: {sent.name} {sent.request_id}: {code} {error.details()}")
            self.errors[code, reason] += 1
            self.unanswered.append(sent)
            return None
        if self.is_cut_off.is_set():
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

    def __init__(self, server: RunningServer, seed: int, database: Path | None = None) -> None:
        self.server = server
        self.rng = random.Random(seed)
        self.database = database or server.folder / "almeno.db"
        self.answers: Answers = {}
        self.errors: Counter[tuple[str, str]] = Counter()
        self.is_cut_off = threading.Event()
        self.kills: Counter[str] = Counter()
        self.sent_again = 0
        self._uploads = 0

    def kill(self, killed: str) -> list[str]:
        """A trial in which a process dies, or all of them where it is the `server`; gives the faults."""
        eventually(lambda: killed == "reader" or self._targets(killed))
        self.kills[killed] += 1
        return self.run(lambda: self._kill(killed), lambda: self._start_again(killed))

    def run(self, disturb: Callable[[], None], mend: Callable[[], None]) -> list[str]:
        """One trial: load, the disturbance, the end of the load, what mends it, retry, repeat, check.

        Returns:
            The faults.
        """
        since, log = last_numbers(self.database), Log(self.is_cut_off)
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
            try:
                time.sleep(self.rng.uniform(0.02, 0.2))
                disturb()
                time.sleep(0.03)
            finally:
                stop.set()
                for thread in load:
                    thread.join()
        mend()
        self._send_again(log)
        self.answers |= log.answers
        self.errors += log.errors
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
        supervisor = self.server.process.pid
        running = descendants(supervisor)
        if killed == "server":
            return [supervisor, *running]
        if killed == "supervisor":
            return [supervisor]
        if killed == "reader":
            return [child for child in descendants(self.server.process_id("import")) if is_alive(child)]
        roles = ["import"] if killed == "import" else ["rpc-0", "rpc-1"]
        # What a former trial has killed may not have been started again yet, and its number be another's by now.
        return [number for number in map(self.server.process_id, roles) if number in running]

    def _kill(self, killed: str) -> None:
        # A file's reader lives for some tenths of a second.
        eventually(lambda: self._targets(killed), pause_seconds=0)
        targets = self._targets(killed)
        for process_id in targets if killed == "server" else self.rng.sample(targets, min(1, len(targets))):
            kill(process_id)

    def _start_again(self, killed: str) -> None:
        if killed == "server":
            self.server.kill_all()
        if killed == "supervisor":
            # What it has left behind ends by itself; the next server does not wait for that.
            self.server.process.wait(SECONDS)
        if killed in ("server", "supervisor"):
            self.server.start()

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
