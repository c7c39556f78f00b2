"""Commands of the caller itself: login, whoami."""

from dataclasses import replace
from pathlib import Path

import typer
from rich.text import Text

from almeno_client.cli.access_rendering import caller_panel
from almeno_client.cli.connection import STANDARD_INPUT, Connection, checked_address, checked_key, given_key, tls_of
from almeno_client.cli.options import AsJson
from almeno_client.cli.profiles import DEFAULT_PROFILE, Profile, read_profile, store_profile
from almeno_client.cli.session import Session, is_interactive, new_console, session_of
from almeno_client.formatting import printable


def login(context: typer.Context, as_json: AsJson = False) -> None:
    """Check a service and a key, and keep both as a profile. The options before the command say which.

    The key comes from --api-key-file, from ALMENO_API_KEY, or is asked for; the profile is called default unless
    --profile says otherwise. Commands use the default profile where no address is named.

    Examples:
      almeno --address example.com:443 --tls --api-key-file pune.key login
      almeno --profile pune login
    """
    session = session_of(context, as_json)
    name = session.options.profile or DEFAULT_PROFILE
    with session.errors_told():
        profile, connection = _to_log_in(session, name)
    with session.connected(connection) as client:
        caller = client.who_am_i()
        file = store_profile(name, profile)
    if session.as_json:
        session.show_json(profile=name, file=str(file), caller=caller)
        return
    console = new_console()
    console.print(caller_panel(caller))
    console.print(Text(f"Profile {name} is kept in {printable(str(file))}"), soft_wrap=True)


def whoami(context: typer.Context, as_json: AsJson = False) -> None:
    """Show who the service takes you for, and what you may do.

    Examples:
      almeno whoami
      almeno --profile pune whoami
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        caller = client.who_am_i()
    if session.as_json:
        session.show_json(caller=caller)
    else:
        new_console().print(caller_panel(caller))


def _to_log_in(session: Session, name: str) -> tuple[Profile, Connection]:
    """The profile to store and the connection to try it with: what is given, else what stood there, but for the key."""
    options = session.options
    before = read_profile(name) or Profile()
    address, tls = checked_address(options, before), tls_of(options, before)
    profile = Profile(address=address)
    if tls is not None:
        profile = replace(
            profile, tls=True, tls_ca=_absolute(tls.ca), tls_cert=_absolute(tls.certificate), tls_key=_absolute(tls.key)
        )
    key = given_key(options)
    if key is None and is_interactive():
        typed = typer.prompt("API key (none: just Enter)", default="", hide_input=True, show_default=False, err=True)
        key = checked_key("the text typed", typed) if typed else None
    file = options.api_key_file
    if file is not None and file != STANDARD_INPUT and file.is_file():
        profile = replace(profile, api_key_file=_absolute(file))
    else:
        # What came through a pipe cannot be read again.
        profile = replace(profile, api_key=key)
    return profile, Connection(address, tls, key)


def _absolute(file: Path | None) -> Path | None:
    return None if file is None else file.absolute()
