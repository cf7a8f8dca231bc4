"""Paths into a schema as rules and selectable fields write them: `.spec.size`, `.labels['a.b']`.

Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go (ValidFieldPath).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from kybern.api.structural import schema as read
from kybern.api.structural.schema import Schema

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]']+|'.*", re.DOTALL)
_NO_FIELD = "does not refer to a valid field"
_END = "unexpected end of JSON path"


class BadPath(ValueError):
    """The text is upstream's."""


class Found(NamedTuple):
    """Where a path leads."""

    path: str
    """As faults tell it: `spec.size`, `labels[a.b]`."""
    schema: Schema
    names: tuple[str, ...]


def resolve(text: str, schema: Schema, *, allows_brackets: bool = True) -> Found:
    """Follow a path. Raises BadPath."""
    path, names = "", []
    tokens = iter(_TOKEN.findall(text))
    for token in tokens:
        if token == "[":
            if not allows_brackets:
                raise BadPath("array notation is not allowed")
            name = _quoted(_next(tokens))
        elif token == ".":
            name = _next(tokens)
        else:
            raise BadPath(f"expected [ or . but got: {token}")
        known, more = read.properties(schema), read.additional(schema)
        if known and name in known:
            schema, path = known[name], f"{path}.{name}" if path else name
        elif not known and more is not None:
            schema, path = more, f"{path}[{name}]"
        else:
            raise BadPath(_NO_FIELD)
        names.append(name)
        if token == "[" and (closing := _next(tokens)) != "]":
            raise BadPath(f"expected ] but got {closing}")
    return Found(path, schema, tuple(names))


def _next(tokens: Iterator[str]) -> str:
    token = next(tokens, None)
    if token is None:
        raise BadPath(_END)
    return token


def _quoted(token: str) -> str:
    if len(token) < 2 or not (token.startswith("'") and token.endswith("'")):
        raise BadPath(f"expected single quoted string but got {token}")
    return re.sub(r"\\(.)", r"\1", token[1:-1])
