"""A database that goes away under a real server, and a process that is halted with the lock of all who write."""

import fcntl
import os
import shutil
import signal
import threading
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.calls import SECONDS, applicant, refused, registered
from support.servers import SEVERAL_PROCESSES, RunningServer, StartServer, eventually, is_alive, kill

from almeno_grpc.api import credit_service_pb2 as pb

SERVING = health_pb2.HealthCheckResponse.SERVING


def health_of(server: RunningServer, name: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(server.connect().channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=SECONDS, wait_for_ready=True).status


def test_deleted_database_is_unavailable_and_stays_deleted(start_server: StartServer) -> None:
    server = start_server()
    customer_id = registered(server.credit).customer_id
    assert health_of(server) == SERVING
    database = server.folder / "almeno.db"
    kept = database.rename(server.folder / "kept")
    refusal = refused(server.credit.RegisterCustomer, applicant())
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    refusal = refused(server.credit.GetCustomer, pb.GetCustomerRequest(customer_id=customer_id))
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    for name in ("", "almeno.credit.v1.CreditService", "reads", "writes"):
        eventually(lambda name=name: health_of(server, name) != SERVING)
    # Processes that start now find no file, and make none.
    for number, role in enumerate(("rpc-0", "import"), start=1):
        kill(server.process_id(role))
        server.wait_for_event("process_restarted", count=number)
    eventually(lambda: health_of(server) != SERVING)
    assert refused(server.connect().credit.RegisterCustomer, applicant()).reason == "STORE_UNAVAILABLE"
    assert not database.exists()
    kept.rename(database)
    eventually(lambda: health_of(server) == SERVING)
    request = pb.GetCustomerRequest(customer_id=customer_id)
    assert server.connect().credit.GetCustomer(request, timeout=SECONDS).customer.customer_id == customer_id
    assert not server.events("call_failed")


def test_database_with_a_zeroed_page_is_unavailable_and_is_not_served_at_the_next_start(
    start_server: StartServer,
) -> None:
    server = start_server()
    registered(server.credit)
    assert server.stop() == 0
    whole = server.folder / "whole"
    database = server.folder / "almeno.db"
    shutil.copyfile(database, whole)
    [row] = server.rows("SELECT rootpage FROM sqlite_master WHERE name = 'phone_number'")
    with database.open("r+b") as file:
        file.seek((row["rootpage"] - 1) * 4096)
        file.write(bytes(4096))
    with pytest.raises(AssertionError, match="the database is damaged"):
        server.start()
    shutil.copyfile(whole, database)
    server.start()
    with database.open("r+b") as file:
        file.seek((row["rootpage"] - 1) * 4096)
        file.write(bytes(4096))
    assert refused(server.credit.RegisterCustomer, applicant()).reason == "STORE_UNAVAILABLE"
    eventually(lambda: health_of(server) != SERVING)
    assert not server.events("call_failed")


def test_process_that_is_halted_with_the_writers_lock_is_replaced_and_writes_go_on(start_server: StartServer) -> None:
    server = start_server(ALMENO_PROCESS_MAX_SILENCE_SECONDS="2", **SEVERAL_PROCESSES)
    halted = halt_in_a_write(server)
    eventually(lambda: writes(server))
    # It may have been halted just before it had the lock, and others write until it is replaced.
    eventually(lambda: not is_alive(halted))
    [hung] = server.events("process_hung")
    assert hung["process_pid"] == halted


def writes(server: RunningServer) -> bool:
    """Whether a write succeeds within a second, on a new connection."""
    try:
        server.connect().credit.RegisterCustomer(applicant(), timeout=1)
    except grpc.RpcError:
        return False
    return True


def halt_in_a_write(server: RunningServer) -> int:
    """Halts the first process while it holds the writer's lock; gives its id."""
    process_id = server.process_id("rpc-0")
    stop = threading.Event()

    def write() -> None:
        connection = server.connect()
        while not stop.is_set():
            try:
                connection.credit.RegisterCustomer(applicant(), timeout=1)
            except grpc.RpcError:
                stop.wait(0.01)

    writers = [threading.Thread(target=write, daemon=True) for _ in range(6)]
    for writer in writers:
        writer.start()

    def halt() -> bool:
        os.kill(process_id, signal.SIGSTOP)
        # Whoever runs lets go between two batches.
        for _ in range(20):
            if not _is_locked(server.folder / "almeno.db-writer.lock"):
                os.kill(process_id, signal.SIGCONT)
                return False
            stop.wait(0.005)
        return True

    eventually(halt)
    stop.set()
    return process_id


def _is_locked(path: Path) -> bool:
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
