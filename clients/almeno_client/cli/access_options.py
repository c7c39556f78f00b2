"""Arguments and options of the commands on access, and the parsing of their text."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

PrincipalName = Annotated[
    str, typer.Argument(metavar="PRINCIPAL", help="Its name: 1 to 64 of a-z, 0-9, '.', '_' and '-'.")
]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, as `almeno keys list` has it.")]
CertificateNameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="SPIFFE id, DNS name or common name, as in the certificate.")
]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        show_default=False,
        help="A scope such as loans:read, or a role such as counter. May be repeated.",
    ),
]
NewKeyFile = Annotated[
    Path,
    typer.Option(
        "--key-file",
        metavar="FILE",
        dir_okay=False,
        help="Where to keep the key. It is shown nowhere, and never again.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires",
        metavar="TIME",
        show_default=False,
        help="From when on the key is refused, within 365 days: 2026-12-31.  [default: in 90 days]",
    ),
]

_DURATION = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_duration(option: str, text: str) -> timedelta:
    """Reads a duration that was given to an option: a number and one of s, m, h, d, w."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise typer.BadParameter(f"{text!r} is not a duration; write it like 24h or 30d", param_hint=f"'{option}'")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def read_instant(option: str, text: str) -> datetime:
    """Reads an instant that was given to an option, in ISO form; in local time, as tables show it, without a zone."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is not a time; write it like 2026-01-31 or 2026-01-31T18:30:00+05:30", param_hint=f"'{option}'"
        ) from None
