"""Streams of scans over the whole book, for as long as somebody reads them."""

import threading
from collections.abc import Iterator
from typing import TypeVar

import grpc

from almeno_grpc.domain.errors import DeadlineExceeded, ServerStopping
from almeno_grpc.rpc.runtime.current_call import check_current_caller

T = TypeVar("T")


def while_active(updates: Iterator[T], context: grpc.ServicerContext, draining: threading.Event) -> Iterator[T]:
    """Yields the updates as long as somebody waits for them.

    Raises:
        DeadlineExceeded: The caller has gone.
        ServerStopping: The server is about to stop.
    """
    for update in updates:
        if not context.is_active():
            raise DeadlineExceeded("nobody waits for the answer any more")
        check_current_caller()
        if draining.is_set():
            raise ServerStopping("the server is about to stop; ask again")
        yield update
