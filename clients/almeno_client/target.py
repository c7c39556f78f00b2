"""Addresses of the service, as gRPC names its targets: whether one can be meant, and whether it is this machine."""

import ipaddress
import re
from collections.abc import Iterator

_MAX_PORT = 65_535
# Schemes whose targets are hosts with ports, and those that are none on any network. Another scheme is gRPC's to read;
# what has none of them is a host and a port.
_HOST_SCHEMES = ("dns", "ipv4", "ipv6")
_OTHER_SCHEMES = ("unix", "unix-abstract", "vsock", "xds")
_LOCAL_SCHEMES = ("unix", "unix-abstract")
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9a-fA-F:.%]+\]|[^\s/\[\]:@]+)(?::(?P<port>[^:]*))?")


def check_target(target: str) -> None:
    """Checks an address before anything is sent: gRPC itself takes a port modulo 65536.

    Raises:
        ValueError: It is not an address, or its port is none.
    """
    scheme, hosts = _split(target)
    if scheme in _OTHER_SCHEMES:
        return
    for host in hosts:
        match = _HOST_AND_PORT.fullmatch(host)
        if not match or (match["port"] is None and not scheme):
            raise ValueError(f"{target!r} is not an address; write it like 127.0.0.1:50051")
        port = match["port"]
        if port is not None and not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= _MAX_PORT):
            raise ValueError(f"the port of {target!r} is not a number from 1 to {_MAX_PORT}")


def is_loopback(target: str) -> bool:
    """Whether an address that was checked is of this machine, so that nothing sent there crosses a network."""
    scheme, hosts = _split(target)
    if scheme in _OTHER_SCHEMES:
        return scheme in _LOCAL_SCHEMES
    return all(map(_is_loopback_host, hosts))


def _is_loopback_host(text: str) -> bool:
    match = _HOST_AND_PORT.fullmatch(text)
    host = match["host"].strip("[]").lower() if match else ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(target: str) -> tuple[str, tuple[str, ...]]:
    """The scheme of a target, empty without one, and its hosts with their ports."""
    scheme, colon, rest = target.partition(":")
    if not colon or scheme not in (*_HOST_SCHEMES, *_OTHER_SCHEMES):
        return "", (target,)
    # dns://resolver/host:port names the server to ask for the host's address.
    path = rest.split("/", 3)[-1] if rest.startswith("//") else rest
    return scheme, tuple(_listed(path)) if scheme in _HOST_SCHEMES else ()


def _listed(path: str) -> Iterator[str]:
    for host in path.split(","):
        # An address of IPv6 without a port may stand without brackets.
        yield f"[{host}]" if _is_ipv6(host) else host


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
