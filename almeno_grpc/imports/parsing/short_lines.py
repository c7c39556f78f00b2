"""Lines of which it is known at a glance that nothing can be wrong with them as lines."""

import numpy as np

MAX_BYTES = 999
"""Of a short line: it has no more fields than a line may have, and none that is too long."""
_NEWLINE = ord("\n")
_BEGINS_WELL = np.zeros(256, dtype=bool)
_BEGINS_WELL[list(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] = True


class ShortLines:
    """Counts the lines of a text that comes in pieces, as long as each is short and begins with a letter or digit."""

    def __init__(self) -> None:
        self._count = 0
        self._are_short = True
        self._open_bytes = 0
        """Of the line that has not ended yet."""

    def extend(self, piece: bytes) -> None:
        """Takes the next bytes."""
        if not self._are_short or not piece:
            return
        characters = np.frombuffer(piece, dtype=np.uint8)
        ends = np.flatnonzero(characters == _NEWLINE)
        starts = ends[:-1] + 1 if len(ends) and ends[-1] == len(piece) - 1 else ends + 1
        lengths = np.diff(ends, prepend=-1 - self._open_bytes, append=len(piece)) - 1
        begins_well = (self._open_bytes > 0 or _BEGINS_WELL[characters[0]]) and _BEGINS_WELL[characters[starts]].all()
        self._are_short = bool(begins_well and lengths.max() <= MAX_BYTES)
        self._count += len(ends)
        self._open_bytes = int(lengths[-1])

    def count(self) -> int | None:
        """How many there are; none if one was not short, or began with something else."""
        return self._count + (self._open_bytes > 0) if self._are_short else None
