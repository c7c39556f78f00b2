"""The command on versions of the credit policy: policies."""

from typing import Annotated

import typer

from almeno_client.cli.book_rendering import policies_table, show_policy
from almeno_client.cli.options import AsJson
from almeno_client.cli.output import write_utf8
from almeno_client.cli.rendering import show_list
from almeno_client.cli.session import Session, new_console, session_of


def policies(
    context: typer.Context,
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="Show this version, with its file.", show_default=False)
    ] = None,
    as_toml: Annotated[
        bool, typer.Option("--toml", help="Print the version's file and nothing else, to make a draft of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the versions of the credit policy, or show one."""
    session = session_of(context, as_json)
    if version is not None:
        _show_version(session, version, as_toml=as_toml)
        return
    if as_toml:
        raise typer.BadParameter("name the version", param_hint="'--toml'")
    with session.connected() as client:
        found = client.list_policies()
    if session.as_json:
        session.show_json(policies=found)
    else:
        show_list(new_console(), policies_table(found), nothing="There is no policy.", more=False)


def _show_version(session: Session, version: str, *, as_toml: bool) -> None:
    with session.connected() as client:
        policy = client.get_policy(version)
    if as_toml:
        write_utf8(policy.toml)
    elif session.as_json:
        session.show_json(policy=policy)
    else:
        show_policy(new_console(), policy)
