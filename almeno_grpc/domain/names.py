"""The rules for names of persons and for short texts, and the keys that customers are found by."""

import unicodedata

from almeno_grpc.domain.limits import MAX_NAME_CHARACTERS, MAX_REASON_CHARACTERS

_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of control characters, lone surrogates, line and paragraph separators."""

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates, which show a text other than it is. Joiners and the marks that Arabic and Hebrew
are written with are none of them."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
"""Unicode categories of what nobody sees by itself: controls, formats such as joiners, spaces, and marks, which show on
the letter before them only."""

_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159\u2065")
"""Letters and symbols, by their category, that are blank: fillers of Hangul, the empty pattern of Braille, and such."""
_MIN_TAG, _MAX_TAG = "\U000e0000", "\U000e0fff"
"""Code points kept for tags and variation selectors, none of which is ever shown."""


_MAX_KEY_CHARACTERS = 256
"""Of a name key: more than two names have. NFKC may write a character as eighteen, too many for an index."""
_LAST_CHARACTER = "\U0010ffff"


def clean_name(text: str) -> str:
    """Gives the name without the white space around it.

    Raises:
        ValueError: The name is empty, longer than `MAX_NAME_CHARACTERS`, holds a control character or has no character
            that can be seen. The message says what it has to be and does not quote it.
    """
    return _clean(text, MAX_NAME_CHARACTERS)


def clean_reason(text: str) -> str:
    """Gives the reason for a change without the white space around it.

    Raises:
        ValueError: As for a name, with `MAX_REASON_CHARACTERS`.
    """
    return _clean(text, MAX_REASON_CHARACTERS)


def _clean(text: str, max_characters: int) -> str:
    cleaned = text.strip()
    if not 1 <= len(cleaned) <= max_characters:
        raise ValueError(f"must be 1 to {max_characters} characters long, white space around it not counted")
    if holds_controls(cleaned):
        raise ValueError("must not hold control characters, line breaks or bidi overrides")
    if not any(map(_can_be_seen, cleaned)):
        raise ValueError("must have a character that can be seen")
    return cleaned


def clean_code(text: str, max_characters: int) -> str:
    """Gives a reference or a code, which programs compare, without the white space around it; spaces in it stay.

    Raises:
        ValueError: It is empty, longer than that, or holds what cannot be seen: controls, formats, fillers, or marks
            alone. The message does not quote it.
    """
    code = text.strip()
    if not 1 <= len(code) <= max_characters:
        raise ValueError(f"must be at most {max_characters} characters long, and not blank")
    if not code.isprintable() or any(map(_is_blank, code)) or not any(map(_can_be_seen, code)):
        raise ValueError("must hold no character but spaces that cannot be seen")
    return code


def name_key(text: str) -> str:
    """A name, or its beginning, as names are compared: NFKC and case folding, a single space between words."""
    if text.isascii():
        return " ".join(text.lower().split())[:_MAX_KEY_CHARACTERS]
    # Folding may leave letters apart from their marks, which NFKC puts together again.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())[:_MAX_KEY_CHARACTERS]


def name_keys(first_name: str, last_name: str) -> tuple[str, ...]:
    """The keys by whose beginnings a customer is found: of "first last" and of "last", each once."""
    # Neither NFKC nor folding looks across a space, so that the parts of the whole name are those of each.
    last = name_key(last_name)
    whole = f"{name_key(first_name)} {last}".strip()[:_MAX_KEY_CHARACTERS]
    return (whole,) if whole == last else (whole, last)


def keys_beginning_with(prefix: str) -> tuple[str, str]:
    """The first and the last of all keys that begin with a key, in the order of code points."""
    return prefix, prefix + _LAST_CHARACTER * _MAX_KEY_CHARACTERS


def holds_controls(text: str) -> bool:
    """Whether a text holds a character that controls how it is shown: a line break, a bidi override and so on."""
    return not text.isprintable() and any(map(_is_control, text))


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in _UNPRINTABLE or character in _BIDI_CONTROLS


def _can_be_seen(character: str) -> bool:
    return not _is_blank(character) and unicodedata.category(character) not in _UNSEEN


def _is_blank(character: str) -> bool:
    return character in _BLANK or _MIN_TAG <= character <= _MAX_TAG
