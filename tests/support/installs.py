"""The distribution as it is installed: its wheel with some of its extras, in a virtual environment of its own."""

import functools
import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from support.servers import BIN, ROOT, RunningServer

_UV = str(BIN / "uv")
_SECONDS = 300


def build_wheel(folder: Path) -> Path:
    """Builds the wheel of the sources."""
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), folder=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def find_python(version: str) -> str | None:
    """The path of an interpreter of this machine, if it has one of the version, on the PATH or kept by pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = os.pathsep.join([os.environ["PATH"], *map(str, sorted(pyenv.glob("versions/*/bin")))])
    command = [_UV, "python", "find", "--no-python-downloads", "--no-project", version]
    found = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_SECONDS, env=os.environ | {"PATH": folders}
    )
    return found.stdout.strip() or None


class Install:
    """A virtual environment with the wheel in it, and with the versions of requirements.lock around it."""

    def __init__(self, folder: Path, wheel: Path, *extras: str, python: str = sys.executable) -> None:
        """Makes it, for an interpreter."""
        self._folder, self._wheel = folder, wheel
        _run(_UV, "venv", "--python", python, str(folder))
        self.add(*extras)

    def add(self, *extras: str) -> None:
        """Installs the extras beside what is installed."""
        constraints = self._folder / "constraints.txt"
        pins = re.findall(r"^[a-z0-9-]+==.*(?= \\$)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
        constraints.write_text("\n".join(pins), encoding="utf-8")
        wanted = f"{self._wheel}[{','.join(extras)}]" if extras else str(self._wheel)
        options = ("--python", str(self.program("python")), "--only-binary", ":all:", "-c", str(constraints))
        _run(_UV, "pip", "install", *options, wanted)

    def program(self, name: str) -> Path:
        """The path of a program in it."""
        return self._folder / "bin" / name

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of it, in its folder, and gives what it has written and its exit code."""
        command = [str(self.program(program)), *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            cwd=self._folder,
            env=_environment() | environment,
        )

    def server_class(self) -> type[RunningServer]:
        """Servers that run from it."""
        return type("InstalledServer", (RunningServer,), {"program": (str(self.program("almeno-server")),)})

    @functools.cached_property
    def _packages_folder(self) -> Path:
        (folder,) = self._folder.glob("lib/python3*/site-packages")
        return folder

    def packages(self) -> list[str]:
        """The names of the distributions in it."""
        return sorted(str(found.name) for found in distributions(path=[str(self._packages_folder)]))

    def size_megabytes(self) -> float:
        """What its packages take on the disk, byte code excepted, which Python writes as it likes."""
        files = (path for path in self._packages_folder.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files if path.parent.name != "__pycache__") / 1e6


def _environment() -> dict[str, str]:
    """That of the tests, without settings of ours and without what would lead to the packages of the tests."""
    left_out = ("ALMENO_", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def _run(*command: str, folder: Path | None = None) -> None:
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_SECONDS, cwd=folder, env=_environment()
    )
    assert ended.returncode == 0, ended.stderr
