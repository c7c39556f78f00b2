"""Completion at a shell: commands, options, choices and profiles."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("almeno")


@pytest.fixture
def completed(tmp_path):
    """What a shell offers for the last word of a line."""
    settings = tmp_path / "almeno" / "config.toml"
    settings.parent.mkdir()
    settings.write_text('[profiles.pune]\naddress = "a:1"\n[profiles.pondy]\naddress = "a:1"\n[profiles.delhi]\n')
    settings.chmod(0o600)

    def run(line: str) -> set[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "XDG_CONFIG_HOME": str(tmp_path),
            "_ALMENO_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(line.count(" ")),
        }
        ended = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=30)
        assert ended.stderr == ""
        return set(ended.stdout.split())

    return run


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("almeno ch", {"changes", "check", "charges"}),
        ("almeno keys r", {"rotate", "revoke"}),
        ("almeno check 14 --bureau", {"--bureau-score", "--bureau-report-date"}),
        ("almeno --api", {"--api-key-file"}),
        ("almeno loans 14 --state ex", {"expired", "exited"}),
        ("almeno customers --output ", {"table", "json", "csv", "tsv"}),
        ("almeno --profile p", {"pune", "pondy"}),
    ],
)
def test_shell_completes(completed, line, offered):
    assert completed(line) == offered


def test_completion_is_installed_for_the_shell_in_use(tmp_path):
    shell = ["bash", "-c", f"{PROGRAM} --install-completion; exit $?"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SHELL": "/bin/bash"}
    ended = subprocess.run(shell, env=environment, capture_output=True, text=True, check=True, timeout=30)
    assert "bash completion installed" in ended.stdout
    assert "almeno" in (tmp_path / ".bashrc").read_text()


def test_unknown_profile_is_refused_with_those_there_are(almeno, completed, monkeypatch, tmp_path):
    del completed
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    refused = almeno("--profile", "pun", "customers")
    assert refused.exit_code == 2
    assert "there are delhi, pondy, pune" in refused.stderr
