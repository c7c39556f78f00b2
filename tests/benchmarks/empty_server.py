"""The transport alone: an empty RPC on the layout of the server, to measure the server beside.

Usage: empty_server.py PORT [PROCESSES]

As many synchronous processes as asked for, each with four threads and pinned to its core, share the port. They answer
every unary call with no bytes.
"""

import contextlib
import os
import signal
import subprocess
import sys
from concurrent import futures

import grpc

THREADS = 4


class EmptyHandler(grpc.GenericRpcHandler):
    """Takes any method; neither reads the request nor writes an answer."""

    def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """The one handler for all methods."""
        return HANDLER


HANDLER = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")


def serve(port: int, index: int, processes: int) -> None:
    """Serves until killed."""
    if processes > 1:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[index % len(cores)]})
    server = grpc.server(
        futures.ThreadPoolExecutor(THREADS), handlers=[EmptyHandler()], options=[("grpc.so_reuseport", 1)]
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def main() -> None:
    """Starts the processes, or is one."""
    port, processes = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2
    if len(sys.argv) > 3:
        serve(port, int(sys.argv[3]), processes)
        return
    children = [
        subprocess.Popen([sys.executable, __file__, str(port), str(processes), str(index)])
        for index in range(processes)
    ]
    # A program in the background of a shell hears no SIGINT.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        for child in children:
            child.wait()
    for child in children:
        child.kill()
        child.wait()


if __name__ == "__main__":
    main()
