"""API keys: made by whoever is to use them, so that nobody else ever holds the secret.

A key is `almeno_<id>_<secret><check>`: an id of 12 characters, a secret of 43, a check of 6, all base62. By the check a
key that was cut or mistyped is found before it is sent, and one that was left in code by programs that look for such.
"""

import hashlib
import re
import secrets
import zlib

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_CHARACTERS, _SECRET_CHARACTERS, _CHECK_CHARACTERS = 12, 43, 6
# 43 characters of base62 are 256 bits.
_KEY = re.compile(rf"almeno_([0-9A-Za-z]{{{_ID_CHARACTERS}}})_[0-9A-Za-z]{{{_SECRET_CHARACTERS + _CHECK_CHARACTERS}}}")


def new_key() -> str:
    """Generates an API key from the operating system's source of random numbers."""
    unchecked = f"almeno_{_random(_ID_CHARACTERS)}_{_random(_SECRET_CHARACTERS)}"
    return unchecked + _check(unchecked)


def key_id_of(key: str) -> str:
    """The id of an API key, which is no secret.

    Raises:
        ValueError: The text is not an API key, or not a whole one. The message does not repeat it.
    """
    match = _KEY.fullmatch(key)
    if not match or _check(key[:-_CHECK_CHARACTERS]) != key[-_CHECK_CHARACTERS:]:
        raise ValueError("the text is not an API key, or a part of it is missing or mistyped")
    return match[1]


def key_sha256(key: str) -> bytes:
    """What the service keeps of an API key: the SHA-256 over all of it, 32 bytes."""
    return hashlib.sha256(key.encode("ascii")).digest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def _check(text: str) -> str:
    """The CRC32 of a text as a number in base62, with zeros in front."""
    number = zlib.crc32(text.encode("ascii"))
    digits = []
    for _ in range(_CHECK_CHARACTERS):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
