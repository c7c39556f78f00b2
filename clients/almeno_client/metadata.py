"""Metadata of calls: the API key, and what a caller adds, such as a trace context."""

import re
from collections.abc import Callable, Iterable

from almeno_client.channel import Tls
from almeno_client.target import is_loopback
from almeno_grpc.api_keys import key_id_of

MetadataPairs = Iterable[tuple[str, str | bytes]]
"""Keys and values of call metadata, as gRPC has them: a key that ends in `-bin` has bytes, another printable ASCII."""

CallMetadata = MetadataPairs | Callable[[], MetadataPairs]
"""The same pairs for every call, or a function that is asked for them at each."""

_KEY = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_RESERVED_PREFIX = "grpc-"


def call_metadata(
    added: CallMetadata, api_key: str | None, address: str, tls: Tls | None
) -> Callable[[], tuple[tuple[str, str | bytes], ...]]:
    """Makes the function that tells what each call is sent with; a retry by gRPC itself has its call's.

    Raises:
        ValueError: The key is not an API key, or it would cross a network in plaintext; the pairs are none of gRPC's.
            The function raises this too, where the pairs are a function's.
    """
    credentials = () if api_key is None else _credentials(api_key, address, tls)
    if callable(added):
        source = added
        return lambda: credentials + _checked(source(), credentials)
    fixed = credentials + _checked(added, credentials)
    return lambda: fixed


def _credentials(api_key: str, address: str, tls: Tls | None) -> tuple[tuple[str, str], ...]:
    """The metadata that carries an API key.

    gRPC's call credentials do this over TLS alone, but servers on this machine need none.
    """
    key_id_of(api_key)
    if tls is None and not is_loopback(address):
        raise ValueError(f"an API key is sent to another machine over TLS only, and {address} was to be called without")
    return (("authorization", f"Bearer {api_key}"),)


def _checked(pairs: MetadataPairs, credentials: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str | bytes], ...]:
    """The pairs, which gRPC itself would refuse with a message that repeats all metadata, the API key too."""
    checked = tuple((key, value) for key, value in pairs)
    taken = {key for key, _ in credentials}
    for key, value in checked:
        if not _KEY.fullmatch(key) or key.startswith(_RESERVED_PREFIX):
            raise ValueError(f"{key!r} is no key of call metadata: lower case, and not one of gRPC's own")
        if key in taken:
            raise ValueError(f"the metadata has {key!r}, and so has the API key")
        if not isinstance(value, bytes if key.endswith("-bin") else str):
            raise ValueError(f"the value of {key!r} has the wrong type: bytes go with keys in -bin, text else")
        if isinstance(value, str) and not _VALUE.fullmatch(value):
            raise ValueError(f"the value of {key!r} is not printable ASCII")
    return checked
