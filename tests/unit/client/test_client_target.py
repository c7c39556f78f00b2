import pytest
from almeno_client import CreditClient
from almeno_client.target import check_target, is_loopback


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50051",
        "credit.example.com:1",
        "localhost:65535",
        "[::1]:50051",
        "dns:///credit.example.com:50051",
        "dns:///credit.example.com",
        "dns:credit.example.com:50051",
        "dns://8.8.8.8/credit.example.com:50051",
        "ipv4:10.0.0.1:50051,10.0.0.2:50051",
        "ipv6:[2001:db8::1]:50051",
        "ipv6:2001:db8::1",
        "unix:/run/almeno.sock",
        "unix:///run/almeno:99999.sock",
        "unix-abstract:almeno",
        "vsock:2:99999",
        "xds:///credit",
    ],
)
def test_address_of_a_service_is_taken(target):
    check_target(target)


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:65536",
        "127.0.0.1:115587",
        "127.0.0.1:0",
        "127.0.0.1:-1",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:50 051",
        "127.0.0.1:५००५१",
        "127.0.0.1:+50051",
        "127.0.0.1",
        "::1",
        "[::1]",
        ":50051",
        "",
        "http://127.0.0.1:50051",
        "user@127.0.0.1:50051",
        "127.0.0.1:50051/path",
        "10.0.0.1:50051,10.0.0.2:50051",
        "dns:///credit.example.com:65536",
        "dns://8.8.8.8/credit.example.com:99999",
        "ipv4:10.0.0.1:50051,10.0.0.2:99999",
        "ipv6:[2001:db8::1]:65536",
    ],
)
def test_address_that_names_no_port_of_a_service_is_refused(target):
    with pytest.raises(ValueError, match=r"address|port"):
        CreditClient(target)


def test_addresses_of_this_machine_are_known():
    assert not any(map(is_loopback, ("10.0.0.1:1", "localhost.example.com:1", "xds:///localhost", "vsock:2:1")))
    assert all(map(is_loopback, ("127.0.0.1:1", "LOCALHOST:1", "[::1]:1", "unix:s", "dns:localhost:1")))
