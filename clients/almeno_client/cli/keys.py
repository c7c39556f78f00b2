"""Commands on API keys: keys create, keys rotate, keys revoke, keys list."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from almeno_client.access_records import ApiKey
from almeno_client.cli.access_options import (
    Expires,
    Force,
    KeyId,
    NewKeyFile,
    PrincipalName,
    Scopes,
    read_duration,
    read_instant,
)
from almeno_client.cli.access_rendering import key_panel, keys_table
from almeno_client.cli.connection import read_key
from almeno_client.cli.instants import local_time
from almeno_client.cli.options import AsJson, Limit, RequestId, first, page_size_for
from almeno_client.cli.rendering import show_list
from almeno_client.cli.session import ExitCode, Session, new_console, session_of
from almeno_client.client import CreditClient
from almeno_client.errors import CreditServiceError
from almeno_client.files import read_private, refuse_symlink, write_private
from almeno_client.formatting import printable
from almeno_grpc.api_keys import new_key

_PAGE_ROWS = 1000

Overlap = Annotated[
    str,
    typer.Option(
        "--overlap", metavar="DURATION", help="How long the old key stays valid beside the new one: 24h, 7d, 0h."
    ),
]


def create(
    context: typer.Context,
    principal: PrincipalName,
    key_file: NewKeyFile,
    scope: Scopes = None,
    expires: Expires = None,
    force: Force = False,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key for a principal, and keep it in a file that only you may read.

    Examples:
      almeno keys create branch-pune --key-file pune.key --expires 2026-12-31
    """
    session = session_of(context, as_json)
    expire_time = None if expires is None else read_instant("--expires", expires)
    with session.connected() as client, _kept_key(context, key_file, force=force) as key:
        created = client.create_key(principal, key, scopes=scope or (), expire_time=expire_time, request_id=request_id)
    _show(session, created, key_file)


def rotate(
    context: typer.Context,
    key_id: KeyId,
    key_file: NewKeyFile,
    overlap: Overlap = "24h",
    expires: Expires = None,
    force: Force = False,
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Make a second key of the same principal with the same scopes, and let the old one end after the overlap.

    Examples:
      almeno keys rotate Ab1234567890 --key-file new.key --overlap 24h
    """
    session = session_of(context, as_json)
    expire_time = None if expires is None else read_instant("--expires", expires)
    kept_for = read_duration("--overlap", overlap)
    with session.connected() as client:
        old = _valid_key(session, client, key_id)
        with _kept_key(context, key_file, force=force) as key:
            created = client.create_key(
                old.principal, key, scopes=old.scopes, expire_time=expire_time, request_id=request_id
            )
        old = client.revoke_key(key_id, expire_time=datetime.now(UTC) + kept_for if kept_for else None)
    _show(session, created, key_file, old)


def revoke(context: typer.Context, key_id: KeyId, request_id: RequestId = None, as_json: AsJson = False) -> None:
    """Revoke an API key, now and for ever.

    Examples:
      almeno keys revoke Ab1234567890
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        revoked = client.revoke_key(key_id, request_id=request_id)
    if session.as_json:
        session.show_json(key=revoked)
    else:
        new_console().print(key_panel(revoked))


def list_keys(
    context: typer.Context,
    principal: Annotated[
        str, typer.Option("--principal", metavar="NAME", show_default=False, help="Only the keys of this principal.")
    ] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the API keys, revoked and expired ones too.

    Examples:
      almeno keys list --principal branch-pune
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        rows, more = first(client.list_keys(principal, page_size=page_size_for(limit)), limit)
    if session.as_json:
        session.show_rows(ApiKey, keys=rows, more=more)
    else:
        show_list(new_console(), keys_table(rows), nothing="There are no keys.", more=more)


def _valid_key(session: Session, client: CreditClient, key_id: str) -> ApiKey:
    """The key to rotate; ends the command where there is none, or none that is valid."""
    key = next((key for key in client.list_keys(page_size=_PAGE_ROWS) if key.key_id == key_id), None)
    if key is not None and key.revoke_time is None and key.expire_time > datetime.now(UTC):
        return key
    session.show_error(
        f"there is no valid key {key_id}; `almeno keys list` has all keys, `almeno keys create` makes one"
    )
    raise typer.Exit(ExitCode.REFUSED)


@contextmanager
def _kept_key(context: typer.Context, file: Path, *, force: bool) -> Iterator[str]:
    """A key in a file, written before the service is told of the key: an answer that is lost must not lose the key.

    A command that is repeated with its --request-id sends the key of its first attempt. Where the service refuses the
    key, the file becomes what it was.
    """
    is_repeat = str(context.get_parameter_source("request_id")).endswith("COMMANDLINE")
    if is_repeat and file.exists() and not force:
        yield read_key(file)
        return
    refuse_symlink(file)
    if file.exists() and not force:
        raise typer.BadParameter(f"{file} is there already; --force overwrites it", param_hint="'--key-file'")
    before = read_private(file) if file.exists() else None
    key = new_key()
    write_private(file, f"{key}\n", overwrite=force)
    try:
        yield key
    except CreditServiceError as error:
        if not error.retryable:
            if before is None:
                file.unlink()
            else:
                write_private(file, before, overwrite=True)
        raise


def _show(session: Session, created: ApiKey, file: Path, old: ApiKey | None = None) -> None:
    if session.as_json:
        session.show_json(key=created, key_file=str(file), **({} if old is None else {"old_key": old}))
        return
    console = new_console()
    console.print(key_panel(created))
    console.print(Text(f"The key is in {printable(str(file))}"), soft_wrap=True)
    if old is not None:
        ended = "is revoked" if old.revoke_time is not None else f"is valid until {local_time(old.expire_time)}"
        console.print(Text(f"The old key {printable(old.key_id)} {ended}"), soft_wrap=True)
