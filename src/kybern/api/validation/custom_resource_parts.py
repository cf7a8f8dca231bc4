"""What a CustomResourceDefinition says beside its schemas: names, columns, the scale, warnings of deprecation.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import invalid, required

_TYPES = ("boolean", "date", "integer", "number", "string")
_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_WARNING_LIMIT = 256
_MIXED_CASE = "may have mixed case, but should otherwise match: "


def validate_shown(version: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    yield from _scale((version.get("subresources") or {}).get("scale"), f"{path}.subresources")
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        yield from _column(column, f"{path}.additionalPrinterColumns[{index}]")


def deprecation_faults(warning: str, *, deprecated: bool) -> Iterator[str]:
    if not deprecated:
        yield "can only be set for deprecated versions"
        return
    if names.size(warning) > _WARNING_LIMIT:
        yield f"must be <= {_WARNING_LIMIT} characters long"
    if not warning:
        yield "must not be an empty string"
    for index, rune in enumerate(warning):
        if not rune.isprintable():
            place = len(warning[:index].encode())
            yield f"must only contain printable UTF-8 characters; non-printable character found at index {place}"
            return


def _scale(scale: Object | None, path: str) -> Iterator[FieldError]:
    if scale is None:
        return
    for key, parent in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        at, place = f"{path}.scale.{key}", scale.get(key) or ""
        if not place:
            yield required(at)
        elif not place.startswith("."):
            yield invalid(at, place, "must be a simple json path starting with .")
        elif not place.startswith(f"{parent}."):
            yield invalid(at, place, f"should be a json path under {parent}")
    at, place = f"{path}.scale.labelSelectorPath", scale.get("labelSelectorPath") or ""
    if place and not place.startswith("."):
        yield invalid(at, place, "must be a simple json path starting with .")
    elif place and not place.startswith((".spec.", ".status.")):
        yield invalid(at, place, "should be a json path under either .spec or .status")


def _column(column: Object, path: str) -> Iterator[FieldError]:
    kind, shape, place = (column.get(key) or "" for key in ("type", "format", "jsonPath"))
    if not column.get("name"):
        yield required(f"{path}.name")
    one_of = f"must be one of {','.join(_TYPES)}"
    if not kind:
        yield required(f"{path}.type", one_of)
    elif kind not in _TYPES:
        yield invalid(f"{path}.type", kind, one_of)
    if shape and shape not in _FORMATS:
        yield invalid(f"{path}.format", shape, f"must be one of {','.join(_FORMATS)}")
    if not place:
        yield required(f"{path}.JSONPath")
    elif not place.startswith("."):
        yield invalid(f"{path}.JSONPath", place, "must be a simple json path starting with .")


def validate_all_names(given: Object, path: str) -> Iterator[FieldError]:
    """The names that are asked for: none of the four may be missing."""
    for key in ("plural", "singular", "kind", "listKind"):
        if not given.get(key):
            yield required(f"{path}.{key}")
    yield from validate_names(given, path)


def validate_names(given: Object, path: str) -> Iterator[FieldError]:
    """The names that are there."""
    for key in ("plural", "singular"):
        value = given.get(key) or ""
        if value and (messages := names.dns_1035_label(value)):
            yield invalid(f"{path}.{key}", value, ",".join(messages))
    for key in ("kind", "listKind"):
        value = given.get(key) or ""
        if value and (messages := names.dns_1035_label(value.lower())):
            yield invalid(f"{path}.{key}", value, _MIXED_CASE + ",".join(messages))
    yield from _labels(given.get("shortNames") or (), f"{path}.shortNames")
    if given.get("kind") and given.get("kind") == given.get("listKind"):
        yield invalid(f"{path}.listKind", given["listKind"], "kind and listKind may not be the same")
    yield from _labels(given.get("categories") or (), f"{path}.categories")


def _labels(values: Sequence[str], path: str) -> Iterator[FieldError]:
    for index, value in enumerate(values):
        if messages := names.dns_1035_label(value):
            yield invalid(f"{path}[{index}]", value, ",".join(messages))
