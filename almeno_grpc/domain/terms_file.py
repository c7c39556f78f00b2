"""Terms files: TOML, validated as a whole. `almeno_grpc/terms/README.md` explains each key."""

import re
from typing import Any

from almeno_grpc.domain import rule_values as values
from almeno_grpc.domain.limits import MAX_LOAN_AMOUNT
from almeno_grpc.domain.money import PAISE_PER_RUPEE, format_rupees
from almeno_grpc.domain.rule_file import RuleFileError, read_rule_file
from almeno_grpc.domain.terms import Terms

_MAX_DAYS = 3650


def parse_terms(content: bytes) -> Terms:
    """Reads and checks a terms file.

    Raises:
        RuleFileError: The file is not TOML, or a key is missing, unknown or out of bounds.
    """
    root, toml, sha256 = read_rule_file(content)
    sanction, fees, late = root.table("sanction"), root.table("fees"), root.table("late")
    terms = Terms(
        version=root.value("version", values.version),
        effective_date=root.value("effective_date", values.day),
        sha256=sha256,
        toml=toml,
        valid_days=sanction.value("valid_days", _days),
        cooling_off_days=sanction.value("cooling_off_days", _days),
        processing_percent=fees.value("processing_percent", values.rate),
        processing_min=fees.value("processing_min", _paise),
        processing_max=fees.value("processing_max", _paise),
        gst_percent=fees.value("gst_percent", values.rate),
        refunded_on_exit=fees.value("refunded_on_exit", values.boolean),
        charge_percent_a_year=late.value("charge_percent_a_year", values.rate),
        grace_days=late.value("grace_days", _days),
        charge_max_percent_of_installment=late.value("charge_max_percent_of_installment", values.rate),
    )
    for table in (sanction, fees, late, root):
        table.raise_if_unknown()
    if terms.processing_min > terms.processing_max:
        raise RuleFileError(f"{fees.path('processing_min')} must not be above processing_max")
    return terms


def _days(value: Any) -> int:
    return values.whole_number(value, 0, _MAX_DAYS)


def _paise(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,2})?", value):
        raise ValueError('must be rupees written as text, such as "25000" or "99.50"')
    rupees, _, rest = value.partition(".")
    paise = int(rupees) * PAISE_PER_RUPEE + int(rest.ljust(2, "0"))
    if paise > MAX_LOAN_AMOUNT:
        raise ValueError(f"must be at most {format_rupees(MAX_LOAN_AMOUNT)}")
    return paise
