"""Callers that repay loans through several servers, and readers that ask for what was acknowledged just before."""

import contextlib
import itertools
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import loan_pb2
from support.persistent_callers import RETRIED, Load
from support.postgres import PostgresServer
from support.servers import Connection, RunningServer

REPAYMENTS = 3
"""Of each loan."""
READERS = 2
"""Of each server."""
RECENT = 32


@dataclass
class Seen:
    """What the callers of one server have seen. Instants are of the monotonic clock, in seconds."""

    written: list[tuple[float, float]] = field(default_factory=list)
    """When a write was first sent, and when it was acknowledged."""
    read: list[float] = field(default_factory=list)
    """When reads were answered."""
    stale: list[tuple[float, str]] = field(default_factory=list)
    """Reads that lack what any server had acknowledged when they were sent: that instant, and what they lack."""
    failed: list[str] = field(default_factory=list)
    """Reads that failed otherwise than by what a caller may try again."""

    def longest_pause(self, since: float) -> float:
        """The longest time without a write acknowledged, from an instant until now."""
        instants = [since, *sorted(ended for _, ended in self.written if ended > since), time.monotonic()]
        return max(after - before for before, after in itertools.pairwise(instants))

    def count_written(self, since: float) -> int:
        """The writes that were sent after an instant and have been acknowledged."""
        return sum(began > since for began, _ in self.written)

    def count_read(self, since: float) -> int:
        """The reads that have been answered after an instant."""
        return sum(answered > since for answered in self.read)

    def stale_since(self, since: float) -> dict[float, str]:
        """The stale reads that were sent after an instant."""
        return {sent: lack for sent, lack in self.stale if sent > since}


class RepaidLoans(Load):
    """Callers that each stay with one server: they register a customer, book a loan and repay some of it."""

    turns = 0

    def __init__(self, servers: list[RunningServer], reading: list[RunningServer], give_up_seconds: float) -> None:
        """Opens the connections.

        Args:
            servers: Those that are written to and read from.
            reading: Those that are read from alone.
            give_up_seconds: How long a request is sent again.
        """
        super().__init__(servers, give_up_seconds)
        self._written = len(servers)
        servers = servers + reading
        self.seen = [Seen() for _ in servers]
        """By the server."""
        self.repaid: dict[int, int] = {}
        """Repayments acknowledged, by the loan."""
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._readers = [
            (seen, server.connect()) for seen, server in zip(self.seen, servers, strict=True) for _ in range(READERS)
        ]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Readers read for as long as the body lasts."""
        ends = threading.Event()
        with super().running(), ThreadPoolExecutor(len(self._readers)) as pool:
            readers = [pool.submit(self._read, ends, *reader) for reader in self._readers]
            try:
                yield
            finally:
                ends.set()
                for reader in readers:
                    reader.result()

    def read_all(self) -> None:
        """Reads each loan once, from one server and the next in turn."""
        for reader, (loan_id, repaid) in zip(itertools.cycle(self._readers), self.repaid.items(), strict=False):
            self._read_loan(*reader, loan_id, repaid)

    def _lend_to_new_customer(self, number: int, phone_number: str) -> loan_pb2.Loan:
        loan = super()._lend_to_new_customer(number, phone_number)
        self._note(loan, 0)
        for count in range(1, REPAYMENTS + 1):
            repayment = pb.RecordRepaymentRequest(
                request_id=str(uuid.uuid4()), loan_id=loan.loan_id, amount=loan.monthly_installment
            )
            self._answer(number, "RecordRepayment", repayment)
            self._note(loan, count)
        return loan

    def _note(self, loan: loan_pb2.Loan, repaid: int) -> None:
        self.repaid[loan.loan_id] = repaid
        self._recent.append(loan.loan_id)

    def _answer(self, number: int, method: str, request):
        began = time.monotonic()
        answer = super()._answer(number, method, request)
        self.seen[number % self._written].written.append((began, time.monotonic()))
        return answer

    def _read(self, ends: threading.Event, seen: Seen, connection: Connection) -> None:
        while not ends.wait(0.005):
            with contextlib.suppress(IndexError):
                loan_id = self._recent[-1]
                self._read_loan(seen, connection, loan_id, self.repaid[loan_id])

    def _read_loan(self, seen: Seen, connection: Connection, loan_id: int, repaid: int) -> None:
        sent = time.monotonic()
        try:
            loan = connection.credit.GetLoan(pb.GetLoanRequest(loan_id=loan_id), timeout=15).loan
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                seen.stale.append((sent, f"loan {loan_id}"))
            elif error.code() not in RETRIED:
                seen.failed.append(f"{error.code().name}: {error.details()}")
            return
        seen.read.append(time.monotonic())
        if (found := loan.tenure_months - loan.repayments_left) < repaid:
            seen.stale.append((sent, f"{repaid - found} repayments of loan {loan_id}"))


def repayment_faults(database: PostgresServer, repaid: dict[int, int]) -> list[str]:
    """Loans that have been repaid more or less often than their callers were told."""
    with database.connect() as connection:
        stored = dict(connection.execute("SELECT loan_id, count(*) FROM repayment GROUP BY loan_id").fetchall())
    return [
        f"loan {loan_id}: {stored.get(loan_id, 0)} repayments for {count}"
        for loan_id, count in repaid.items()
        if stored.get(loan_id, 0) != count
    ]
