"""Page tokens: where a list goes on, opaque to callers and bound to the list they were given out for."""

import base64
import binascii
import hashlib
import json
from typing import TypeVar

from almeno_grpc.domain.errors import InvalidPageToken
from almeno_grpc.domain.limits import MAX_ID

K = TypeVar("K", int, str)

_MAX_TOKEN_CHARACTERS = 256


def page_token(scope: str, *key: int | str) -> str:
    """A token for the rows behind the key.

    Args:
        scope: Names the list with its filters; a token is good for the same list only.
        key: The last row's place in the list's order.
    """
    # The digest tells an honest mistake: a token of another list, or one that was cut or edited. It is no secret.
    digest = hashlib.sha256(f"{scope}|{key}".encode()).hexdigest()[:16]
    content = json.dumps([digest, *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def page_key(scope: str, token: str, start: tuple[K, ...]) -> tuple[K, ...]:
    """The place a token stands for; `start` when the token is empty.

    Raises:
        InvalidPageToken: The token was not given out for this list.
    """
    if not token:
        return start
    try:
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise InvalidPageToken
        content = json.loads(base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise InvalidPageToken from None
    if not isinstance(content, list) or len(content) != 1 + len(start):
        raise InvalidPageToken
    key = content[1:]
    # Base64 is read leniently, so a token has to be just what would be given out.
    if not all(map(_may_be, key, start)) or page_token(scope, *key) != token:
        raise InvalidPageToken
    return tuple(key)


def _may_be(part: object, first: int | str) -> bool:
    """Whether a part of a key can be one of the list that begins with `first`."""
    if isinstance(first, str):
        # No list has a key of other characters, and half a surrogate or a NUL is no text to a database.
        return isinstance(part, str) and part.isprintable()
    return type(part) is int and 0 <= part <= MAX_ID
