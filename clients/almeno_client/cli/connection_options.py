"""The options that say which service a command calls, and as whom. They stand before the command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer


def _profile_names(incomplete: str) -> list[str]:
    """Names of profiles that begin so, for completion at a shell, which takes no errors."""
    from almeno_client.cli.profiles import profile_names  # noqa: PLC0415 - TOML is read for this alone

    try:
        return [name for name in profile_names() if name.startswith(incomplete)]
    except (OSError, ValueError):
        return []


Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar="ALMENO_ADDRESS",
        metavar="HOST:PORT",
        show_default="the profile's, or 127.0.0.1:50051",
        help="Where the service listens.",
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        envvar="ALMENO_PROFILE",
        metavar="NAME",
        autocompletion=_profile_names,
        show_default="default, where no address is named",
        help="Use what `almeno login` has kept under this name.",
    ),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--api-key-file",
        envvar="ALMENO_API_KEY_FILE",
        metavar="FILE",
        show_default=False,
        help="The file that holds the API key; - for standard input. ALMENO_API_KEY may hold the key itself.",
    ),
]
UseTls = Annotated[
    bool,
    typer.Option(
        "--tls", envvar="ALMENO_CLIENT_TLS", help="Encrypt, and trust the certificates that gRPC brings along."
    ),
]
TlsCa = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca",
        envvar="ALMENO_CLIENT_TLS_CA",
        exists=True,
        dir_okay=False,
        metavar="FILE",
        show_default=False,
        help="Encrypt, and trust the certificates of this PEM file.",
    ),
]
TlsCert = Annotated[
    Path | None,
    typer.Option(
        "--tls-cert",
        envvar="ALMENO_CLIENT_TLS_CERT",
        exists=True,
        dir_okay=False,
        metavar="FILE",
        show_default=False,
        help="Encrypt, and show the service this PEM certificate.",
    ),
]
TlsKey = Annotated[
    Path | None,
    typer.Option(
        "--tls-key",
        envvar="ALMENO_CLIENT_TLS_KEY",
        exists=True,
        dir_okay=False,
        metavar="FILE",
        show_default=False,
        help="The private key of --tls-cert.",
    ),
]


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """The options about the connection, None where neither option nor variable is given. For the fields see Profile."""

    address: str | None = None
    profile: str | None = None
    api_key_file: Path | None = None
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
