"""The slow, exact walk over an object that the generated pass refused: upstream's messages, and a clean object.

It goes in the order of the document, as Go's decoder does, so that of several faults the same one is told.
"""

from typing import Any, NamedTuple

from kybern.api import quantity as quantities
from kybern.api.schema import embedded, exact, faults, structure, unions, values
from kybern.api.schema.structure import Type, class_of, go_element, go_type

MAX_MESSAGES = 100
"""Upstream tells no more unknown fields of one object."""


class Mismatch(Exception):
    """A value that Go could not decode; the text is Go's."""


class Place(NamedTuple):
    """Where a value stands, in Go's two ways of telling it."""

    struct: str
    field: str
    """`spec.containers.name`: without indices and keys of maps, with the names of embedded structs."""
    path: str
    """`spec.containers[0].name`."""
    decoder: str = ""
    """The struct with the field that decodes itself, around this one: then Go tells of that struct."""


NOWHERE = Place("", "", "")


class _Findings:
    """What was met on the way. Of values of wrong types Go tells the first, when it has read the whole document."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.mismatch: Mismatch | None = None

    def save(self, mismatch: Mismatch) -> None:
        self.mismatch = self.mismatch or mismatch


def inspect(name: str, obj: Any, field: str = "") -> tuple[dict[str, Any], list[str]]:
    """The object without unknown fields and null elements, and the messages. Raises Mismatch.

    `field` tells where it stands in a document that is no object of the API.
    """
    findings = _Findings()
    clean: dict[str, Any] = _object(name, obj, Place("", field, ""), findings)
    if findings.mismatch is not None:
        raise findings.mismatch
    return clean, findings.messages


def go_value(value: Any) -> str:
    """What Go calls a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "string" if isinstance(value, str) else "number"


def _object(name: str, obj: dict[str, Any], place: Place, findings: _Findings) -> dict[str, Any]:
    fields, struct, owner = structure.fields(name), class_of(name), embedded.owner(name)
    decoding_themselves = unions.of(name)
    clean = {}
    for key, value in obj.items():
        path = f"{place.path}.{key}" if place.path else key
        field = fields.get(key)
        if field is None:
            message = f'unknown field "{path}"'
            if len(findings.messages) < MAX_MESSAGES and message not in findings.messages:
                findings.messages.append(message)
        elif value is not None:
            inner = Place(struct, ".".join(filter(None, (place.field, owner(key), key))), path, place.decoder)
            other = decoding_themselves.get(key)
            if other is None or (other is unions.NAMED and not isinstance(value, dict)):
                clean[key] = _value(field["t"], value, field.get("g", ""), inner, findings)
            else:
                clean[key] = inspect_union(other, value, inner)
    return clean


def inspect_union(other: str, value: Any, place: Place = NOWHERE) -> Any:
    """What a field holds that is a schema or something else. Raises Mismatch for any fault within."""
    if other is unions.NAMED:
        return {key: _read_alone(["[", "s"], each, place) for key, each in value.items()}
    if other is unions.FLAG and not isinstance(value, bool | dict):
        raise Mismatch(unions.SCHEMA_EXPECTED)
    return _read_alone(["[", ["@", unions.SCHEMA]], value, place)


def _read_alone(elements: Type, value: Any, place: Place) -> Any:
    """A schema or a list, read to its end before the first mismatch in it is raised; whatever else it is stays."""
    if not isinstance(value, dict | list):
        return exact.plain(value)
    findings = _Findings()
    kind = ["@", unions.SCHEMA] if isinstance(value, dict) else elements
    read = _value(kind, value, "", place._replace(decoder=place.decoder or place.struct), findings)
    if findings.mismatch is not None:
        raise findings.mismatch
    return read


def _value(kind: Type, value: Any, named: str, place: Place, findings: _Findings) -> Any:
    if isinstance(kind, str):
        return _scalar(kind, value, named, place, findings)
    mark, inner = kind
    if not isinstance(value, list) if mark == "[" else not isinstance(value, dict):
        findings.save(_mismatch(go_value(value), go_type(kind, named), place))
        return value
    if mark == "@":
        return _object(inner, value, place, findings)
    element = go_element(named)
    if mark == "[":
        return [
            _element(inner, each, element, place._replace(path=f"{place.path}[{index}]"), findings)
            for index, each in enumerate(value)
        ]
    return {
        key: _element(inner, each, element, place._replace(path=f"{place.path}.{key}"), findings)
        for key, each in value.items()
    }


def _element(kind: Type, value: Any, named: str, place: Place, findings: _Findings) -> Any:
    """Among elements null is the zero value."""
    if value is not None:
        return _value(kind, value, named, place, findings)
    if isinstance(kind, str):
        return values.ZEROS.get(kind, "")
    return [] if kind[0] == "[" else {}


_OF_ANY_FORM = "djrFD"
_DECODES_ITSELF = "qtux"
"""Types (quantities, times, int-or-string) whose own decoder ends the reading at a fault."""


def _scalar(kind: str, value: Any, named: str, place: Place, findings: _Findings) -> Any:
    try:
        if isinstance(value, float) and kind == "q":
            return values.quantity_of_float(value)
        return values.CONVERTERS[kind](exact.plain(value) if kind in _OF_ANY_FORM else value)
    except values.Unfit:
        pass
    mismatch = _scalar_fault(kind, value, named, place)
    if kind in _DECODES_ITSELF:
        raise mismatch
    findings.save(mismatch)
    return value


def _scalar_fault(kind: str, value: Any, named: str, place: Place) -> Mismatch:
    if kind == "q":
        return Mismatch(_quantity_fault(value))
    if go_value(value) == "number" and kind in "ilx":
        return _mismatch(f"number {value}", go_type(kind, named), place)
    if not isinstance(value, str) or kind not in "tuB":
        return _mismatch(go_value(value), go_type(kind, named), place)
    return Mismatch(faults.base64(value) if kind == "B" else faults.time(value, micro=kind == "u"))


def _quantity_fault(value: Any) -> str:
    try:
        quantities.canonical(value if isinstance(value, str) else "")
    except ValueError as error:
        return str(error)
    return quantities.INVALID


def _mismatch(what: str, go: str, place: Place) -> Mismatch:
    struct = place.decoder or place.struct
    into = f"struct field {struct}.{place.field} of" if struct else "value of"
    return Mismatch(f"json: cannot unmarshal {what} into Go {into} type {go}")
