"""Which field of a definition has which protobuf number."""

from dataclasses import dataclass
from functools import cache
from typing import Union

from kybern.api.schema import structure
from kybern.api.schema.structure import Type

_JSON_SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_JSON_SCHEMA_UNIONS = {
    "items": "OrArray",
    "additionalProperties": "OrBool",
    "additionalItems": "OrBool",
    "dependencies": "OrStringArray",
}
"""Fields of JSONSchemaProps that are messages of their own; the definitions call them any JSON."""


_VERBS = "v1.Verbs"
"""A list that is a message of its own, with the items in field 1: null is told from empty so."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a field's value goes in the JSON dict."""

    wire: str
    type: Type
    keeps_zero: bool
    """Go's JSON writes a zero too: the field is a pointer or lacks omitempty."""
    union: str = ""
    """Of a field of JSONSchemaProps: which union its values are."""


Message = dict[int, Union[Slot, "Message"]]
"""A message by field numbers; a Message within it is one whose fields JSON inlines."""


META = "io.k8s.apimachinery.pkg.apis.meta.v1."
PARTIAL, PARTIAL_LIST = f"{META}PartialObjectMetadata", f"{META}PartialObjectMetadataList"
_PARTIAL: dict[str, Message] = {
    PARTIAL: {1: Slot("metadata", ["@", f"{META}ObjectMeta"], True)},
    PARTIAL_LIST: {1: Slot("metadata", ["@", f"{META}ListMeta"], True), 2: Slot("items", ["[", ["@", PARTIAL]], True)},
}
"""What upstream's OpenAPI says nothing of."""


def name_of(api_version: str, kind: str) -> str | None:
    """The definition of a kind; None: it has none."""
    if api_version in ("meta.k8s.io/v1", "meta.k8s.io/v1beta1") and f"{META}{kind}" in _PARTIAL:
        return f"{META}{kind}"
    return structure.names_of_kinds().get((api_version, kind))


@cache
def message(name: str) -> Message:
    """The message of a definition (`io.k8s.api.core.v1.Pod`)."""
    if name in _PARTIAL:
        return _PARTIAL[name]
    found: Message = {}
    for wire, field in structure.fields(name).items():
        numbers = field.get("p", [])
        *outer, number = [numbers] if isinstance(numbers, int) else numbers or [0]
        if not number:
            continue
        if field.get("g") == _VERBS:
            outer, number = [*outer, number], 1
        inner = found
        for step in outer:
            nested = inner.setdefault(step, {})
            assert isinstance(nested, dict), f"{name}: {step} is a field and an inlined message"
            inner = nested
        union = _JSON_SCHEMA_UNIONS.get(wire, "") if name == _JSON_SCHEMA else ""
        inner[number] = Slot(wire, field["t"], bool(field.get("m")), union)
    return found


def json_schema() -> str:
    """The name of the definition that the unions hold."""
    return _JSON_SCHEMA
