"""The log of a program of its own, since it takes over a process's logging."""

import json
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
