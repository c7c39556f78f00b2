"""Commands on rule files, which have versions: all of them as a list, one with its file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Protocol, TypeVar

import typer
from rich.console import Console

from almeno_client.cli.list_table import ListTable
from almeno_client.cli.output import write_utf8
from almeno_client.cli.rendering import show_list
from almeno_client.cli.session import Session, new_console
from almeno_client.client import CreditClient

Version = Annotated[
    str | None, typer.Argument(metavar="VERSION", help="Show this version, with its file.", show_default=False)
]


class RuleFile(Protocol):
    """A version with its file."""

    @property
    def toml(self) -> str:
        """The file itself."""


R = TypeVar("R", bound=RuleFile)


@dataclass(frozen=True)
class RuleFiles(Generic[R]):
    """A kind of rule files: how the service is asked for them, and how they are shown."""

    list_name: str
    """Of all versions in JSON."""
    name: str
    """Of one version in JSON."""
    record: type[R]
    fetch_all: Callable[[CreditClient], Sequence[R]]
    fetch: Callable[[CreditClient, str], R]
    table: Callable[[Sequence[R]], ListTable]
    show: Callable[[Console, R], None]
    nothing: str
    """What is printed where there are none."""


def show_rule_files(session: Session, kind: RuleFiles[R], version: str | None, *, as_toml: bool) -> None:
    """Shows all versions, or one; as its file and nothing else where that is asked for."""
    if version is None:
        _show_all(session, kind, as_toml=as_toml)
        return
    with session.connected() as client:
        found = kind.fetch(client, version)
    if as_toml:
        write_utf8(found.toml)
    elif session.as_json:
        session.show_json(**{kind.name: found})
    else:
        kind.show(new_console(), found)


def _show_all(session: Session, kind: RuleFiles[R], *, as_toml: bool) -> None:
    if as_toml:
        raise typer.BadParameter("name the version", param_hint="'--toml'")
    with session.connected() as client:
        found = kind.fetch_all(client)
    if session.as_json:
        session.show_rows(kind.record, **{kind.list_name: found})
    else:
        show_list(new_console(), kind.table(found), nothing=kind.nothing, more=False)
