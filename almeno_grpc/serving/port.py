"""The port of the server: reserved for this server, shared by its processes with SO_REUSEPORT."""

import contextlib
import socket
import sys
import time
from collections.abc import Iterator

from almeno_grpc.config_values import Address

CLAIM_SECONDS = 5.0
"""How long another server may take over its claim; it takes well below a millisecond."""


class AddressUnavailable(Exception):
    """The server cannot listen where it is set to: another program does, or the address is not this machine's."""


class PortClaim:
    """A reservation of a port: only this server's processes can listen on it.

    Sockets with SO_REUSEPORT share a port silently, those of two servers too. The claim is a socket that is bound but
    never listens: nobody can bind the port for itself any more, and the next server's claim tries just that.
    """

    def __init__(self, address: Address) -> None:
        """Claims the port, or a free one when it is 0.

        Raises:
            AddressUnavailable: Another program has the port, or the address cannot be had.
        """
        with _one_claim_at_a_time():
            if address.port:
                _bind(address, shared=False).close()
            self._socket = _bind(address, shared=True)
            # From here on, sockets with SO_REUSEADDR alone conflict with this one.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        self.address = Address(address.host, self._socket.getsockname()[1])

    def release(self) -> None:
        """Gives the port up."""
        self._socket.close()


def _bind(address: Address, *, shared: bool) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in address.ip else socket.AF_INET)
    try:
        # Connections that have ended lately keep their port from being bound without it.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        bound.bind((address.ip, address.port))
    except OSError as error:
        bound.close()
        raise AddressUnavailable(f"{address}: {(error.strerror or str(error)).lower()}") from error
    return bound


@contextlib.contextmanager
def _one_claim_at_a_time() -> Iterator[None]:
    """Keeps two servers that start at the same moment from both finding the port free.

    Linux alone can name a lock that vanishes with its holder and needs no file; elsewhere the moment stays open.
    """
    if sys.platform != "linux":
        yield
        return
    with socket.socket(socket.AF_UNIX) as lock:
        deadline = time.monotonic() + CLAIM_SECONDS
        while True:
            try:
                lock.bind("\0almeno-server-claim")
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
        yield
