"""Signals that end the command line: they unwind it as an interrupt does, so that no half-written file stays."""

import signal
from types import FrameType
from typing import NoReturn

# Windows has no SIGHUP.
_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def unwind_at_termination() -> None:
    """Turns SIGTERM and SIGHUP into SystemExit with the code that a shell gives: 128 and the number of the signal.

    A signal that is ignored stays so, as SIGHUP under nohup. Like an interrupt, a second one raises again.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _unwind)


def _unwind(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise SystemExit(128 + number)
