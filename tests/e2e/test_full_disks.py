"""Disks that are full for a while: callers are told to come again, and what was acknowledged is there.

`ALMENO_FULL_DISK_TRIALS` says how often the database's disk is filled under load.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.calls import SECONDS, applicant, refusal_of, registered
from support.crash_trials import CrashTrials
from support.file_systems import SmallDisk, small_disk
from support.servers import CUSTOMERS, SEVERAL_PROCESSES, RunningServer, StartServer, eventually
from support.trials import FULL_DISK_TRIALS

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import import_pb2

MEBIBYTE = 2**20
COME_AGAIN = {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 48 * MEBIBYTE) as disk:
        yield disk


def code_of_upload(server: RunningServer, content: bytes) -> str:
    try:
        server.upload(CUSTOMERS, content)
    except grpc.RpcError as error:
        return refusal_of(error).code
    return "OK"


def test_full_disk_of_the_database_loses_nothing_acknowledged_and_is_answered_as_unavailable(
    disk: SmallDisk, start_server: StartServer, request: pytest.FixtureRequest
) -> None:
    database = disk.path / "almeno.db"
    server = start_server(ALMENO_DATABASE_URL=f"sqlite:///{database}", **SEVERAL_PROCESSES)
    trials = CrashTrials(server, random.randrange(2**32), database)

    def fill() -> None:
        disk.fill()
        time.sleep(0.3)
        # Who only reads is answered as ever.
        assert server.credit.ListCustomers(pb.ListCustomersRequest(page_size=1), timeout=SECONDS).customers

    for number in range(FULL_DISK_TRIALS):
        assert trials.run(fill, disk.make_room) == [], f"in trial {number}"
    assert trials.faults_at_the_end() == []
    tried = f"{FULL_DISK_TRIALS} under {dict(Counter(sent.name for sent in trials.answers))}: {dict(trials.errors)}"
    request.node.user_properties.append(("full disks", tried))
    assert trials.errors.total() > 0, "nobody noticed"
    assert {code for code, _ in trials.errors} <= COME_AGAIN
    assert server.events("process_died") == []
    assert server.stop() == 0


def test_upload_that_the_database_has_no_room_for_is_refused_and_taken_once_it_has(
    disk: SmallDisk, start_server: StartServer
) -> None:
    server = start_server(ALMENO_DATABASE_URL=f"sqlite:///{disk.path}/almeno.db")
    server.database_url = f"sqlite:///{disk.path}/almeno.db"
    rows = [[*customer_row(number), "x" * 80_000] for number in range(1, 101)]
    content = csv_file((*CUSTOMER_HEADINGS, "Notes"), rows)
    disk.fill(room_bytes=4 * MEBIBYTE)
    assert code_of_upload(server, content) in COME_AGAIN
    disk.make_room()
    assert server.rows("SELECT 1 AS one FROM import_file") == []
    assert server.load(CUSTOMERS, content).rows_inserted == 100
    assert server.stop() == 0


@pytest.fixture(scope="module")
def temporary(
    tmp_path_factory: pytest.TempPathFactory, start_shared_server: StartServer
) -> Iterator[tuple[RunningServer, SmallDisk]]:
    """A server whose temporary files are on a small disk, and the disk."""
    with small_disk(tmp_path_factory.mktemp("temporary") / "disk", 16 * MEBIBYTE) as disk:
        server = start_shared_server(TMPDIR=str(disk.path))
        # What has found the folder in order once does not look for another one.
        assert server.load(CUSTOMERS, bytes(5 * MEBIBYTE)).error
        yield server, disk
        server.kill_all()


def test_upload_that_the_temporary_folder_has_no_room_for_is_refused_at_its_last_bytes_too(
    temporary: tuple[RunningServer, SmallDisk],
) -> None:
    server, disk = temporary
    room_bytes = 5 * MEBIBYTE
    codes = {}
    for beyond_bytes in (2 * MEBIBYTE, 8_192, 4_096, 100, 1, 0, -1, -4_096):
        disk.fill(room_bytes=room_bytes)
        codes[beyond_bytes] = code_of_upload(server, bytes(room_bytes + beyond_bytes))
        disk.make_room()
    assert codes[2 * MEBIBYTE] in COME_AGAIN
    assert set(codes.values()) <= COME_AGAIN | {"OK"}, codes
    assert server.events("process_died") == []


def test_import_waits_for_room_in_the_temporary_folder(temporary: tuple[RunningServer, SmallDisk]) -> None:
    server, disk = temporary
    # What the imports of before have there goes with them.
    eventually(lambda: not server.rows("SELECT 1 AS one FROM import_file WHERE state IN ('QUEUED', 'RUNNING')"))
    eventually(lambda: not list(disk.path.glob("almeno-import-*")))
    disk.fill()
    rows = [customer_row(number) for number in range(1_000, 2_000)]
    import_id = server.upload(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, rows)).import_id
    assert registered(server.credit).customer_id
    delays = len(server.events("import_delayed"))
    eventually(
        lambda: len(server.events("import_delayed")) > delays or server.get_import(import_id).HasField("end_time")
    )
    disk.make_room()
    file = server.wait_for_import(import_id)
    assert (file.state, file.error) == (import_pb2.IMPORT_STATE_SUCCEEDED, "")
    assert file.rows_inserted == len(rows)


def test_server_that_starts_with_a_full_disk_says_so_and_starts_once_there_is_room(
    disk: SmallDisk, start_server: StartServer
) -> None:
    server = start_server(ALMENO_DATABASE_URL=f"sqlite:///{disk.path}/almeno.db")
    customer = server.credit.RegisterCustomer(applicant(), timeout=SECONDS).customer
    assert server.stop() == 0
    disk.fill()
    with pytest.raises(AssertionError, match="the server ended"):
        server.start()
    (failed,) = server.events("server_failed")
    assert "Traceback" not in str(failed)
    disk.make_room()
    server.start()
    assert registered(server.credit).customer_id > customer.customer_id
    assert server.stop() == 0
