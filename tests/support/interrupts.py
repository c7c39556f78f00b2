"""The command line, interrupted as from a terminal, or ended, while it waits for what the service streams to it."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# The interrupt comes once gRPC sleeps until the next answer, not as soon as the service has the call: in between, gRPC
# still makes the call's own objects, and an interrupt there leaves one half made, whose destructor complains, or a lock
# that is held for ever, with which no channel closes. A shell lets what it starts in the background ignore interrupts,
# and that is handed on to the tests and to this, so the handler is set first.
_SCRIPT = """
import os, signal, sys, threading, time, traceback
from almeno_client.cli import main

sign, number = sys.argv.pop(1), int(sys.argv.pop(1))

def waits_for_an_answer():
    frames = [frame for frame, _ in traceback.walk_stack(sys._current_frames()[main_thread])]
    sleeps = frames[0].f_code is threading.Condition.wait.__code__
    return sleeps and any(is_next(frame.f_code) for frame in frames)

def is_next(code):
    return code.co_name == "_next" and code.co_filename.endswith("grpc/_channel.py")

def interrupt():
    while sign and not os.path.exists(sign):
        time.sleep(0.01)
    while not waits_for_an_answer():
        time.sleep(0.01)
    os.kill(os.getpid(), number)

main_thread = threading.get_ident()
signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
threading.Thread(target=interrupt, daemon=True).start()
main()
"""


def almeno_interrupted_while_waiting(
    *arguments: object,
    sign: Path | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    by: signal.Signals = signal.SIGINT,
) -> subprocess.CompletedProcess[str]:
    """Runs a command that streams, interrupts it once it waits for an answer, and gives how it ended.

    Args:
        arguments: The options that stand before the command, the command and its own.
        sign: A file; there is no interrupt before it is there.
        folder: Where the command runs.
        environment: What it runs with, if not with ours.
        by: The signal.
    """
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(sign or ""), str(int(by)), *map(str, arguments)],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
