from datetime import date
from pathlib import Path

import pytest
from support.unsound_files import MAX_ROWS, UNPACKED_BYTES, UNSOUND_FILES

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.rows import parse_file
from almeno_grpc.imports.sandbox.messages import ReadingJob, ReadingLimits

LIMITS = ReadingLimits(unpacked_bytes=UNPACKED_BYTES, rows=MAX_ROWS, memory_bytes=2**30)


# The memory that the cell far away asks for is refused by the sandbox.
@pytest.mark.parametrize("what", [name for name in UNSOUND_FILES if name != "cell far away"])
def test_file_that_is_unsound_as_a_whole_is_refused_with_the_reason(tmp_path: Path, what: str) -> None:
    file = UNSOUND_FILES[what]
    path = tmp_path / "upload"
    path.write_bytes(file.content())
    with pytest.raises(FileRefusedError) as refusal:
        list(parse_file(ReadingJob(path, file.kind, file.name, {}, date(2026, 4, 10), LIMITS)))
    assert file.words in str(refusal.value)
