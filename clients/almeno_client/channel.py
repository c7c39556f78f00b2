"""The gRPC channel: TLS, retry policy, load balancing over the servers of an address, no proxy to this machine."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from almeno_client.target import check_target, is_loopback

DEFAULT_ADDRESS = "127.0.0.1:50051"
"""Default address of the server."""

RETRYABLE_CODES = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
)
"""Status codes after which a call is retried. DEADLINE_EXCEEDED is not: the deadline is the caller's. CANCELLED is what
gRPC makes of a stream that a server under load resets; a call that was cancelled on this side is not sent again."""

BACKOFF_JITTER = 0.2
"""How far a pause may differ from the backoff, as a share of it. As gRPC's own retries have it: clients that one
restart has hit do not all come back at the same moment."""

_MAX_DOUBLINGS = 1000
"""Of a backoff: a float has room for these, and a watch may go on for days."""

Interceptor = grpc.UnaryUnaryClientInterceptor | grpc.UnaryStreamClientInterceptor | grpc.StreamUnaryClientInterceptor
"""What may stand around the calls of the synchronous client."""

_RANDOM = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Tls:
    """Transport security.

    Attributes:
        ca: File of PEM certificates to trust; those that gRPC brings along when None.
        certificate: File of this client's own PEM certificate chain, for a server that asks for one.
        key: File of the private key that belongs to it.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a client certificate and its key go together; give both or neither")

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the files.

        Raises:
            OSError: A file cannot be read.
            ValueError: A file holds nothing in PEM form.
        """
        return grpc.ssl_channel_credentials(
            root_certificates=_read_pem(self.ca),
            private_key=_read_pem(self.key),
            certificate_chain=_read_pem(self.certificate),
        )


def _read_pem(file: Path | None) -> bytes | None:
    if file is None:
        return None
    content = file.read_bytes()
    # gRPC itself would only say so with the first call, and as a service that cannot be reached.
    if b"-----BEGIN " not in content:
        raise ValueError(f"{file} is not a file in PEM form")
    return content


@dataclass(frozen=True, slots=True)
class Retries:
    """Retry policy after UNAVAILABLE, ABORTED, RESOURCE_EXHAUSTED and a server's CANCELLED: exponential backoff.

    Attributes:
        attempts: Maximum number of attempts, the first included; 1 to 5, which is gRPC's own bound. A watch of events
            that the service has opened goes on without a bound.
        first_backoff_seconds: Backoff before the second attempt; it doubles with each attempt.
        longest_backoff_seconds: Maximum backoff. Each pause is up to a fifth shorter or longer than its backoff.
    """

    attempts: int = 5
    first_backoff_seconds: float = 0.1
    longest_backoff_seconds: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= 5:
            raise ValueError("attempts has to be 1 to 5")
        if not 0 < self.first_backoff_seconds <= self.longest_backoff_seconds:
            raise ValueError("the first backoff has to be above zero and no longer than the longest")

    def pause_seconds(self, attempt: int, source: random.Random = _RANDOM) -> float:
        """Pause after a failed attempt, the backoff with jitter out of a source; attempts count from 1."""
        doublings = min(attempt - 1, _MAX_DOUBLINGS)
        backoff = min(self.first_backoff_seconds * 2.0**doublings, self.longest_backoff_seconds)
        return backoff * source.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER)


def open_channel(
    address: str, tls: Tls | None, retries: Retries, interceptors: Sequence[Interceptor] = ()
) -> grpc.Channel:
    """Opens a channel; it connects on the first call.

    Args:
        address: Host and port, or another target of gRPC's that names several servers, such as
            `dns:///credit.example.com:50051` or `ipv4:10.0.0.1:50051,10.0.0.2:50051`: calls go to them in turn.
        tls: Transport security; plaintext when None.
        retries: Retry policy.
        interceptors: Interceptors of every call; the first one sees a call first.

    Raises:
        OSError: A file of `tls` cannot be read.
        ValueError: The address is none, or a file of `tls` is not in PEM form.
    """
    options = channel_options(address, retries)
    if tls is None:
        channel = grpc.insecure_channel(address, options)
    else:
        channel = grpc.secure_channel(address, tls.credentials(), options)
    return grpc.intercept_channel(channel, *interceptors)


def channel_options(address: str, retries: Retries) -> list[tuple[str, str | int]]:
    """The options of a channel, synchronous or not: retry policy, load balancing, no proxy to this machine.

    Raises:
        ValueError: The address is none.
    """
    check_target(address)
    options: list[tuple[str, str | int]] = [
        # The server's processes share the port, and the kernel gives a process connections, not calls. Channels with
        # subchannels of their own make two clients two connections, where gRPC would let them share one.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 1),
        ("grpc.service_config", json.dumps(_service_config(retries))),
        ("grpc.primary_user_agent", "almeno-client"),
    ]
    if is_loopback(address):
        # gRPC takes the proxy of http_proxy even to this machine, which no proxy can reach.
        options.append(("grpc.enable_http_proxy", 0))
    return options


def _service_config(retries: Retries) -> dict[str, object]:
    services = tuple(
        f"almeno.credit.v1.{name}" for name in ("CreditService", "PortfolioService", "AccessService", "LoanService")
    )
    scans = ("SimulatePolicy", "SummarizePortfolio", "ExportLoans", "ExportJournal")
    unretried = ("StartImport", "WatchImport", "WatchEvents", *scans)
    method_config: list[dict[str, object]] = [
        # gRPC retries neither an upload larger than its retry buffer nor a stream after its first response: the client
        # itself retries these.
        {"name": [{"service": services[1], "method": method} for method in unretried]},
    ]
    if retries.attempts > 1:
        method_config.append(
            {
                "name": [{"service": service} for service in services],
                "retryPolicy": {
                    "maxAttempts": retries.attempts,
                    "initialBackoff": f"{retries.first_backoff_seconds:.3f}s",
                    "maxBackoff": f"{retries.longest_backoff_seconds:.3f}s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": [code.name for code in RETRYABLE_CODES],
                },
            }
        )
    # The default policy, pick_first, would stay with the first server that it reaches.
    return {"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": method_config}
