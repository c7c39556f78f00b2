import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from almeno_grpc.config_values import Address
from almeno_grpc.serving.port import AddressUnavailable, PortClaim


@pytest.fixture(params=["127.0.0.1", "::1", "localhost"])
def claim(request: pytest.FixtureRequest) -> Iterator[PortClaim]:
    claimed = PortClaim(Address(request.param, 0))
    yield claimed
    claimed.release()


def shared_socket(address: Address) -> socket.socket:
    """A socket such as gRPC listens with."""
    bound = socket.socket(socket.AF_INET6 if ":" in address.ip else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((address.ip, address.port))
    bound.listen()
    return bound


def test_port_that_a_server_has_claimed_cannot_be_claimed_again_until_it_is_released(claim: PortClaim) -> None:
    with pytest.raises(AddressUnavailable, match="address already in use"):
        PortClaim(claim.address)
    claim.release()
    PortClaim(claim.address).release()


def test_processes_of_the_server_share_its_port_and_get_all_connections(claim: PortClaim) -> None:
    with shared_socket(claim.address) as first, shared_socket(claim.address) as second:
        for listening in (first, second):
            listening.setblocking(False)
        accepted = 0
        for _ in range(20):
            with socket.create_connection((claim.address.ip, claim.address.port), timeout=2):
                for listening in (first, second):
                    try:
                        listening.accept()[0].close()
                        accepted += 1
                    except BlockingIOError:
                        continue
        assert accepted == 20


def test_port_that_others_share_silently_cannot_be_claimed() -> None:
    with shared_socket(Address("127.0.0.1", 0)) as other:
        taken = Address("127.0.0.1", other.getsockname()[1])
        with pytest.raises(AddressUnavailable, match=f"^{taken}: address already in use$"):
            PortClaim(taken)


def test_address_of_another_machine_cannot_be_claimed() -> None:
    with pytest.raises(AddressUnavailable, match=r"^192\.0\.2\.1:50051: "):
        PortClaim(Address("192.0.2.1", 50051))


def test_one_of_many_servers_that_start_at_once_gets_the_port() -> None:
    def try_to_claim(_number: int) -> PortClaim | None:
        try:
            return PortClaim(address)
        except AddressUnavailable:
            return None

    for _ in range(10):
        free = PortClaim(Address("127.0.0.1", 0))
        address = free.address
        free.release()
        with ThreadPoolExecutor(8) as servers:
            claims = [claim for claim in servers.map(try_to_claim, range(8)) if claim]
        assert len(claims) == 1
        claims[0].release()
