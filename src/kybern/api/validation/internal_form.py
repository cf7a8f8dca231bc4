"""Objects as upstream's internal Go types print in messages: those have no JSON names and leave nothing out.

Where a field that may not change is a whole struct, its value in the message has this form.
"""

from collections.abc import Mapping
from typing import Any

from kybern.api.schema import structure, values

_INITIALISMS = {word.lower(): word for word in ("API", "AWS", "CEL", "CIDR", "CSI", "FC", "FS", "GCE", "IP", "ISCSI")}
_INITIALISMS |= {word.lower(): word for word in ("CephFS", "IPs", "NFS", "RBD", "StorageOS", "UID")}
_NULLS = frozenset("BtuqxjrFD")
"""Letters of scalars that Go encodes as null when they are not there."""


def internal_form(definition: str, value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`definition` by its full name; None stays None, as a nil pointer."""
    if value is None:
        return None
    return {go_name(key): _field(field, value.get(key)) for key, field in structure.fields(definition).items()}


def go_name(wire: str) -> str:
    """`apiGroup` -> `APIGroup`."""
    head = next((at for at, letter in enumerate(wire) if letter.isupper()), len(wire))
    first, rest = wire[:head], wire[head:]
    return (_INITIALISMS.get(first) or first[:1].upper() + first[1:]) + rest


def _field(field: Mapping[str, Any], value: Any) -> Any:
    kind = field["t"]
    if value is not None:
        return _value(kind, value)
    if "*" in field.get("m", "") or (kind[0] in "[{" if isinstance(kind, list) else kind in _NULLS):
        return None
    return internal_form(kind[1], {}) if isinstance(kind, list) else values.ZEROS[kind]


def _value(kind: Any, value: Any) -> Any:
    if isinstance(kind, str):
        return value
    mark, inner = kind
    if mark == "@":
        return internal_form(inner, value)
    if mark == "[":
        return [_value(inner, one) for one in value]
    return {key: _value(inner, one) for key, one in value.items()}
