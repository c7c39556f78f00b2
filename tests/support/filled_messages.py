"""Messages with a value in each field, whatever their type: for what has to hold for every answer."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_VALUES = {
    "google.type.Money": {"currency_code": "INR", "units": 1234567, "nanos": 890_000_000},
    "google.type.Decimal": {"value": "10.5"},
    "google.type.Date": {"year": 2026, "month": 1, "day": 31},
    "google.protobuf.Timestamp": {"seconds": 4_102_444_800},
}
_TEXTS = {"key_id": "Ab1234567890"}
_LEFT_OUT = {"revoke_time", "next_page_token"}


def filled(kind: Any, only: str = "") -> Any:
    """A message of a kind with a value in each field; of a oneof, in the field `only`, or in its last one."""
    message = kind()
    for field in message.DESCRIPTOR.fields:
        is_another = only and field.containing_oneof and len(field.containing_oneof.fields) > 1 and field.name != only
        if field.name in _LEFT_OUT or is_another:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        value = _value(field)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        elif isinstance(value, Message):
            getattr(message, field.name).CopyFrom(value)
        else:
            setattr(message, field.name, value)
    return message


def updates(kind: Any) -> list[Any]:
    """What a stream of messages of a kind sends: one with each field of its oneof, or the one message."""
    names = [field.name for oneof in kind.DESCRIPTOR.oneofs if len(oneof.fields) > 1 for field in oneof.fields]
    return [filled(kind, name) for name in names] or [filled(kind)]


def _value(field: FieldDescriptor) -> Any:
    if field.message_type is not None:
        kind = field.message_type._concrete_class
        given = _VALUES.get(field.message_type.full_name)
        return filled(kind) if given is None else kind(**given)
    if field.enum_type is not None:
        names = field.enum_type.values_by_name
        return next((value.number for name, value in names.items() if name.endswith("_SUCCEEDED")), 1)
    if field.type == FieldDescriptor.TYPE_STRING:
        return _TEXTS.get(field.name, "text")
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"bytes"
    return field.type == FieldDescriptor.TYPE_BOOL or 1
