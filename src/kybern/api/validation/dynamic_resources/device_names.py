"""Names around devices: requests, pools, drivers, attributes, and the lists that hold named things."""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from kybern.api.resource import FieldError
from kybern.api.validation import names
from kybern.api.validation.core.volume_sources import validate_csi_driver_name as validate_driver
from kybern.api.validation.field import duplicate, each_invalid, invalid, quote, required, too_long, too_many

__all__ = ["validate_driver"]

Item = Callable[[Any, str], Iterator[FieldError]]

_POOL_LIMIT, _ID_LIMIT = 253, 32
_LONGEST_KEY = 63 + 1 + _ID_LIMIT
"""Bytes of an attribute's key that paths show."""
_ELLIPSIS = "..."
_HEX = "[0-9a-fA-F]"
_is_uuid = re.compile("-".join(f"{_HEX}{{{count}}}" for count in (8, 4, 4, 4, 12))).fullmatch
_is_bare_uuid = re.compile(f"{_HEX}{{32}}").fullmatch
_URN = "urn:uuid:"


def each(values: Sequence[Any], limit: int | None, path: str, validate: Item) -> Iterator[FieldError]:
    """A list; one that is too long is not looked into."""
    if limit is not None and len(values) > limit:
        yield too_many(path, len(values), limit)
        return
    for index, value in enumerate(values):
        yield from validate(value, f"{path}[{index}]")


def each_once(
    values: Sequence[Any],
    limit: int | None,
    path: str,
    validate: Item,
    key: Callable[[Any], Hashable] = lambda one: one,
) -> Iterator[FieldError]:
    """A list of which no two have the same key."""
    yield from each(values, limit, path, validate)
    if limit is not None and len(values) > limit:
        return
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        own = key(value)
        if own in seen:
            yield duplicate(f"{path}[{index}]", own)
        seen.add(own)


def name_of(holder: dict[str, Any]) -> str:
    return holder.get("name") or ""


def validate_label(name: str, path: str) -> Iterator[FieldError]:
    """Names of requests, devices and counters."""
    yield from each_invalid(path, name, names.dns_label(name))


def validate_pool(name: str, path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
        return
    if names.size(name) > _POOL_LIMIT:
        yield too_long(path, _POOL_LIMIT)
    for part in name.split("/"):
        yield from each_invalid(path, part, names.dns_subdomain(part))


def validate_qualified(name: str, path: str) -> Iterator[FieldError]:
    """`[domain/]identifier`; upstream takes whatever has more parts."""
    parts = name.split("/")
    if len(parts) == 1:
        yield from _identifier(name, path)
    elif len(parts) == 2:
        domain, own = parts
        yield from validate_driver(domain, path) if domain else (invalid(path, "", "the domain must not be empty"),)
        yield from _identifier(own, path) if own else (invalid(path, "", "the name must not be empty"),)


def validate_fully_qualified(name: str, path: str) -> Iterator[FieldError]:
    yield from validate_qualified(name, path)
    if "/" not in name:
        yield invalid(path, name, "a fully qualified name must be a domain and a name separated by a slash")


def _identifier(name: str, path: str) -> Iterator[FieldError]:
    if names.size(name) > _ID_LIMIT:
        yield too_long(path, _ID_LIMIT)
    yield from each_invalid(path, name, names.c_identifier(name))


def shown_key(key: str, limit: int = _LONGEST_KEY) -> str:
    """A key of a map as paths have it: the middle of long ones is left out."""
    if names.size(key) <= limit:
        return key
    text, remaining = key.encode(), limit - len(_ELLIPSIS)
    return (text[: (remaining + 1) // 2] + _ELLIPSIS.encode() + text[len(text) - remaining // 2 :]).decode(
        "utf-8", "replace"
    )


def validate_uid(uid: str, path: str) -> Iterator[FieldError]:
    """Of a share of a device: a UUID, as it is normally written."""
    fault = _uuid_fault(uid)
    if fault:
        yield invalid(path, uid, f"error validating uid: {fault}")
    elif len(uid) != 36 or uid != uid.lower():
        detail = (
            "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` "
            "with lowercase hexadecimal characters"
        )
        yield invalid(path, uid, detail)


def _uuid_fault(text: str) -> str:
    """In the words of Go's uuid package, which knows four spellings."""
    size = names.size(text)
    if size == 36 + len(_URN):
        if text[: len(_URN)].lower() != _URN:
            return f"invalid urn prefix: {quote(text[: len(_URN)])}"
        text = text[len(_URN) :]
    elif size == 36 + 2:
        if text[0] != "{" or text[-1] != "}":
            return "invalid bracketed UUID format"
        text = text[1:-1]
    elif size == 32:
        return "" if _is_bare_uuid(text) else "invalid UUID format"
    elif size != 36:
        return f"invalid UUID length: {size}"
    return "" if _is_uuid(text) else "invalid UUID format"
