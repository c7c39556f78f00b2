"""How amounts, rates and words look on the screen."""

from decimal import Decimal

from almeno_client.records import DecisionReason

REASONS = {
    DecisionReason.UNSPECIFIED: "A reason that this version of the client does not know.",
    DecisionReason.DEBT_EXCEEDS_LIMIT: "The customer already owes more than the approved limit.",
    DecisionReason.CREDIT_SCORE_TOO_LOW: "The credit score is too low for a loan at any rate.",
    DecisionReason.LOAN_EXCEEDS_LIMIT: "With this loan the customer would owe more than the approved limit.",
    DecisionReason.EMI_BURDEN_TOO_HIGH: "The monthly instalments, with this one, would take too much of the income.",
    DecisionReason.RATE_ABOVE_MAXIMUM: "The corrected rate is above the highest rate that was to be taken.",
}
"""Each reason to decline, in a sentence."""


def rupees(amount: Decimal) -> str:
    """Writes an amount in the Indian grouping: ₹12,34,567.00."""
    digits, _, paise = f"{abs(amount):.2f}".partition(".")
    head, tail = digits[:-3], digits[-3:]
    groups = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)]
    sign = "-" if amount < 0 else ""
    return f"{sign}₹{','.join([*reversed(groups), tail])}.{paise}"


def per_cent(rate: Decimal) -> str:
    """Writes a rate, without zeros that say nothing: 10.5 %."""
    figure = f"{rate:f}"
    if "." in figure:
        figure = figure.rstrip("0").rstrip(".")
    return f"{figure} %"


def months(count: int) -> str:
    """Writes a tenure: 24 months."""
    return f"{count} month" if count == 1 else f"{count} months"


def words(name: str) -> str:
    """Turns a name of the service into words: DUE_LATER into due later."""
    return name.replace("_", " ").lower()


def plain(text: str) -> str:
    """Takes control characters out of text from the book, which could otherwise steer the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)
