"""Which service a command calls, and as whom: from options, variables and profiles."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import typer

from almeno_client.channel import DEFAULT_ADDRESS, Tls
from almeno_client.cli.connection_options import ConnectionOptions
from almeno_client.cli.profiles import DEFAULT_PROFILE, Profile, profile_names, read_profile
from almeno_client.files import read_private
from almeno_client.target import check_target
from almeno_grpc.api_keys import key_id_of

API_KEY_VARIABLE = "ALMENO_API_KEY"
STANDARD_INPUT = Path("-")
"""Stands for standard input where a file is named."""

_MAX_KEY_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class Connection:
    """A service, and the credentials to call it with."""

    address: str = DEFAULT_ADDRESS
    tls: Tls | None = None
    api_key: str | None = field(default=None, repr=False)


def connection_of(options: ConnectionOptions) -> Connection:
    """Finds the connection of a command.

    What an option or a variable says counts before the profile. The default profile counts only where neither a profile
    nor an address is named: whoever names an address means that service, without the key of another.

    Raises:
        OSError: A file cannot be read.
        ValueError: A file is not what it should be, or others may read it; the key is another service's.
        typer.BadParameter: The address or the profile is none.
    """
    profile = Profile()
    if options.profile or not options.address:
        name = options.profile or DEFAULT_PROFILE
        found = read_profile(name)
        if found is None and options.profile:
            known = f"; there are {', '.join(names)}" if (names := profile_names()) else ""
            raise typer.BadParameter(
                f"there is no profile {name!r}; `almeno login` makes one{known}", param_hint="'--profile'"
            )
        profile = found or profile
    address = checked_address(options, profile)
    api_key = given_key(options)
    if api_key is None and (profile.api_key or profile.api_key_file):
        if address != profile.address:
            raise ValueError(
                f"the API key of the profile is for {profile.address}; for {address} give one with --api-key-file"
            )
        api_key = read_key(profile.api_key_file) if profile.api_key_file else profile.api_key
    return Connection(address, tls_of(options, profile), api_key)


def checked_address(options: ConnectionOptions, profile: Profile) -> str:
    """The address of the service.

    Raises:
        typer.BadParameter: It is none.
    """
    address = options.address or profile.address or DEFAULT_ADDRESS
    try:
        check_target(address)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--address' / 'ALMENO_ADDRESS'") from None
    return address


def given_key(options: ConnectionOptions) -> str | None:
    """The API key that an option or a variable gives, if one does.

    Raises:
        OSError: The file of the key cannot be read.
        ValueError: It is not an API key, or others may read its file.
    """
    if options.api_key_file is not None:
        return read_key(options.api_key_file)
    key = os.environ.get(API_KEY_VARIABLE)
    return checked_key(API_KEY_VARIABLE, key) if key else None


def read_key(file: Path) -> str:
    """Reads an API key from a file, or from standard input where the file is `-`.

    Raises:
        OSError: The file cannot be read.
        ValueError: It holds no API key, or others may read it.
    """
    if file == STANDARD_INPUT:
        return checked_key("standard input", sys.stdin.read(_MAX_KEY_CHARACTERS))
    if str(file).startswith("almeno_"):
        # A key as an argument is seen by everybody who lists processes. The message does not repeat it.
        raise ValueError("give the name of the file that holds the API key, not the key")
    return checked_key(str(file), read_private(file))


def checked_key(source: str, text: str) -> str:
    """An API key without the white space around it.

    Raises:
        ValueError: The text is not an API key.
    """
    try:
        key_id_of(text.strip())
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    return text.strip()


def tls_of(options: ConnectionOptions, profile: Profile) -> Tls | None:
    """Transport security; None for plaintext.

    Raises:
        ValueError: A certificate stands without its key, or a key without its certificate.
    """
    ca = options.tls_ca or profile.tls_ca
    certificate, key = options.tls_cert or profile.tls_cert, options.tls_key or profile.tls_key
    if not (options.tls or profile.tls or ca or certificate or key):
        return None
    return Tls(ca, certificate, key)
