"""Other processes that work on the database of a book."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

_PROGRAM = Path(__file__).parents[1] / "integration" / "book_process.py"


class BookProcess:
    """A process of `integration/book_process.py`: it gets ready, waits for `go`, and `result` is what it came to."""

    def __init__(self, database_url: str, command: str, options: dict) -> None:
        arguments = [sys.executable, str(_PROGRAM), database_url, command]
        self.process = subprocess.Popen(
            [*arguments, json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def wait_until_ready(self) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self):
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            with contextlib.suppress(BrokenPipeError):
                stream.close()
