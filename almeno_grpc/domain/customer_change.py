"""Changes of customers and loans that are in the book already: what a field was, and what it became."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from almeno_grpc.domain.customer import Customer, CustomerField, e164_of
from almeno_grpc.domain.imports import CustomerRow
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.money import decimal_rupees


class FieldChange(NamedTuple):
    """A field with another value than before.

    Values as text: amounts in rupees with both decimals, rates in per cent a year, dates as YYYY-MM-DD.
    """

    field: str
    """Its name in the message of a customer or a loan."""
    old_value: str
    new_value: str


@dataclass(frozen=True, slots=True)
class ChangeSource:
    """Where a change came from."""

    principal: str
    """The name of the caller; empty where access control is off."""
    import_id: str | None = None
    """The import of the sheet, if it was one."""
    row_number: int | None = None
    """The row of the sheet, as a spreadsheet shows it."""
    reason: str | None = None
    """Why an approved limit was set."""
    request_date: date | None = None
    """When the customer asked for it."""


class NewChange(NamedTuple):
    """A change that has no number yet."""

    customer_id: int
    loan_id: int | None
    """The loan; None where the customer has changed."""
    change: FieldChange
    source: ChangeSource


class CustomerChange(NamedTuple):
    """A change of a customer, or of one of the customer's loans. Never changed itself."""

    number: int
    """Of the customer's changes: 1 is the first."""
    customer_id: int
    loan_id: int | None
    """The loan; None where the customer has changed."""
    change: FieldChange
    source: ChangeSource
    create_time: int
    """Microseconds since the epoch."""


_Text = Callable[[Any], str]
_CUSTOMER_FIELDS: Mapping[str, tuple[str, _Text]] = {
    "first_name": ("first_name", str),
    "last_name": ("last_name", str),
    "age": ("age", str),
    "phone_number": ("phone_digits", e164_of),
    "monthly_income": ("monthly_income", decimal_rupees),
    "approved_limit": ("approved_limit", decimal_rupees),
}
"""By the field, the attribute that holds its value and how the value is written."""
_LOAN_FIELDS: Mapping[str, tuple[str, _Text]] = {
    "loan_amount": ("loan_amount", decimal_rupees),
    "interest_rate": ("interest_rate", "{:f}".format),
    "tenure_months": ("tenure_months", str),
    "monthly_installment": ("monthly_installment", decimal_rupees),
    "emis_paid": ("emis_paid", str),
    "emis_paid_on_time": ("emis_paid_on_time", str),
    "outstanding_principal": ("outstanding_principal", decimal_rupees),
    "approval_date": ("approval_date", str),
}
"""As above."""


def _paise(text: str) -> int:
    return int(Decimal(text).scaleb(2))


_LOAN_READERS: Mapping[str, Callable[[str], Any]] = {
    "loan_amount": _paise,
    "interest_rate": Decimal,
    "tenure_months": int,
    "monthly_installment": _paise,
    "emis_paid": int,
    "emis_paid_on_time": int,
    "outstanding_principal": _paise,
    "approval_date": date.fromisoformat,
}
"""By the field of a loan, how its written value is read."""


def changes_of_customer(before: Customer | CustomerRow, after: Customer | CustomerRow) -> Iterator[FieldChange]:
    """The fields in which a customer differs from before."""
    return _changes(before, after, _CUSTOMER_FIELDS)


def with_fields_kept(before: Customer | CustomerRow, row: CustomerRow, fields: CustomerField) -> CustomerRow:
    """The row of a sheet, with fields as the customer has them already."""
    named = ((CustomerField[name.upper()], attribute) for name, (attribute, _) in _CUSTOMER_FIELDS.items())
    return row._replace(**{attribute: getattr(before, attribute) for field, attribute in named if field in fields})


def changes_of_loan(before: Loan, after: Loan) -> Iterator[FieldChange]:
    """The fields in which a loan differs from before."""
    return _changes(before, after, _LOAN_FIELDS)


def before_change(loan: Loan, change: FieldChange) -> Loan:
    """A loan with a field as it was."""
    attribute, _ = _LOAN_FIELDS[change.field]
    return replace(loan, **{attribute: _LOAN_READERS[change.field](change.old_value)})


def _changes(before: object, after: object, fields: Mapping[str, tuple[str, _Text]]) -> Iterator[FieldChange]:
    for field, (attribute, text) in fields.items():
        old, new = getattr(before, attribute), getattr(after, attribute)
        if old != new:
            yield FieldChange(field, text(old), text(new))
