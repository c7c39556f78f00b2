"""A customer and the credit limit that follows from the income."""

from dataclasses import dataclass

from almeno_grpc.domain.money import PAISE_PER_LAKH, round_half_up

LIMIT_IN_MONTHS_OF_INCOME = 36


@dataclass(frozen=True, slots=True)
class Customer:
    """A person who may borrow. Amounts in paise."""

    customer_id: int
    first_name: str
    last_name: str
    age: int
    phone_number: str
    """In E.164 form."""
    monthly_income: int
    approved_limit: int
    create_time: int
    """Microseconds since the epoch."""


def approved_limit(monthly_income: int) -> int:
    """The credit limit at registration, in paise: 36 months' income rounded to the nearest lakh, halves up."""
    return round_half_up(LIMIT_IN_MONTHS_OF_INCOME * monthly_income, PAISE_PER_LAKH) * PAISE_PER_LAKH
