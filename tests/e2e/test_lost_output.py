"""What `almeno-server` prints, where nobody takes it: it says so, and its exit code is that of a failure."""

import subprocess
from pathlib import Path

import pytest
from support.servers import BIN

PROGRAM = str(BIN / "almeno-server")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("arguments", [("ops", "dashboard"), ("--check",)], ids=" ".join)
def test_full_disk_behind_standard_output_is_told(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, "almeno-server: standard output: no space left on device\n")


def test_reader_that_goes_away_is_told(tmp_path: Path) -> None:
    # The pipe has no reader from the beginning: a shell's `| true` might be slower.
    with subprocess.Popen(
        [PROGRAM, "--check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as checking:
        assert checking.stdout is not None
        assert checking.stderr is not None
        checking.stdout.close()
        assert checking.stderr.read() == "almeno-server: standard output: broken pipe\n"
        assert checking.wait(60) == 1
