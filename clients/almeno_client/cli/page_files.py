"""Where the pages of reports go: never over a file that is something else, never through a symbolic link."""

from pathlib import Path

import typer

from almeno_client.cli.session import is_interactive
from almeno_client.files import is_page, is_regular, refuse_symlink
from almeno_client.formatting import printable


def page_file(html: Path | None, otherwise: str, *, as_json: bool) -> Path | None:
    """Where the page of a report goes: for programs nowhere unless they say so.

    Raises:
        typer.BadParameter: Before the work begins: there is no such folder, or the file is not to be overwritten. A
            person at a terminal is asked whether it is.
    """
    file = html or (None if as_json else Path(otherwise))
    if file is None:
        return None
    if not file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}", param_hint="'--html'")
    try:
        refuse_symlink(file)
        is_other = file.exists() and not (is_regular(file) and is_page(file))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="'--html'") from None
    if is_other and not (is_regular(file) and _is_to_be_overwritten(file, as_json=as_json)):
        raise typer.BadParameter(f"{file} is there and is no page of almeno; name another file", param_hint="'--html'")
    return file


def _is_to_be_overwritten(file: Path, *, as_json: bool) -> bool:
    if as_json or not is_interactive():
        return False
    return typer.confirm(f"{printable(str(file))} is no page of almeno. Overwrite it?", err=True)
