"""The README is true: each command of its tours runs and shows what it says, and its tables are complete."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import BIN, ROOT, RunningServer

from almeno_grpc.config import Settings, flag_of, variable_of
from almeno_grpc.domain import errors

README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(section: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of the console blocks of a section, each with the lines that it shows."""
    text = README.split(f"\n## {section}\n")[1].split("\n## ")[0]
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.rstrip("\n").split("\n")
            yield command, shown


def run_tour(section: str, server: RunningServer, folder: Path) -> None:
    """Runs a tour in a folder of its own, for it leaves files behind, beside the sample book."""
    folder.mkdir(exist_ok=True)
    (folder / "data").symlink_to(ROOT / "data")
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ALMENO_ADDRESS": server.address,
        "COLUMNS": "100",
        "PYTHONIOENCODING": "utf-8",
    }
    tour = list(commands(section))
    assert len(tour) > 5
    for command, shown in tour:
        if command.startswith("source "):
            continue
        expected_code = int(match[1]) if (match := re.search(r"# a decline exits with (\d)", command)) else 0
        result = subprocess.run(
            ["bash", "-c", command.replace("127.0.0.1:50051", server.address)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == expected_code, f"{command}\n{result.stdout}\n{result.stderr}"
        for line in shown:
            pattern = ".*".join(re.escape(piece) for piece in line.split("…"))
            assert re.search(pattern, result.stdout, re.MULTILINE | re.DOTALL), (
                f"{command}\ndoes not show\n{line}\nbut\n{result.stdout}"
            )


def test_every_command_of_the_tour_with_the_client_shows_what_it_says(
    new_sample_server: RunningServer, tmp_path: Path
) -> None:
    run_tour("A tour with the client", new_sample_server, tmp_path)


@pytest.mark.tools
def test_every_command_of_both_tours_shows_what_it_says(new_sample_server: RunningServer, tmp_path: Path) -> None:
    assert shutil.which("grpcurl"), "grpcurl is not installed"
    run_tour("A tour with the client", new_sample_server, tmp_path / "client")
    run_tour("A tour with grpcurl", new_sample_server, tmp_path / "grpcurl")


def test_library_example_runs(sample_server: RunningServer, tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert example is not None
    script = tmp_path / "example.py"
    script.write_text(example[1].replace("127.0.0.1:50051", sample_server.address), encoding="utf-8")
    output = subprocess.run([BIN / "python", script], capture_output=True, text=True, check=True, timeout=60).stdout
    assert re.fullmatch(r"True \d+ 12\n", output)


def test_every_setting_stands_in_the_readme() -> None:
    for name in Settings.__dataclass_fields__:
        assert f"| `{variable_of(name)}` | `{flag_of(name)}` |" in README


def test_every_error_reason_stands_in_the_readme() -> None:
    section = README.split("\n## Errors\n")[1].split("\n## ")[0]
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CreditError)]
    reasons = {kind.reason for kind in kinds} - {errors.CreditError.reason}
    assert len(reasons) > 10
    for reason in reasons:
        assert f"`{reason}`" in section


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"run", "test", "lint", "protos"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target} does not exist"
