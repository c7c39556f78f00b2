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
