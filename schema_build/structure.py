"""Writes the schema's structure and, apart from it (it is larger and seldom asked for), the descriptions.

`structure.json.gz`: name -> `{"k": kinds, "f": {field: {"t": type, "r": required, "x": extensions, "m": Go's mark,
"g": Go's type, "p": protobuf numbers}}, "x": extensions}`, the fields in Go's order, empty parts left out; types and
marks as in `schema_build.source`, a single number without its list. `descriptions.json.gz`: name ->
`[text, {field: text}]`.
"""

import gzip
import json
from collections.abc import Mapping
from typing import Any

from schema_build.source import Definition, Field


def structure(definitions: Mapping[str, Definition]) -> bytes:
    return _packed({name: _definition(definition) for name, definition in definitions.items()})


def descriptions(definitions: Mapping[str, Definition]) -> bytes:
    return _packed(
        {
            name: [definition.description, {key: each.description for key, each in definition.fields.items()}]
            for name, definition in definitions.items()
        }
    )


def _definition(definition: Definition) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if definition.kinds:
        out["k"] = definition.kinds
    if definition.fields:
        out["f"] = {key: _field(each) for key, each in definition.fields.items()}
    if definition.extensions:
        out["x"] = definition.extensions
    return out


def _field(each: Field) -> dict[str, Any]:
    out: dict[str, Any] = {"t": each.type}
    if each.required:
        out["r"] = 1
    if each.extensions:
        out["x"] = each.extensions
    if each.go_mark:
        out["m"] = each.go_mark
    if each.go_type:
        out["g"] = each.go_type
    if each.numbers:
        out["p"] = each.numbers if len(each.numbers) > 1 else each.numbers[0]
    return out


def _packed(value: Any) -> bytes:
    return gzip.compress(json.dumps(value, separators=(",", ":")).encode(), mtime=0)
