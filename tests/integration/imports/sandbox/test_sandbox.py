"""Reading a file through a process of its own: limits, deaths, and that nothing is left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from support.servers import eventually

from almeno_grpc.domain.headings import HEADINGS
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox import session
from almeno_grpc.imports.sandbox.messages import ReadingJob, ReadingLimits
from almeno_grpc.imports.sandbox.session import Reader, open_import_file

SAMPLE = Path(__file__).parents[4] / "data"
LOAN = "14,{},900000,12,13.46,85095.5,3,2024-01-31,2025-01-31\n"


def job_of(path: Path, **options) -> ReadingJob:
    options = {"limits": ReadingLimits(), "file_name": path.name} | options
    return ReadingJob(path, ImportKind.LOANS, columns={}, book_date=date(2024, 6, 1), **options)


def open_loans(path: Path, *, while_waiting=lambda: None, **options):
    return open_import_file(job_of(path, **options), while_waiting=while_waiting)


@pytest.fixture
def many_loans(tmp_path) -> Path:
    """More loans than fit into a few pipes at once."""
    path = tmp_path / "loans.csv"
    headings = ",".join(HEADINGS[ImportKind.LOANS])
    path.write_text(f"{headings}\n" + "".join(LOAN.format(number) for number in range(1, 60_001)))
    return path


@pytest.fixture
def readers(monkeypatch) -> list[subprocess.Popen]:
    """The reading processes started in the test; none may be left of them at its end."""
    started: list[subprocess.Popen] = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(session.subprocess, "Popen", Recorded)
    yield started
    assert started
    for process in started:
        assert process.returncode is not None
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


@pytest.mark.usefixtures("readers")
def test_rows_come_in_one_order_whatever_is_skipped_and_numpy_stays_outside():
    program = (
        "import sys; from pathlib import Path; from datetime import date\n"
        "from almeno_grpc.imports.sandbox.session import open_import_file\n"
        "from almeno_grpc.imports.sandbox.messages import ReadingJob, ReadingLimits\n"
        "from almeno_grpc.domain.imports import ImportKind\n"
        f"path = Path({str(SAMPLE / 'loans.xlsx')!r})\n"
        "job = ReadingJob(path, ImportKind.LOANS, 'l', {}, date(2024, 1, 1), ReadingLimits(), batch_rows=100)\n"
        "with open_import_file(job) as book:\n"
        "    batches = list(book.batches())\n"
        "    print(book.opened.rows_total, [len(b) for b in batches], sum(len(b.rows) for b in batches))\n"
        "assert 'numpy' not in sys.modules and 'python_calamine' not in sys.modules\n"
    )
    process = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert process.stdout == "782 [100, 100, 100, 100, 100, 100, 100, 82] 782\n"
    with open_loans(SAMPLE / "loans.xlsx") as book:
        rows = [row for batch in book.batches() for row in batch.rows]
    assert sorted(row.row_number for row in rows) == list(range(2, 784))
    with open_loans(SAMPLE / "loans.xlsx", skip_rows=700) as book:
        assert [row for batch in book.batches() for row in batch.rows] == rows[700:]


@pytest.mark.usefixtures("readers")
@pytest.mark.parametrize("file_name", ["-rf.csv", "--kind", "a\0b", "\ud800", "long" * 100_000, "", "कर्ज़.csv"])
def test_no_name_of_a_file_upsets_the_reader(many_loans, file_name):
    with open_loans(many_loans, file_name=file_name) as book:
        assert book.opened.rows_total == 60_000


@pytest.mark.usefixtures("readers")
def test_refused_file_tells_why_and_has_no_rows(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("nothing\n")
    with pytest.raises(FileRefusedError, match="no column headed 'Customer ID'"), open_loans(path):
        pytest.fail("a refused file was opened")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
def test_sheet_with_a_cell_far_away_takes_down_no_more_than_its_reader(tmp_path, readers):
    book = openpyxl.Workbook()
    book.active["A1"] = "Customer ID"
    book.active["XFD1048576"] = 1
    book.save(tmp_path / "far.xlsx")
    limits = ReadingLimits(memory_bytes=2**30)
    with (
        pytest.raises(FileRefusedError, match="at most 1,024 MiB"),
        open_loans(tmp_path / "far.xlsx", limits=limits),
    ):
        pytest.fail("a file without end was opened")
    assert len(readers) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
def test_small_workbook_of_all_columns_is_refused_though_its_cells_would_fit(tmp_path, readers):
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append([*HEADINGS[ImportKind.LOANS], *[None] * (16_384 - 10), "far away"])
    for _ in range(5_000):
        sheet.append([1])
    book.save(tmp_path / "wide.xlsx")
    assert (tmp_path / "wide.xlsx").stat().st_size < 60_000
    with (
        pytest.raises(FileRefusedError, match=r"the memory for files of its size.* a cell far away"),
        open_loans(tmp_path / "wide.xlsx"),
    ):
        pytest.fail("a file of 82 million cells was opened")
    assert len(readers) == 1


def test_file_that_takes_too_much_of_a_processor_is_refused(many_loans, readers):
    with open_loans(many_loans, batch_rows=100) as book:
        readers[0].send_signal(signal.SIGXCPU)
        with pytest.raises(FileRefusedError, match="within the processor time for files of its size"):
            list(book.batches())
    assert len(readers) == 1


@pytest.mark.parametrize(
    ("size_bytes", "memory_bytes", "seconds"), [(0, 2**30, 30), (2**20, 2**30 + 2**24, 31), (2**28, 2**32, 286)]
)
def test_reader_gets_memory_and_processor_time_by_the_size_of_the_file(size_bytes, memory_bytes, seconds):
    program = (
        "import resource; from almeno_grpc.imports.sandbox import reader\n"
        f"reader._bound_by_size(2**32, {size_bytes})\n"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CPU)[0])\n"
    )
    process = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert process.stdout == f"{memory_bytes} {seconds}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process say so")
@pytest.mark.usefixtures("readers")
def test_reader_is_what_a_machine_without_memory_kills_first(many_loans, readers):
    with open_loans(many_loans):
        assert Path(f"/proc/{readers[0].pid}/oom_score_adj").read_text() == "1000\n"


def test_reader_that_is_killed_twice_is_started_again_and_no_row_comes_twice(many_loans, readers):
    numbers = []
    with open_loans(many_loans, batch_rows=100) as book:
        for batch in book.batches():
            numbers += [row.source_loan_id for row in batch.rows]
            if len(readers) < 3:
                readers[-1].kill()
    assert len(readers) == 3
    assert numbers == list(range(1, 60_001))


def test_reader_gets_no_signal_of_the_terminal_and_shares_its_session(many_loans, readers):
    with open_loans(many_loans) as book:
        process_id = readers[0].pid
        assert os.getpgid(process_id) == process_id
        # Some systems share processors among sessions, and weigh niceness within one only.
        assert os.getsid(process_id) == os.getsid(0)
        assert os.getpriority(os.PRIO_PROCESS, process_id) >= 10
        list(book.batches())


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such policy elsewhere")
@pytest.mark.parametrize("fills_the_pipe", [True, False])
def test_reader_takes_what_others_leave_of_the_processors_until_that_is_nothing(
    many_loans, readers, monkeypatch, fills_the_pipe
):
    monkeypatch.setattr(session, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(session, "_MAX_WAITING", 1)
    numbers, policies = [], []
    with open_loans(many_loans, batch_rows=5_000) as book:
        for batch in book.batches():
            numbers += [row.source_loan_id for row in batch.rows]
            if len(readers) > len(policies):
                policies.append(os.sched_getscheduler(readers[-1].pid))
            if len(numbers) == 20_000:
                if fills_the_pipe:
                    wait_until_silent(readers[0])
                # As one that never gets a processor, in the middle of a message where the pipe is full.
                readers[0].send_signal(signal.SIGSTOP)
                monkeypatch.setattr(session, "_PATIENCE_SECONDS", 0.1)
    assert policies == [os.SCHED_IDLE, os.SCHED_OTHER]
    assert numbers == list(range(1, 60_001))


def wait_until_silent(reader: subprocess.Popen) -> None:
    """Waits until the process has written nothing for a while, for the pipe is full."""

    def sent(after_seconds: float = 0) -> str:
        time.sleep(after_seconds)
        return re.search("wchar: (.*)", Path(f"/proc/{reader.pid}/io").read_text()).group()

    eventually(lambda: sent() == sent(after_seconds=0.2))


def test_reader_that_is_at_work_is_not_replaced_however_long_it_takes(many_loans, readers, monkeypatch):
    monkeypatch.setattr(session, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(session, "_PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(Reader, "_processor_seconds", lambda _: time.monotonic())
    with open_loans(many_loans) as book:
        assert book.opened.rows_total == 60_000
    assert len(readers) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is not told what a process has written")
def test_reader_that_stops_in_the_middle_of_a_message_is_given_up_in_time(many_loans, readers, monkeypatch):
    monkeypatch.setattr(session, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(session, "_MAX_WAITING", 1)

    def stop_in_the_middle() -> None:
        with open_loans(many_loans, batch_rows=5_000, limits=ReadingLimits(seconds=2)) as book:
            for _ in book.batches():
                wait_until_silent(readers[0])
                readers[0].send_signal(signal.SIGSTOP)

    with pytest.raises(FileRefusedError, match="could not be read within"):
        stop_in_the_middle()


def end_after_each_batch(path: Path, readers: list[subprocess.Popen], signal_number: int) -> None:
    with open_loans(path, batch_rows=100) as book:
        for _ in book.batches():
            readers[-1].send_signal(signal_number)


def test_reader_that_is_killed_a_third_time_gives_up(many_loans, readers):
    with pytest.raises(FileRefusedError, match="the memory for files of its size"):
        end_after_each_batch(many_loans, readers, signal.SIGKILL)
    assert len(readers) == 3


def test_reader_that_ends_in_another_way_is_not_started_again(many_loans, readers):
    with pytest.raises(FileRefusedError, match="exit code -15"):
        end_after_each_batch(many_loans, readers, signal.SIGTERM)
    assert len(readers) == 1


@pytest.mark.usefixtures("readers")
def test_fault_of_the_reader_itself_is_logged_and_refuses_the_file(many_loans, caplog):
    with open_loans(many_loans, batch_rows=0) as book, pytest.raises(FileRefusedError, match="server's log says why"):
        list(book.batches())
    assert "ValueError at rows.py" in caplog.text


@pytest.mark.usefixtures("readers")
def test_file_that_takes_too_long_is_refused(many_loans, monkeypatch):
    monkeypatch.setattr(session, "_POLL_SECONDS", 0.01)
    limits = ReadingLimits(seconds=0)
    with pytest.raises(FileRefusedError, match="within 0 minutes"), open_loans(many_loans, limits=limits):
        pytest.fail("the file was read in no time")


@pytest.mark.usefixtures("readers")
def test_caller_that_stops_early_leaves_no_reader(many_loans):
    with open_loans(many_loans, batch_rows=10) as book:
        next(book.batches())


@pytest.mark.usefixtures("readers")
def test_caller_can_give_up_while_the_file_is_being_read(many_loans, monkeypatch):
    monkeypatch.setattr(session, "_POLL_SECONDS", 0.01)

    def cancelled() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), open_loans(many_loans, while_waiting=cancelled):
        pytest.fail("the file was opened")


def test_settings_of_the_server_do_not_reach_the_reader(monkeypatch):
    monkeypatch.setenv("ALMENO_DATABASE_URL", "postgresql://secret")
    assert not [name for name in session._environment() if name.startswith("ALMENO_")]


def assert_ends_with_its_parent(program: str) -> None:
    """The program prints the number of the reader that it has started, and then waits."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        reader = int(parent.stdout.readline())
        parent.kill()
    eventually(lambda: not is_running(reader), seconds=10)


def test_reader_ends_when_its_parent_is_killed(many_loans):
    program = (
        "import time; from pathlib import Path; from datetime import date\n"
        "from almeno_grpc.imports.sandbox.session import open_import_file\n"
        "from almeno_grpc.imports.sandbox.messages import ReadingJob, ReadingLimits\n"
        "from almeno_grpc.domain.imports import ImportKind\n"
        f"path = Path({str(many_loans)!r})\n"
        "job = ReadingJob(path, ImportKind.LOANS, 'l', {}, date(2024, 1, 1), ReadingLimits(), batch_rows=10)\n"
        "with open_import_file(job) as book:\n"
        "    print(book._reader._process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    assert_ends_with_its_parent(program)


def is_running(process_id: int) -> bool:
    """Whether the process lives; one that has ended and that nobody has asked about does not."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process_id}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
