"""Pages of lists, and their tokens: where a list goes on, opaque to callers and bound to the list they are for."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from almeno_grpc.domain.errors import InvalidPageToken
from almeno_grpc.domain.limits import MAX_ID

K = TypeVar("K", int, str)
T = TypeVar("T")

_MAX_TOKEN_CHARACTERS = 256


class Page(NamedTuple, Generic[T]):
    """Rows of a list, and the token of the page behind them; empty on the last page."""

    rows: Sequence[T]
    next_page_token: str


def page_of(
    scope: str,
    size: int,
    token: str,
    first_key: tuple[Any, ...],
    fetch: Callable[..., Sequence[T]],
    key_of: Callable[[T], tuple[Any, ...]],
) -> Page[T]:
    """Fetches a page of a list.

    Args:
        scope: Names the list with its filters; a token is good for the same list only.
        size: Rows of the page, at most.
        token: Token of the page; empty for the first one.
        first_key: A key before that of all rows.
        fetch: Called with the parts of a key and a count, gives that many of the rows behind the key.
        key_of: A row's place in the list's order.

    Raises:
        InvalidPageToken: The token was not given out for this list.
    """
    # One row more tells whether another page follows.
    rows = fetch(*page_key(scope, token, first_key), size + 1)
    if len(rows) <= size:
        return Page(rows, "")
    return Page(rows[:size], page_token(scope, *key_of(rows[size - 1])))


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
