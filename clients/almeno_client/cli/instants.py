"""Instants as a person reads them: in local time, with its zone."""

from datetime import datetime


def local_time(instant: datetime, *, with_seconds: bool = False) -> str:
    """An instant in the time zone of the machine, or of the variable TZ: `2026-01-31 16:00 IST`."""
    clock = "%H:%M:%S" if with_seconds else "%H:%M"
    return f"{instant.astimezone():%Y-%m-%d {clock} %Z}"


def local_date(instant: datetime) -> str:
    """The day of an instant in the time zone of the machine."""
    return f"{instant.astimezone():%Y-%m-%d}"
