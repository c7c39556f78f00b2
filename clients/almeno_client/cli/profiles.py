"""Profiles: address, API key and TLS settings of a service, by name, in `almeno/config.toml` of the user's settings."""

import json
import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from almeno_client.files import read_private, write_private

DEFAULT_PROFILE = "default"
"""The profile that counts where neither a profile nor an address is named."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEAD = "# Written by `almeno login`, which keeps no comments.\n"


@dataclass(frozen=True, slots=True)
class Profile:
    """How one service is called.

    Attributes:
        address: Where it listens.
        api_key: The API key; None where a file holds it.
        api_key_file: File of the API key.
        tls: Whether to encrypt.
        tls_ca: File of PEM certificates to trust.
        tls_cert: File of the PEM certificate to show the service.
        tls_key: File of its private key.
    """

    address: str | None = None
    api_key: str | None = field(default=None, repr=False)
    api_key_file: Path | None = None
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


_KINDS: dict[str, type] = {"address": str, "api_key": str, "tls": bool}
"""Type of each setting in the file; those that are not named here are paths."""


def config_file() -> Path:
    """The file of the profiles, by the XDG base directory specification."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (folder if folder.is_absolute() else Path.home() / ".config") / "almeno" / "config.toml"


def read_profile(name: str) -> Profile | None:
    """Reads a profile; None where there is none of that name.

    Raises:
        OSError: The file of the profiles cannot be read.
        ValueError: Others may read it, or it is not what this program writes.
    """
    stored = _read_all().get(name)
    if stored is None:
        return None
    where = f"{config_file()}, profile {name}"
    if not isinstance(stored, dict):
        raise ValueError(f"{where}: is not a table")
    unknown = sorted(stored.keys() - {known.name for known in fields(Profile)})
    if unknown:
        raise ValueError(f"{where}: there is no setting {', '.join(unknown)}")
    return Profile(**{setting: _value(where, setting, value) for setting, value in stored.items()})


def profile_names() -> list[str]:
    """The names of the profiles, in their order.

    Raises:
        OSError: The file of the profiles cannot be read.
        ValueError: Others may read it, or it is not what this program writes.
    """
    return sorted(_read_all())


def store_profile(name: str, profile: Profile) -> Path:
    """Stores a profile in the place of one of the same name. Returns the file.

    Raises:
        OSError: The file cannot be written.
        ValueError: The name is none, or the file is a symbolic link.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name for a profile: 1 to 64 letters, digits, '.', '_' and '-'")
    profiles = _read_all()
    values = {setting.name: getattr(profile, setting.name) for setting in fields(Profile)}
    profiles[name] = {setting: value for setting, value in values.items() if value}
    file = config_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(file, _HEAD + "".join(_table(*item) for item in sorted(profiles.items())), overwrite=True)
    return file


def _read_all() -> dict[str, Any]:
    file = config_file()
    try:
        text = read_private(file)
    except FileNotFoundError:
        return {}
    import tomllib  # noqa: PLC0415 - most commands find no file

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is not a TOML file: {error}") from None
    unknown = sorted(document.keys() - {"profiles"})
    profiles = document.get("profiles", {})
    if unknown or not isinstance(profiles, dict):
        raise ValueError(f"{file} has something else than [profiles.NAME]")
    return profiles


def _value(where: str, setting: str, value: object) -> Any:
    kind = _KINDS.get(setting, str)
    if not isinstance(value, kind):
        raise ValueError(f"{where}: {setting} is not a {'yes or no' if kind is bool else 'text'}")
    return value if setting in _KINDS else config_file().parent / Path(str(value)).expanduser()


def _table(name: str, settings: dict[str, object]) -> str:
    lines = [f"{setting} = {_toml(value)}\n" for setting, value in settings.items()]
    return f'\n[profiles."{name}"]\n{"".join(lines)}'


def _toml(value: object) -> str:
    """Writes a value: strings of JSON are basic strings of TOML, but for the character DEL."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
