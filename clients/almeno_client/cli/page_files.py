"""Where the pages of reports go: never over a file that is something else, never through a symbolic link."""

from pathlib import Path

import typer
from rich.text import Text

from almeno_client.cli.session import is_interactive, new_console
from almeno_client.files import is_page, is_regular, refuse_symlink
from almeno_client.formatting import printable
from almeno_grpc.extras import ExtraMissing, require_extra


def page_file(html: Path | None, otherwise: str, *, as_json: bool) -> Path | None:
    """Where the page of a report goes: nowhere for programs that do not ask for one, and without what draws its plots.

    Raises:
        typer.BadParameter: Before the work begins: there is no such folder, the file is not to be overwritten (a person
            at a terminal is asked whether it is), or the plotting is not installed.
    """
    file = html or (None if as_json else Path(otherwise))
    if file is None:
        return None
    try:
        require_extra("report", "the plotting of pages")
    except ExtraMissing as missing:
        if html is None:
            new_console(stderr=True).print(Text(f"No page is written: {missing}", "dim"), soft_wrap=True)
            return None
        raise typer.BadParameter(str(missing), param_hint="'--html'") from None
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
