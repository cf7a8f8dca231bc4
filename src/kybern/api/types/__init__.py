"""API objects as typed structs: `from kybern.api.types.core_v1 import Pod`.

The modules named `<group>_<version>` are generated at build from upstream's definitions (`schema_build/structs.py` says
how a field's type and default are chosen). Components use these; the API server works on plain
dicts (`kybern.api.schema`).
Invariant: decoding never fails for fields that are unknown or null; those are as good as absent.
"""

from functools import cache
from typing import Any, TypeVar

import msgspec
import orjson

from kybern.api.types.resources import ResourceName, resource_of

__all__ = ["ResourceName", "convert", "decode", "encode", "resource_of", "to_dict"]

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


@cache
def _decoder(cls: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cls)


def decode(cls: type[T], data: bytes) -> T:
    """Parse JSON. Raises msgspec.ValidationError for a wrong type, msgspec.DecodeError for what is no JSON."""
    kind: Any = cls
    try:
        decoded: T = _decoder(kind).decode(data)
        return decoded
    except msgspec.ValidationError:
        # Upstream's Go writes null for empty times and slices; msgspec takes null only where None is allowed.
        return msgspec.convert(_without_nulls(orjson.loads(data)), cls)


def encode(obj: Any) -> bytes:
    """JSON with camelCase names; empty optional fields are left out."""
    return _encoder.encode(obj)


def to_dict(obj: Any) -> dict[str, Any]:
    """The plain JSON form: what `encode` would write, parsed."""
    plain: dict[str, Any] = msgspec.to_builtins(obj)
    return plain


def convert(plain: Any, cls: type[T]) -> T:
    """A struct from plain JSON values. Raises msgspec.ValidationError for a value of a wrong type."""
    try:
        return msgspec.convert(plain, cls)
    except msgspec.ValidationError:
        return msgspec.convert(_without_nulls(plain), cls)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value
