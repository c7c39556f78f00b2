"""A unary call, to be answered once, on whatever thread its answer comes to be."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

import grpc

from almeno_grpc.rpc.runtime.decoding import NoRequest


class UnaryCall(Protocol):
    """A call with one request and one response."""

    @property
    def context(self) -> grpc.ServicerContext:
        """Metadata, peer and deadline."""

    @property
    def request(self) -> bytes | NoRequest:
        """The request, in bytes."""

    def answer(self, response: bytes) -> None:
        """Sends the response, unless the caller is gone."""

    def reject(self, status: grpc.Status) -> None:
        """Sends an error, unless the caller is gone."""


class BlockingCall:
    """A unary call whose thread waits for the answer: how gRPC itself runs one."""

    def __init__(self, request: bytes, context: grpc.ServicerContext) -> None:
        self.request = request
        self.context = context
        self._outcome: Future[bytes | grpc.Status] = Future()

    def answer(self, response: bytes) -> None:
        """Lets the thread go on with the response."""
        self._outcome.set_result(response)

    def reject(self, status: grpc.Status) -> None:
        """Lets the thread go on with an error."""
        self._outcome.set_result(status)

    def wait(self) -> bytes:
        """The response, once it is there; an error ends the call through its context, as gRPC wants it."""
        outcome = self._outcome.result()
        if not isinstance(outcome, bytes):
            self.context.abort_with_status(outcome)
        return outcome
