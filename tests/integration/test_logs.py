"""The log of a program of its own, since it takes over a process's logging."""

import json
import os
import pty
import re
import subprocess
import sys
from typing import Any


def lines_of(program: str) -> list[dict[str, Any]]:
    start = "import logging, threading, warnings\nfrom almeno_grpc.logs import log_event, start_logging\n"
    ended = subprocess.run(
        [sys.executable, "-c", f"{start}start_logging('rpc-0')\n{program}"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_line_has_its_time_level_process_and_fields() -> None:
    [line] = lines_of("log_event('slow_call', logging.WARNING, method='/x/y', milliseconds=612.5, path=threading.Lock)")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert (line["level"], line["event"], line["role"]) == ("warning", "slow_call", "rpc-0")
    assert (line["method"], line["milliseconds"]) == ("/x/y", 612.5)
    assert isinstance(line["pid"], int)


def test_exception_is_told_of_without_its_text() -> None:
    program = """
def find():
    raise KeyError("Asha +919876543210")
try:
    try:
        find()
    except KeyError as error:
        raise RuntimeError("Asha") from error
except RuntimeError as error:
    log_event("call_failed", logging.ERROR, error=error)
"""
    [line] = lines_of(program)
    assert line["exception"] == "builtins.RuntimeError from builtins.KeyError"
    assert line["traceback"][-1].endswith(" find")
    assert "Asha" not in json.dumps(line)


def test_libraries_threads_and_the_end_of_the_program_quote_nobody_either() -> None:
    program = """
logging.getLogger("sqlalchemy").warning("parameters: %s", "Asha")
logging.getLogger("sqlalchemy").info("not worth a line")
warnings.warn("Asha")
def fail(): raise ValueError("Asha")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""
    lines = lines_of(program)
    assert [line["event"] for line in lines] == [
        "library_message",
        "library_message",
        "unexpected_exception",
        "unexpected_exception",
    ]
    assert [line.get("logger") for line in lines[:2]] == ["sqlalchemy", "py.warnings"]
    assert "Asha" not in json.dumps(lines)


def test_lines_beyond_the_limit_of_a_second_are_left_out_and_counted() -> None:
    program = """
import time
from almeno_grpc.logs import SparseLog
log = SparseLog(3)
now = 100.0
time.monotonic = lambda: now
for _ in range(10): log.log_event("slow_call", logging.WARNING)
now = 101.0
for _ in range(2): log.log_event("slow_call", logging.WARNING)
"""
    lines = lines_of(program)
    assert [line.get("lines_left_out") for line in lines] == [None, None, None, 7, None]


def terminal_shows(program: str, **environment: str) -> list[str]:
    """What a terminal is sent as standard error of a program."""
    ours, theirs = pty.openpty()
    start = "import logging\nfrom almeno_grpc.logs import log_event, start_logging\nstart_logging('rpc-0')\n"
    ended = subprocess.run(
        [sys.executable, "-c", start + program],
        stderr=theirs,
        stdout=subprocess.PIPE,
        env=os.environ | environment,
        timeout=20,
        check=True,
    )
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert ended.stdout == b""
    return shown.splitlines()


def test_terminal_shows_text_with_the_local_time() -> None:
    program = """
record = logging.makeLogRecord({"name": "almeno", "levelname": "INFO", "msg": "server_ready",
    "created": 1_800_000_000.5, "fields": {"address": "127.0.0.1:50051", "why": "a\\x1b[31m b",
    "state": "read only", "none": None}})
logging.getLogger().handlers[0].emit(record)
"""
    [line] = terminal_shows(program, TZ="Asia/Kolkata")
    assert line == (
        r'13:30:00 INFO    server_ready [rpc-0] address=127.0.0.1:50051 why="a\u001b[31m b" state=read only none=None'
    )


def test_terminal_shows_where_an_exception_came_from_without_its_text() -> None:
    program = """
def find():
    raise KeyError("Asha")
try:
    find()
except KeyError as error:
    log_event("call_failed", logging.ERROR, error=error)
"""
    head, *frames = terminal_shows(program)
    assert "ERROR   call_failed [rpc-0] exception=builtins.KeyError" in head
    assert [frame.rpartition(" ")[2] for frame in frames] == ["<module>", "find"]
    assert "Asha" not in head + "".join(frames)
