"""What an operator at a terminal can do once the server is ready, in words."""

import contextlib
import ipaddress
import os
import sys
from datetime import date
from pathlib import Path

from almeno_grpc.config import DEFAULT_ADDRESS, Settings
from almeno_grpc.config_values import Address
from almeno_grpc.extras import has_extra
from almeno_grpc.logs import STANDARD_ERROR, redact_password


def next_steps(settings: Settings, business_date: date) -> str:
    """Some lines that say where the server serves, and, where the command line is installed, what to type next.

    Args:
        settings: The server's settings, with the address that it has got.
        business_date: Its business date.
    """
    commands = ["report", "late", "customers --limit 5", "--help"]
    if settings.access == "keys":
        commands.insert(0, "login")
    almeno = " ".join([str(_command_line()), *_connection(settings)])
    lines = [
        f"Serving on {settings.address}, business date {business_date}, {redact_password(settings.database_url)}.",
        *(["Next, in another shell:", *(f"  {almeno} {command}" for command in commands)] if has_extra("cli") else []),
        "Ctrl-C ends the server.",
    ]
    return "\n".join(["", *lines, "", ""])


def tell_next_steps(settings: Settings, business_date: date) -> None:
    """Writes them to standard error, behind the log, if that is a terminal; who reads a pipe wants JSON alone."""
    # The terminal may be gone. Serving matters more than telling.
    with contextlib.suppress(OSError):
        if os.isatty(STANDARD_ERROR):
            os.write(STANDARD_ERROR, next_steps(settings, business_date).encode())


def _connection(settings: Settings) -> list[str]:
    """The options with which a client on this machine reaches the server."""
    address = settings.address
    if (ip := ipaddress.ip_address(address.ip)).is_unspecified:
        # It is listened on, and nothing is sent there.
        address = Address("127.0.0.1" if ip.version == 4 else "::1", address.port)
    options = [] if address == DEFAULT_ADDRESS else [f"--address {address}"]
    if settings.tls_certificate:
        options.append("--tls-ca FILE")
    if settings.tls_client_ca:
        options.append("--tls-cert FILE --tls-key FILE")
    return options


def _command_line() -> Path:
    """The program `almeno` beside the interpreter, as it is called from the working directory."""
    program = Path(sys.executable).with_name("almeno")
    try:
        return program.relative_to(Path.cwd())
    except ValueError:
        return program
