"""The request target: its forms (origin, absolute, asterisk), percent-decoding, and the query.

Decoding follows Go's net/url, which clients are written against.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)

CACHED_TARGETS = 2048
"""Clients ask for the same targets again and again: decoding one costs more than answering it."""

CACHED_BYTES = 512
"""Longer targets are not kept."""


class BadTarget(ValueError):
    """The target is malformed."""


class Target(NamedTuple):
    """A decoded request target."""

    path: str
    """Percent-decoded. Bytes that are no UTF-8 become U+FFFD; `raw_path` has them exactly."""
    raw_path: str
    query: Mapping[str, Sequence[str]]
    raw_query: str
    authority: str
    """Of a target in absolute form, else "". It takes the place of the Host header (RFC 9112, 3.2.2)."""


def parse_target(target: bytes) -> Target:
    """Raises BadTarget."""
    return _parse_cached(target) if len(target) <= CACHED_BYTES else _parse(target)


def _parse(target: bytes) -> Target:
    text = target.decode("latin-1")
    authority = ""
    if not text.startswith("/") and text != "*":
        absolute = _ABSOLUTE.match(text)
        if not absolute or not absolute[1]:
            raise BadTarget("malformed request target")
        authority, text = absolute[1], text[absolute.end() :]
        if not text.startswith("/"):
            text = "/" + text
    raw_path, _, raw_query = text.partition("?")
    path = raw_path
    if "%" in path:
        if _BAD_ESCAPE.search(path):
            raise BadTarget("invalid URL escape")
        path = unquote_to_bytes(path).decode("utf-8", "replace")
    return Target(path, raw_path, parse_query(raw_query) if raw_query else {}, raw_query, authority)


_parse_cached = lru_cache(CACHED_TARGETS)(_parse)


def parse_query(raw: str) -> dict[str, tuple[str, ...]]:
    """Parameters with all their values, in order. Malformed pairs are left out, as Go's `URL.Query()` does."""
    query: dict[str, tuple[str, ...]] = {}
    for pair in raw.split("&"):
        if not pair or ";" in pair:
            continue
        name, _, value = pair.partition("=")
        if _BAD_ESCAPE.search(pair):
            continue
        name = _decode(name)
        query[name] = (*query.get(name, ()), _decode(value))
    return query


def _decode(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")
