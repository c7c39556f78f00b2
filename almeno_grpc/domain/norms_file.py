"""Files of provisioning norms: TOML, validated as a whole. `almeno_grpc/norms/README.md` explains each key."""

from typing import Any

from almeno_grpc.domain import rule_values as values
from almeno_grpc.domain.limits import MAX_TENURE_MONTHS
from almeno_grpc.domain.norms import Norms
from almeno_grpc.domain.rule_file import RuleFileError, read_rule_file


def parse_norms(content: bytes) -> Norms:
    """Reads and checks a file of norms.

    Raises:
        RuleFileError: The file is not TOML, or a key is missing, unknown or out of bounds.
    """
    root, _, sha256 = read_rule_file(content)
    rates = root.table("provision")
    norms = Norms(
        version=root.value("version", values.version),
        effective_date=root.value("effective_date", values.day),
        sha256=sha256,
        standard_percent=rates.value("standard_percent", values.rate),
        sub_standard_percent=rates.value("sub_standard_percent", values.rate),
        doubtful_after_months=rates.value("doubtful_after_months", _months),
        doubtful_percent=rates.value("doubtful_percent", values.rate),
    )
    for table in (rates, root):
        table.raise_if_unknown()
    if norms.sub_standard_percent < norms.standard_percent:
        raise RuleFileError(f"{rates.path('sub_standard_percent')} must not be below standard_percent")
    if norms.doubtful_percent < norms.sub_standard_percent:
        raise RuleFileError(f"{rates.path('doubtful_percent')} must not be below sub_standard_percent")
    return norms


def _months(value: Any) -> int:
    return values.whole_number(value, 1, MAX_TENURE_MONTHS)
