"""Names for decisions and imports."""

import secrets
import uuid


def new_identifier(time_microseconds: int) -> str:
    """A UUID of version 7 (RFC 9562): what is named later sorts later, so that indexes grow at their end."""
    milliseconds = time_microseconds // 1000 & (1 << 48) - 1
    random = secrets.randbits(74)
    value = milliseconds << 80 | 7 << 76 | random >> 62 << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return str(uuid.UUID(int=value))
