"""Names for decisions and imports."""

import secrets


def new_identifier(time_microseconds: int) -> str:
    """A UUID of version 7 (RFC 9562): what is named later sorts later, so that indexes grow at their end."""
    milliseconds = time_microseconds // 1000 & (1 << 48) - 1
    random = secrets.randbits(74)
    value = milliseconds << 80 | 7 << 76 | random >> 62 << 64 | 0b10 << 62 | random & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def first_identifier(time_microseconds: int) -> str:
    """What all identifiers of a moment and of later ones are greater than, in the form of one."""
    text = f"{time_microseconds // 1000:012x}"
    return f"{text[:8]}-{text[8:]}-0000-0000-000000000000"


def time_of_identifier(identifier: str) -> int:
    """When a thing was named, in microseconds, to the millisecond."""
    return int(identifier[:8] + identifier[9:13], 16) * 1000
