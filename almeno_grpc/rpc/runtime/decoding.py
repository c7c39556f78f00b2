"""Decoding: the bytes of a request become a message, or an error that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from almeno_grpc.rpc.errors import InvalidMessage, MessageTooLarge


class NoRequest(Enum):
    """What stands in the place of a request that its caller has not sent: gRPC takes None for a call to drop."""

    NO_REQUEST = 0


NO_REQUEST = NoRequest.NO_REQUEST


class Decoder:
    """Decodes the requests of one method."""

    def __init__(self, deserialize: Callable[[bytes], Any], max_message_bytes: int) -> None:
        self._deserialize = deserialize
        self._max_message_bytes = max_message_bytes

    def message(self, serialized: bytes | NoRequest) -> Any:
        """Decodes a request.

        Raises:
            InvalidMessage: There is none, or it is no message of the method's request type.
            MessageTooLarge: It has more bytes than the server takes.
        """
        if isinstance(serialized, NoRequest):
            raise InvalidMessage("the call carries no request message")
        if len(serialized) > self._max_message_bytes:
            raise MessageTooLarge(
                f"the request message has {len(serialized)} bytes; the server takes {self._max_message_bytes}"
            )
        try:
            return self._deserialize(serialized)
        except Exception as error:
            raise InvalidMessage("the request is not a valid message of the method's request type") from error

    def messages(self, requests: Iterator[bytes]) -> Iterator[Any]:
        """Decodes a stream of requests, each as it is asked for; errors as `message`."""
        for serialized in requests:
            yield self.message(serialized)
