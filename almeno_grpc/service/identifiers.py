"""Names for decisions and imports."""

import secrets
import uuid


def new_identifier(time_microseconds: int) -> str:
    """A UUID of version 7 (RFC 9562): what is named later sorts later, so that indexes grow at their end."""
    milliseconds = time_microseconds // 1000 & (1 << 48) - 1
    value = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))
