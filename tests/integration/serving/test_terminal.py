"""A server at a terminal."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

from support.servers import eventually
from support.toy_server import PROGRAM


def test_server_at_a_terminal_ends_its_start_with_what_to_type_next(tmp_path: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("ALMENO_")}
    support = Path(__file__).parents[2] / "support"
    environment |= {"PYTHONPATH": str(support), "TOY_FOLDER": str(tmp_path), "TOY_BROKEN": "", "TMPDIR": str(tmp_path)}
    terminal, end_of_server = pty.openpty()
    os.set_blocking(terminal, False)
    command = [sys.executable, "-c", PROGRAM, "--address=127.0.0.1:0", "--workers=1"]
    with subprocess.Popen(command, env=environment, stderr=end_of_server) as server:
        os.close(end_of_server)
        shown = bytearray()

        def is_told() -> bool:
            try:
                shown.extend(os.read(terminal, 65_536))
            except BlockingIOError:
                return False
            return b"Ctrl-C" in shown

        try:
            eventually(is_told)
        finally:
            server.send_signal(signal.SIGINT)
            os.close(terminal)
    assert server.returncode == 0
    logged, told = shown.decode().replace("\r\n", "\n").split("\n\n", 1)
    # For a person, in text.
    assert " INFO    server_ready [supervisor] " in logged.splitlines()[-1]
    assert told.startswith("Serving on 127.0.0.1:")
    assert told.endswith("--help\nCtrl-C ends the server.\n\n")
