"""The command line `almeno`, as a person or a script starts it."""

import contextlib
import json
import os
import pty
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from almeno_client.cli.app import app
from typer.testing import CliRunner

from support.servers import BIN

OK, USAGE, DECLINED, REFUSED, UNAVAILABLE, IMPORT_ENDED_EARLY, ROWS_REJECTED, DRIFT = 0, 2, 3, 4, 5, 6, 7, 8
UNAUTHENTICATED = 9


@dataclass(frozen=True)
class Almeno:
    """The command line, turned to a server."""

    address: str
    folder: Path | None = None
    """Where it is started; where the tests are when None."""

    def run(self, *arguments: object, ends_with: int = OK) -> str:
        """Runs a command; gives what it prints, errors too.

        In this process: to start one takes ten times as long as most commands. The documents' commands start theirs.
        """
        with contextlib.chdir(self.folder or "."):
            environment = dict.fromkeys(os.environ) | self.environment()
            result = CliRunner().invoke(app, [*map(str, arguments)], env=environment)
        assert result.exit_code == ends_with, f"{arguments}\n{result.stdout}\n{result.stderr}"
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.stdout if ends_with in (OK, DECLINED, IMPORT_ENDED_EARLY, ROWS_REJECTED, DRIFT) else result.stderr

    def json(self, *arguments: object, ends_with: int = OK) -> dict[str, Any]:
        """Runs a command with --json; gives its one document."""
        document: dict[str, Any] = json.loads(self.run("--json", *arguments, ends_with=ends_with))
        return document

    def run_on_a_terminal(self, *arguments: object, typed: str = "") -> str:
        """Runs a command that a person watches and answers; gives all that the terminal was sent."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [str(BIN / "almeno"), *map(str, arguments)],
            cwd=self.folder,
            env=self.environment() | {"TERM": "xterm"},
            stdout=theirs,
            stderr=theirs,
            stdin=theirs,
        )
        os.close(theirs)
        # The terminal keeps it until it is read.
        os.write(ours, typed.encode())
        seen = bytearray()
        try:
            while piece := os.read(ours, 4096):
                seen += piece
        except OSError:
            # Linux says so where the other end has closed.
            pass
        finally:
            os.close(ours)
        assert process.wait(60) == OK
        return seen.decode()

    def environment(self) -> dict[str, str]:
        """Variables of a command, which prints what it prints at a terminal."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")}
        return kept | {
            "ALMENO_ADDRESS": self.address,
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "110",
            "ALMENO_OUTPUT": "table",
        }
