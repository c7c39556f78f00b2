"""Files of provisioning norms: TOML, validated as a whole. `almeno_grpc/norms/README.md` explains each key."""

import hashlib
import tomllib
from typing import Any

from almeno_grpc.domain.limits import MAX_TENURE_MONTHS
from almeno_grpc.domain.norms import Norms
from almeno_grpc.domain.policy_file import PolicyError, _date, _rate, _Table, _version, _whole_number


def parse_norms(content: bytes) -> Norms:
    """Reads and checks a file of norms.

    Raises:
        PolicyError: The file is not TOML, or a key is missing, unknown or out of bounds.
    """
    try:
        root = _Table("", tomllib.loads(content.decode("utf-8")))
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"not a TOML file in UTF-8: {error}") from error
    rates = root.table("provision")
    norms = Norms(
        version=root.value("version", _version),
        effective_date=root.value("effective_date", _date),
        sha256=hashlib.sha256(content).hexdigest(),
        standard_percent=rates.value("standard_percent", _rate),
        sub_standard_percent=rates.value("sub_standard_percent", _rate),
        doubtful_after_months=rates.value("doubtful_after_months", _months),
        doubtful_percent=rates.value("doubtful_percent", _rate),
    )
    for table in (rates, root):
        table.raise_if_unknown()
    if norms.sub_standard_percent < norms.standard_percent:
        raise PolicyError(f"{rates.path('sub_standard_percent')} must not be below standard_percent")
    if norms.doubtful_percent < norms.sub_standard_percent:
        raise PolicyError(f"{rates.path('doubtful_percent')} must not be below sub_standard_percent")
    return norms


def _months(value: Any) -> int:
    return _whole_number(value, 1, MAX_TENURE_MONTHS)
