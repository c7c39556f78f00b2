"""The documents are true: each command runs and shows what they say, and their tables are complete."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from almeno_client.cli.session import ExitCode
from support.servers import BIN, ROOT, RunningServer

from almeno_grpc.config import Settings, flag_of, variable_of
from almeno_grpc.domain import errors

DOCUMENTS = ("README.md", "clients/README.md", "protos/README.md")
"""The documents whose console blocks are run, each in its order against a server of its own."""

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROTOS_README = (ROOT / "protos/README.md").read_text(encoding="utf-8")
# The variables of the shell that commands set for those behind them; each command runs in a shell of its own.
VARIABLE = re.compile(r"^([a-z_]+)=\$\(")


def commands(document: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a document's console blocks, each with the lines that it shows."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.rstrip("\n").split("\n")
            yield command, shown


def expected_code(command: str) -> int:
    """The exit code that a comment of the command states, such as `# a decline exits with 3`; else 0."""
    stated = re.search(r"# .*exits with (\d)", command)
    return int(stated[1]) if stated else 0


def shell_script(command: str) -> str:
    """The command between the variables of those before it and its own, kept in the file `variables`."""
    variable = VARIABLE.match(command)
    keep = f"declare -p {variable[1]} >> variables" if variable else "true"
    return f"touch variables\n. ./variables\n{command}\ncode=$?\n{keep}\nexit $code"


def run_commands(document: str, server: RunningServer, folder: Path, *, with_grpcurl: bool) -> None:
    """Runs a document's commands in a folder of its own, for they leave files behind, beside the sample book."""
    (folder / "data").symlink_to(ROOT / "data")
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ALMENO_ADDRESS": server.address,
        "COLUMNS": "100",
        "PYTHONIOENCODING": "utf-8",
    }
    found = list(commands(document))
    assert len(found) > 5
    for command, shown in found:
        if command.startswith("source ") or ("grpcurl" in command and not with_grpcurl):
            continue
        result = subprocess.run(
            ["bash", "-c", shell_script(command.replace("127.0.0.1:50051", server.address))],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == expected_code(command), f"{command}\n{result.stdout}\n{result.stderr}"
        for line in shown:
            pattern = ".*".join(re.escape(piece) for piece in line.split("…"))
            assert re.search(pattern, result.stdout, re.MULTILINE | re.DOTALL), (
                f"{command}\ndoes not show\n{line}\nbut\n{result.stdout}"
            )


def documents(*, with_grpcurl: bool) -> list[str]:
    """The documents with a command that needs grpcurl, or with one that does not."""
    return [name for name in DOCUMENTS if any(("grpcurl" in command) is with_grpcurl for command, _ in commands(name))]


@pytest.mark.parametrize("document", documents(with_grpcurl=False))
def test_every_command_shows_what_the_document_says(
    document: str, new_sample_server: RunningServer, tmp_path: Path
) -> None:
    run_commands(document, new_sample_server, tmp_path, with_grpcurl=False)


@pytest.mark.tools
@pytest.mark.parametrize("document", documents(with_grpcurl=True))
def test_every_command_shows_what_the_document_says_with_grpcurl_too(
    document: str, new_sample_server: RunningServer, tmp_path: Path
) -> None:
    assert shutil.which("grpcurl"), "grpcurl is not installed"
    run_commands(document, new_sample_server, tmp_path, with_grpcurl=True)


@pytest.mark.parametrize(
    "document", [document for document in DOCUMENTS if "```python" in (ROOT / document).read_text()]
)
def test_library_example_runs(document: str, sample_server: RunningServer, tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    script = tmp_path / "example.py"
    script.write_text(example[1].replace("127.0.0.1:50051", sample_server.address), encoding="utf-8")
    output = subprocess.run([BIN / "python", script], capture_output=True, text=True, check=True, timeout=60).stdout
    assert re.fullmatch(r"True \d+ 12\n", output)


def test_every_setting_stands_in_the_readme() -> None:
    for name in Settings.__dataclass_fields__:
        assert f"| `{variable_of(name)}` | `{flag_of(name)}` |" in README


def test_every_error_reason_stands_in_the_readme_of_the_protos() -> None:
    section = PROTOS_README.split("\n## Errors\n")[1].split("\n## ")[0]
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


def test_every_exit_code_stands_in_the_readme_of_the_clients() -> None:
    text = (ROOT / "clients/README.md").read_text(encoding="utf-8")
    for code in ExitCode:
        assert f"| {code.value} |" in text
