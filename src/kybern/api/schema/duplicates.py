"""Finds fields that a JSON document has twice, at nearly no cost where it has none.

A parser keeps the last of equal keys, so a document with duplicates is longer than what was parsed, written again.
Only where lengths differ (duplicates, escapes, unusual numbers) is the document parsed again, pair by pair.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_SPACE = b" \t\r\n"


def paths(body: bytes, written: bytes) -> list[str]:
    """`spec.replicas`, `spec.containers[0].name`, …; `written` is the parsed body, encoded compactly."""
    if len(body) == len(written) or len(body.translate(None, _SPACE)) == len(written.translate(None, _SPACE)):
        return []
    try:
        return list(dict.fromkeys(_walk(json.loads(body, object_pairs_hook=_Pairs), "")))
    except (ValueError, RecursionError):
        return []  # What the quick parser takes and this one does not has no message of upstream's.


def in_order(body: bytes, unknown: Sequence[str]) -> list[str]:
    """The messages about unknown fields, and those about duplicates among the known, in the order of the document."""
    by_path = {message.partition('"')[2][:-1]: message for message in unknown}
    return list(dict.fromkeys(_told(json.loads(body, object_pairs_hook=_Pairs), "", by_path)))


def _told(value: Any, path: str, unknown: Mapping[str, str]) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen = set()
        for key, inner in value:
            here = f"{path}.{key}" if path else key
            if here in unknown:
                yield unknown[here]
                continue
            if key in seen:
                yield f'duplicate field "{here}"'
            seen.add(key)
            yield from _told(inner, here, unknown)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _told(inner, f"{path}[{index}]", unknown)


class _Pairs(list[tuple[str, Any]]):
    """An object with all of its keys."""


def _walk(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen = set()
        for key, inner in value:
            here = f"{path}.{key}" if path else key
            if key in seen:
                yield here
            seen.add(key)
            yield from _walk(inner, here)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{index}]")
