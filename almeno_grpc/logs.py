"""Structured logging on standard error: one JSON object a line; at a terminal, text for people.

Every line has `time` (UTC), `level`, `event`, `role`, `pid` and the fields of its event. No line identifies a person:
no message of a call is ever written, and of an exception only its type and where it came from, since its text may
quote a row or a statement's parameters.
"""

import json
import logging
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

from almeno_grpc.tracing import current_span

STANDARD_ERROR = 2
MAX_TRACE = 40
"""Frames of a traceback that are written, the innermost."""

_logger = logging.getLogger("almeno")


class _LineHandler(logging.Handler):
    """Writes records as lines.

    Each is one write to the descriptor itself: lines of several processes never mix, and nothing is left in a buffer
    that could not be flushed at the end because the reader has gone.
    """

    def __init__(self, role: str, render: Callable[[dict[str, object], float], str]) -> None:
        """Writes what `render` makes of the fields of a line and of its time, in seconds since the epoch."""
        super().__init__()
        self._role = role
        self._render = render

    def emit(self, record: logging.LogRecord) -> None:
        instant = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": instant.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage() if record.name == _logger.name else "library_message",
            "role": self._role,
            "pid": record.process,
        }
        if record.name == _logger.name:
            line |= getattr(record, "fields", {})
        else:
            line |= {"logger": record.name, "source": f"{record.module}:{record.lineno}"}
        if record.exc_info and record.exc_info[1]:
            line |= trace_of(record.exc_info[1])
        try:
            os.write(STANDARD_ERROR, f"{self._render(line, record.created)}\n".encode())
        except OSError:
            # Nobody reads the log any more. Serving matters more than telling.
            return


def _as_json(line: dict[str, object], _created: float) -> str:
    return json.dumps(line, default=str)


def _as_text(line: dict[str, object], created: float) -> str:
    """A line for a person: local time, level, event, role, the fields as name=value; frames on lines of their own."""
    instant = datetime.fromtimestamp(created, UTC).astimezone()
    fields = [
        f"{name}={_word(value)}"
        for name, value in line.items()
        if name not in ("time", "level", "event", "role", "pid", "traceback")
    ]
    head = f"{instant:%H:%M:%S} {str(line['level']).upper():7} {line['event']} [{line['role']}]"
    frames = line.get("traceback")
    return "\n    ".join([" ".join([head, *fields]), *(map(_word, frames) if isinstance(frames, list) else ())])


def _word(value: object) -> str:
    """A value that ends where it ends, and steers no terminal."""
    text = str(value)
    return text if text.isprintable() and text and not set(text) & {'"', "="} else json.dumps(text)


def trace_of(error: BaseException) -> dict[str, object]:
    """Describes an exception without its text: the types of its chain of causes, and the traceback of the first one."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    frames = traceback.extract_tb(chain[-1].__traceback__)[-MAX_TRACE:]
    return {
        "exception": " from ".join(f"{type(link).__module__}.{type(link).__qualname__}" for link in chain),
        "traceback": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def start_logging(role: str) -> None:
    """Sends this process's log to standard error, the warnings of libraries and unexpected ends too.

    Args:
        role: What the process does: `supervisor`, `rpc-0`, `import`.
    """
    root = logging.getLogger()
    # Who watches a terminal reads text; what is piped or kept is for programs.
    root.handlers[:] = [_LineHandler(role, _as_text if os.isatty(STANDARD_ERROR) else _as_json)]
    root.setLevel(logging.WARNING)
    _logger.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_unexpected_end
    threading.excepthook = lambda end: _log_unexpected_end(end.exc_type, end.exc_value, end.exc_traceback)


def _log_unexpected_end(kind: type[BaseException], error: BaseException | None, _trace: TracebackType | None) -> None:
    log_event("unexpected_exception", logging.ERROR, error=error or kind())


def log_event(event: str, level: int = logging.INFO, *, error: BaseException | None = None, **fields: object) -> None:
    """Writes a line.

    Args:
        event: Name of what happened, such as `server_ready`.
        level: Level, as of `logging`.
        error: The exception, of which type and traceback are logged.
        fields: Facts of the event, for JSON; what JSON does not know is written as text.
    """
    trace = (type(error), error, error.__traceback__) if error else None
    if (span := current_span()) is not None:
        fields = {**span.ids, **fields}
    _logger.log(level, event, exc_info=trace, extra={"fields": fields})


class SparseLog:
    """A rate-limited log: so many lines a second at most, for logging itself must not overload a server."""

    def __init__(self, lines_per_second: int) -> None:
        self._lines_per_second = lines_per_second
        self._lock = threading.Lock()
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def log_event(self, event: str, level: int, *, error: BaseException | None = None, **fields: object) -> None:
        """Writes a line, or leaves it out; the next line that is written says how many were."""
        with self._lock:
            second = int(time.monotonic())
            if second != self._second:
                self._second, self._lines = second, 0
            self._lines += 1
            if self._lines > self._lines_per_second:
                self._left_out += 1
                return
            if self._left_out:
                fields["lines_left_out"], self._left_out = self._left_out, 0
        log_event(event, level, error=error, **fields)


def redact_password(database_url: str) -> str:
    """Writes a database URL without its password and its query string."""
    scheme, separator, rest = database_url.partition("://")
    credentials, at, place = rest.rpartition("@")
    if at and not rest.startswith("/"):
        user = re.match("[^:/?]*", credentials)
        rest = f"{user[0] if user else ''}:***@{place}"
    return f"{scheme}{separator}{rest.partition('?')[0]}"
