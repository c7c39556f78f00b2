"""The rule for a person's first or last name."""

import unicodedata

from almeno_grpc.domain.limits import MAX_NAME_CHARACTERS

_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that no name holds: control characters, lone surrogates, line and paragraph separators."""


def clean_name(text: str) -> str:
    """Gives the name without the white space around it.

    Raises:
        ValueError: The name is empty, longer than `MAX_NAME_CHARACTERS`, or holds a control character. The message
            says what it has to be and does not quote it.
    """
    name = text.strip()
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        raise ValueError(f"must be 1 to {MAX_NAME_CHARACTERS} characters long, white space around it not counted")
    if not name.isprintable() and any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        raise ValueError("must not hold control characters or line breaks")
    return name
