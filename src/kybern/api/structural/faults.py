"""One fault of a value, as upstream's validator finds it and as its API then words it as a FieldError."""

from typing import Any, NamedTuple

from kybern.api.resource import FieldError
from kybern.api.validation.field import (
    go_json,
    invalid,
    not_supported,
    quote,
    required,
    too_long,
    too_many,
    type_invalid,
)

NOWHERE = "<nil>"
"""How Go writes the path of faults that upstream gives none."""


class Fault(NamedTuple):
    """`text` is the validator's sentence; the FieldError's form depends on `kind`."""

    text: str
    path: str
    value: Any
    kind: str = ""
    """"", `type`, `required`, `enum`, `too long`, `too many`, `nowhere`."""
    limit: Any = None

    def error(self, base: str) -> FieldError:
        """`base` is the path of the value that was judged, "" for a whole object."""
        inner = self.path.removeprefix(".")
        path = f"{base}.{inner}" if base and inner else base or inner
        match self.kind:
            case "required":
                return required(path)
            case "enum":
                return not_supported(path, self.value, [_allowed(each) for each in self.limit])
            case "too long":
                return too_long(path, self.limit)
            case "too many":
                return too_many(path, self.value, self.limit)
            case "type":
                return type_invalid(path, self.value, self.text)
            case "nowhere":
                return invalid(base or NOWHERE, "", self.text)
            case _:
                return invalid(path or NOWHERE, self.value, self.text)


def type_fault(path: str, wanted: str, found: str) -> Fault:
    text = f"{path} in body must be of type {wanted}: {quote(found)}"
    return Fault(text, path, found, "type")


def nowhere(text: str) -> Fault:
    return Fault(text, "", None, "nowhere")


def _allowed(value: Any) -> str:
    return value if isinstance(value, str) else go_json(value)
