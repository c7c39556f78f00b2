"""Parsers of the command lines of `almeno-server`, whose help ends with examples."""

import argparse
from collections.abc import Sequence
from typing import Any


class _Formatter(argparse.HelpFormatter):
    """Keeps examples on their lines, and fills all other text to the width of the terminal."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


class ArgumentParser(argparse.ArgumentParser):
    """A parser of whole flags only, and so are those of its commands.

    Args:
        examples: Command lines, one a line of the help.
        options: As argparse takes them.
    """

    def __init__(self, *, examples: Sequence[str], **options: Any) -> None:
        epilog = "\n  ".join(["Examples:", *examples])
        super().__init__(allow_abbrev=False, formatter_class=_Formatter, epilog=epilog, **options)
