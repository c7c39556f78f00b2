"""Parsers of the values of settings; a text that cannot be parsed is a ValueError that says what is expected."""

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
GIBIBYTE = 1024 * MEBIBYTE
MAX_PORT = 65535
UNITS = {"": 1, "kib": KIBIBYTE, "mib": MEBIBYTE, "gib": GIBIBYTE}


class Address(NamedTuple):
    """Where a server listens; port 0 stands for a free one of the system's choice."""

    host: str
    """An IPv4 or IPv6 address, or `localhost`, which is 127.0.0.1."""
    port: int

    def __str__(self) -> str:
        """Writes the address as it is set: `host:port`, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def ip(self) -> str:
        """The host as a number."""
        return "127.0.0.1" if self.host == "localhost" else self.host

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach the address."""
        return ipaddress.ip_address(self.ip).is_loopback


def address(text: str) -> Address:
    """Reads `127.0.0.1:50051`, `[::1]:50051` or `localhost:50051`."""
    match = re.fullmatch(r"(?:(localhost)|([0-9.]+)|\[([0-9a-f:.]+)\]):([0-9]{1,5})", text.lower())
    try:
        if match:
            name, v4, v6, port = match.groups()
            host = name or str(ipaddress.IPv4Address(v4) if v4 else ipaddress.IPv6Address(v6))
            if int(port) <= MAX_PORT:
                return Address(host, int(port))
    except ipaddress.AddressValueError:
        pass
    raise ValueError("must be host:port, such as 127.0.0.1:50051, [::1]:50051 or localhost:50051")


def day(text: str) -> date:
    """Reads a date as `YYYY-MM-DD`."""
    try:
        # The form is checked first, since fromisoformat reads others too, such as 2026-W14-2.
        return date.fromisoformat(text if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else "")
    except ValueError as error:
        raise ValueError("must be a date as YYYY-MM-DD, such as 2026-03-31") from error


def timezone(text: str) -> ZoneInfo:
    """Reads the name of a time zone, such as `Asia/Kolkata`."""
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError("must be the name of a time zone, such as Asia/Kolkata") from error


def switch(text: str) -> bool:
    """Reads `1` or `0`, or words for them."""
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError("must be 1 or 0, true or false, yes or no, on or off")


def one_of(*words: str) -> Callable[[str], str]:
    """Makes the reader of one of some words."""

    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return text.lower()

    return read


def number(lowest: int, highest: int) -> Callable[[str], int]:
    """Makes the reader of a whole number between the two, inclusive."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(text)

    return read


def size(lowest: int, highest: int) -> Callable[[str], int]:
    """Makes the reader of a size in bytes between the two, inclusive, such as `4MiB` or `4194304`."""

    def read(text: str) -> int:
        match = re.fullmatch("([0-9]{1,18}) ?([a-z]*)", text.lower())
        size_bytes = int(match[1]) * UNITS.get(match[2], 0) if match else 0
        if not lowest <= size_bytes <= highest:
            raise ValueError(
                f"must be from {size_text(lowest)} to {size_text(highest)}, in bytes or with KiB, MiB, GiB"
            )
        return size_bytes

    return read


def size_text(size_bytes: int) -> str:
    """Writes a size in the largest unit that keeps it whole, such as `4MiB`; plain bytes without a unit."""
    for unit, factor in (("GiB", GIBIBYTE), ("MiB", MEBIBYTE), ("KiB", KIBIBYTE)):
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{unit}"
    return str(size_bytes)
