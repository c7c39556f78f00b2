"""Enumerations of the domain and of the protos, matched by their names."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

E = TypeVar("E", bound=StrEnum)


def enum_values(members: type[E], wrapper: EnumTypeWrapper) -> Mapping[E, Any]:
    """The proto value of each member: `LoanState.ACTIVE` is LOAN_STATE_ACTIVE.

    Raises:
        ValueError: One side has a name that the other has not; but for the value UNSPECIFIED of the proto.
    """
    prefix = _prefix_of(wrapper.DESCRIPTOR.name)
    values = dict(wrapper.items())
    if values.pop(f"{prefix}UNSPECIFIED", None) != 0 or values.keys() != {prefix + member.name for member in members}:
        raise ValueError(f"{members.__name__} and {wrapper.DESCRIPTOR.full_name} have not the same values")
    return {member: values[prefix + member.name] for member in members}


def _prefix_of(name: str) -> str:
    """`LOAN_STATE_` for `LoanState`."""
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name)[1:] + "_"
