"""Counters that devices of a slice share, and what a device takes of them."""

from collections.abc import Callable, Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation.dynamic_resources.device_names import validate_label
from kybern.api.validation.field import required, too_many

_COUNTERS_LIMIT = 32


def validate_counter_set(counters: Object, path: str) -> Iterator[FieldError]:
    yield from _counters(counters, path, "name")


def validate_consumption(consumed: Object, path: str) -> Iterator[FieldError]:
    yield from _counters(consumed, path, "counterSet")


def _counters(holder: Object, path: str, key: str) -> Iterator[FieldError]:
    if not holder.get(key):
        yield required(f"{path}.{key}")
    else:
        yield from validate_label(holder[key], f"{path}.{key}")
    if not holder.get("counters"):
        yield required(f"{path}.counters")
    else:
        yield from validate_keys(holder["counters"], _COUNTERS_LIMIT, f"{path}.counters", validate_label)


def validate_keys(
    entries: Object, limit: int, path: str, check: Callable[[str, str], Iterator[FieldError]]
) -> Iterator[FieldError]:
    """Upstream tells of a bad key at the map's own path."""
    if len(entries) > limit:
        yield too_many(path, len(entries), limit)
        return
    for key in entries:
        yield from check(key, path)
