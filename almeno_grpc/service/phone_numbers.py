"""The rule for phone numbers: a possible Indian or international number, kept in E.164 form."""

import re

import phonenumbers

from almeno_grpc.domain.customer import e164_of

DEFAULT_REGION = "IN"
"""Numbers without a country code are Indian."""

MAX_PHONE_CHARACTERS = 40
"""An E.164 number has at most 15 digits; the rest is room for the separators people write."""

MIN_INDIAN, MAX_INDIAN = 6_000_000_000, 9_999_999_999
"""Ten digits from 6 up: neither a trunk prefix, a country code nor an extension can be read into them."""

_INDIAN = re.compile(r"[6-9][0-9]{9}")
OF_INDIA = 91 * 10**10
"""What makes the digits of E.164 of a number of India that is written as ten digits."""

_WRITTEN = re.compile(r"\(?\+?\(?[0-9][0-9()\s.-]*[0-9]")
"""Digits and the separators people write. The library alone would also take letters, extensions and signs."""

_DECIMAL = re.compile(r"[0-9]+\.[0-9]")
"""A number that a spreadsheet program wrote as a fraction: read as digits it would gain one."""


def to_e164(text: str) -> str:
    """Gives the phone number in E.164 form, such as `+919876543210`.

    A number without a country code is Indian. Spaces, hyphens, dots and brackets do not matter.

    Raises:
        ValueError: It is not a possible phone number. The message says what it has to be and does not quote it.
    """
    written = text.strip()
    if _INDIAN.fullmatch(written):
        return e164_of(OF_INDIA + int(written))
    if len(written) <= MAX_PHONE_CHARACTERS and _WRITTEN.fullmatch(written) and not _DECIMAL.fullmatch(written):
        e164 = _possible_number(written)
        if e164 is not None and _possible_number(e164) == e164:
            return e164
    raise ValueError(
        "must be a possible phone number, of India or with + and the country code, such as 9876543210 or +14155552671"
    )


def _possible_number(written: str) -> str | None:
    """The number in E.164 form; None where it cannot be one that is dialled from anywhere."""
    try:
        number = phonenumbers.parse(written, DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
