"""Conversion of enums of the protos."""

from enum import StrEnum
from typing import TypeVar

_Enum = TypeVar("_Enum", bound=StrEnum)


def enum_names(values: dict[str, int], kind: type[_Enum], prefix: str) -> dict[int, _Enum]:
    """The enum's members by their numbers in the protos; values newer than this client are left out."""
    members = {member.value: member for member in kind}
    return {
        number: members[name.removeprefix(prefix)]
        for name, number in values.items()
        if name.removeprefix(prefix) in members
    }
