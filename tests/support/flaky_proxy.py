"""Between callers and a server: refuses the first try of every call that may be repeated, and passes on the rest."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc


class FlakyProxy(grpc.GenericRpcHandler):
    """Handles the methods of a server by calling it, uploads as streams and each other method as unary.

    Attributes:
        passes_details: Whether an error comes with the details that the server sent.
        refused: The calls that were refused once: path and request.
        credentials: What callers sent as `authorization`.
    """

    def __init__(self, channel: grpc.Channel, *, passes_details: bool) -> None:
        self._channel = channel
        self.passes_details = passes_details
        self.refused: set[tuple[str, bytes]] = set()
        self.credentials: set[str] = set()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """How a method is handled."""
        path = handler_call_details.method
        self.credentials |= {
            str(value) for name, value in handler_call_details.invocation_metadata if name == "authorization"
        }
        if path.endswith("/StartImport"):
            call = self._channel.stream_unary(path)
            return grpc.stream_unary_rpc_method_handler(
                lambda requests, context: self._passed_on(call, requests, context)
            )
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._second_try(path, request, context))

    def _second_try(self, path: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        if (path, request) not in self.refused:
            self.refused.add((path, request))
            context.abort(grpc.StatusCode.UNAVAILABLE, "the first try fails")
        return self._passed_on(self._channel.unary_unary(path), request, context)

    def _passed_on(self, call: Any, request: Any, context: grpc.ServicerContext) -> bytes:
        try:
            return call(request, timeout=30)
        except grpc.RpcError as error:
            if self.passes_details:
                context.set_trailing_metadata(error.trailing_metadata())
            context.abort(error.code(), error.details())
            raise


@contextlib.contextmanager
def flaky_proxy(server_address: str, *, passes_details: bool = True) -> Iterator[tuple[str, FlakyProxy]]:
    """A proxy of a server, and its address."""
    with grpc.insecure_channel(server_address) as channel, ThreadPoolExecutor(4) as threads:
        proxy = FlakyProxy(channel, passes_details=passes_details)
        server = grpc.server(threads, handlers=[proxy])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}", proxy
        finally:
            server.stop(None).wait()
