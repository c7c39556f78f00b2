"""Amounts as they are typed: `5L` and `1.2cr` beside what the library reads.

Here and not in the library: a person types units, a program has a number, and text that a program passes on should not
grow by a factor of a crore for a letter behind it.
"""

import re
from decimal import Decimal, localcontext

from almeno_client.values import parse_rupees

_UNITS = {"k": 1_000, "l": 100_000, "lac": 100_000, "lakh": 100_000, "cr": 10_000_000, "crore": 10_000_000}
_IN_UNITS = re.compile(r"(?P<number>.*[0-9])\s*(?P<unit>k|l|lacs?|lakhs?|cr|crores?)", re.IGNORECASE | re.ASCII)
_PAISA = Decimal("0.01")
_MAX_DIGITS = 60
"""Enough to multiply exactly what the library reads, which has 36 digits at most."""


def parse_amount(text: str) -> Decimal:
    """Reads an amount in rupees, or in thousands, lakhs or crores: `50k`, `5L`, `5 lakh`, `₹1.2cr`, `1.2 crore`.

    Raises:
        ValueError: The text is not an amount, or in units comes to a part of a paisa.
    """
    match = _IN_UNITS.fullmatch(text.strip())
    try:
        number = parse_rupees(match["number"] if match else text)
    except ValueError as error:
        # The library, which knows of no units, quotes what stands before one.
        quoted = f"{text!r}: " if match else ""
        hint = "; or like 50k, 5L, 1.2cr" if "write it like" in str(error) else ""
        raise ValueError(f"{quoted}{error}{hint}") from None
    if match is None:
        return number
    unit = match["unit"].lower()
    with localcontext(prec=_MAX_DIGITS):
        rupees = number * _UNITS[unit if unit in _UNITS else unit.removesuffix("s")]
        if rupees % _PAISA:
            raise ValueError(f"{text!r} comes to a part of a paisa")
        return rupees.quantize(_PAISA)
