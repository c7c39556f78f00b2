"""A customer and the credit limit that follows from the income."""

from dataclasses import dataclass
from enum import IntFlag

from almeno_grpc.domain.money import PAISE_PER_LAKH, round_half_up

LIMIT_IN_MONTHS_OF_INCOME = 36


class CustomerField(IntFlag):
    """Fields of a customer that can be changed, by the names of the message. They are stored by these numbers."""

    FIRST_NAME = 1
    LAST_NAME = 2
    AGE = 4
    MONTHLY_INCOME = 8
    PHONE_NUMBER = 16
    APPROVED_LIMIT = 32


NO_FIELDS = CustomerField(0)


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
    changed_fields: CustomerField = NO_FIELDS
    """What was changed by calls since the customer came into the book: sheets leave it alone."""

    @property
    def phone_digits(self) -> int:
        """The digits of the phone number."""
        return phone_digits(self.phone_number)


def phone_digits(e164: str) -> int:
    """The digits of a phone number in E.164 form: no country's code begins with a zero, so that none is lost."""
    return int(e164.removeprefix("+"))


def e164_of(digits: int) -> str:
    """The phone number in E.164 form that has the digits."""
    return f"+{digits}"


def approved_limit(monthly_income: int) -> int:
    """The credit limit at registration, in paise: 36 months' income rounded to the nearest lakh, halves up."""
    return round_half_up(LIMIT_IN_MONTHS_OF_INCOME * monthly_income, PAISE_PER_LAKH) * PAISE_PER_LAKH
