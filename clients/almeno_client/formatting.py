"""Formatting of amounts, counts, rates, dates and enum names for people."""

import unicodedata
from decimal import ROUND_HALF_UP, Decimal

from almeno_client.decision_records import AssetClass, DecisionReason

REASON_SENTENCES = {
    DecisionReason.UNSPECIFIED: "A reason that this version of the client does not know.",
    DecisionReason.DEBT_EXCEEDS_LIMIT: "The customer already owes more than the approved limit.",
    DecisionReason.CREDIT_SCORE_TOO_LOW: "The credit score is too low for a loan at any rate.",
    DecisionReason.LOAN_EXCEEDS_LIMIT: "With this loan the customer would owe more than the approved limit.",
    DecisionReason.EMI_BURDEN_TOO_HIGH: "The monthly instalments, with this one, would take too much of the income.",
    DecisionReason.RATE_ABOVE_MAXIMUM: "The corrected rate is above the highest rate that was to be taken.",
    DecisionReason.CUSTOMER_PAST_DUE: "An instalment of the customer's is too long past due.",
    DecisionReason.CUSTOMER_NON_PERFORMING: "The customer is non-performing, until all arrears are paid.",
    DecisionReason.BUREAU_SCORE_TOO_LOW: "The score of the credit bureau is too low.",
    DecisionReason.BUREAU_REPORT_MISSING: "A credit bureau's report is needed: its score, its date or both.",
    DecisionReason.BUREAU_REPORT_TOO_OLD: "The credit bureau's report is too old, or has no date.",
}
"""Each reason to decline, in a sentence."""

REASON_NAMES = {
    DecisionReason.UNSPECIFIED: "Another reason",
    DecisionReason.DEBT_EXCEEDS_LIMIT: "Debt above the limit",
    DecisionReason.CREDIT_SCORE_TOO_LOW: "Score too low",
    DecisionReason.LOAN_EXCEEDS_LIMIT: "Loan beyond the limit",
    DecisionReason.EMI_BURDEN_TOO_HIGH: "Instalments too high",
    DecisionReason.RATE_ABOVE_MAXIMUM: "Rate above the maximum",
    DecisionReason.CUSTOMER_PAST_DUE: "Too long past due",
    DecisionReason.CUSTOMER_NON_PERFORMING: "Non-performing",
    DecisionReason.BUREAU_SCORE_TOO_LOW: "Bureau score too low",
    DecisionReason.BUREAU_REPORT_MISSING: "Bureau report missing",
    DecisionReason.BUREAU_REPORT_TOO_OLD: "Bureau report too old",
}
"""Each reason to decline, in a few words."""

ASSET_CLASS_NAMES = {
    AssetClass.UNSPECIFIED: "Another class",
    AssetClass.STANDARD: "Standard",
    AssetClass.SMA_0: "SMA-0",
    AssetClass.SMA_1: "SMA-1",
    AssetClass.SMA_2: "SMA-2",
    AssetClass.NON_PERFORMING: "Non-performing",
}
"""Each asset class as lenders write it, at the beginning of a line."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_JOINERS = "\u200c\u200d"
_LAKH, _CRORE = 100_000, 10_000_000


def rupees(amount: Decimal) -> str:
    """Formats an amount in the Indian grouping: ₹12,34,567.00."""
    digits, _, paise = f"{abs(amount):.2f}".partition(".")
    sign = "-" if amount < 0 else ""
    return f"{sign}₹{_grouped(digits)}.{paise}"


def rupees_in_short(amount: Decimal) -> str:
    """Formats an amount to two places of its largest unit: ₹12.35 lakh."""
    unit, name = rupee_unit(amount)
    scaled = (amount / unit).quantize(Decimal("0.01"), ROUND_HALF_UP)
    whole, _, rest = f"{scaled:f}".partition(".")
    return f"₹{_grouped(whole)}.{rest}{name and f' {name}'}"


def rupee_unit(amount: Decimal) -> tuple[int, str]:
    """The unit to write amounts up to this one in: how many rupees it has, and its name, empty for the rupee."""
    if amount >= _CRORE:
        return _CRORE, "crore"
    return (_LAKH, "lakh") if amount >= _LAKH else (1, "")


def count(number: int) -> str:
    """Formats a number of things in the Indian grouping: 3,00,000."""
    return ("-" if number < 0 else "") + _grouped(str(abs(number)))


def change(before: int, after: int) -> str:
    """Formats by how much a number of things has changed: +12, −3 or 0."""
    sign = "+" if after > before else "−" if after < before else ""
    return sign + count(abs(after - before))


def share(part: Decimal | int, whole: Decimal | int) -> str:
    """Formats a part as a share of the whole, to one place: 41.2 %; a dash where there is nothing to share."""
    if not whole:
        return "–"
    return f"{(Decimal(part) * 100 / Decimal(whole)).quantize(Decimal('0.1'), ROUND_HALF_UP)} %"


def month(year: int, number: int) -> str:
    """Formats a month: Jan 2026."""
    return f"{_MONTHS[number - 1]} {year}"


def _grouped(digits: str) -> str:
    head, tail = digits[:-3], digits[-3:]
    groups = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(groups), tail])


def per_cent(rate: Decimal) -> str:
    """Formats a rate without trailing zeros: 10.5 %."""
    digits = f"{rate:f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return f"{digits} %"


def months(count: int) -> str:
    """Formats a tenure: 24 months."""
    return f"{count} month" if count == 1 else f"{count} months"


def humanized(name: str) -> str:
    """Turns the name of an enum value into words: DUE_LATER into due later."""
    return name.replace("_", " ").lower()


def asset_class_in_words(asset_class: AssetClass) -> str:
    """An asset class in running text: standard, SMA-1, non-performing; unknown where it is newer than this client."""
    if asset_class is AssetClass.UNSPECIFIED:
        return "unknown"
    name = ASSET_CLASS_NAMES[asset_class]
    return name if name.isupper() else name.lower()


def printable(text: str) -> str:
    """Replaces non-printable characters of text from the book: escape sequences would control the terminal.

    Spaces of every kind are shown as a space. The joiners of Indian scripts, which cannot be seen and shape the letters
    beside them, stay behind a letter or a vowel sign.
    """
    return "".join(map(_printable, text, f" {text}"))


def _printable(character: str, before: str) -> str:
    if character.isprintable():
        return character
    if character in _JOINERS and unicodedata.category(before)[0] in "LM":
        return character
    return " " if unicodedata.category(character) == "Zs" else "�"
