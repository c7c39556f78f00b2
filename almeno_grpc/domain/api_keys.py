"""API keys: `almeno_`, an id of 12 characters, `_`, a secret of 43 and a check of 6.

All are of base62. The check is the CRC32 of all before it: it tells a slip of the pen, and no more. Callers make their
keys themselves; the server is told the id and the SHA-256 of the key, and never sees or stores the secret before the
first call.
"""

import hashlib
import secrets
import string
import zlib
from typing import NamedTuple

PREFIX = "almeno_"
ID_CHARACTERS = 12
SECRET_CHARACTERS = 43
"""Some 256 bits."""
CHECK_CHARACTERS = 6
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


class NewKey(NamedTuple):
    """A key that was just made."""

    key_id: str
    key: str
    """The whole of it, as it is sent."""


def make_key() -> NewKey:
    """Makes a key from the system's source of randomness."""
    key_id = _random(ID_CHARACTERS)
    checked = f"{PREFIX}{key_id}_{_random(SECRET_CHARACTERS)}"
    return NewKey(key_id, checked + check_of(checked))


def check_of(text: str) -> str:
    """The check of what stands before it: CRC32 as a number of base62, with zeros in front."""
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(CHECK_CHARACTERS):
        number, digit = divmod(number, len(BASE62))
        digits = BASE62[digit] + digits
    return digits


def sha256_of(key: str) -> bytes:
    """What the server knows a key by."""
    return hashlib.sha256(key.encode()).digest()


def _random(characters: int) -> str:
    return "".join(secrets.choice(BASE62) for _ in range(characters))
