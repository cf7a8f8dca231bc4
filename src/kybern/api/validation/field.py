"""FieldErrors in upstream's words (apimachinery's util/validation/field): one function per reason.

Paths are strings: `f"{path}.name"`, `f"{path}[{index}]"`, `f"{path}[{key}]"`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kybern.api.resource import FieldError

IMMUTABLE = "field is immutable"
NOT_NEGATIVE = "must be greater than or equal to 0"


def invalid(path: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", path, _with_value("Invalid value", value, detail))


def type_invalid(path: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueTypeInvalid", path, _with_value("Invalid value", value, detail))


def required(path: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", path, _with_detail("Required value", detail))


def not_supported(path: str, value: Any, supported: Iterable[str]) -> FieldError:
    detail = ", ".join(quote(one) for one in supported)
    detail = f"supported values: {detail}" if detail else ""
    if isinstance(value, str):  # Enumerations have a type of their own in Go, which is shown as JSON.
        return FieldError("FieldValueNotSupported", path, _with_detail(f"Unsupported value: {go_json(value)}", detail))
    return FieldError("FieldValueNotSupported", path, _with_value("Unsupported value", value, detail))


def duplicate(path: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", path, _with_value("Duplicate value", value, ""))


def not_found(path: str, value: Any) -> FieldError:
    return FieldError("FieldValueNotFound", path, _with_value("Not found", value, ""))


def forbidden(path: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueForbidden", path, _with_detail("Forbidden", detail))


def too_long(path: str, limit: int, unit: str = "bytes") -> FieldError:
    """`unit`: bytes or characters."""
    unit = unit.removesuffix("s") if limit == 1 else unit
    return FieldError("FieldValueTooLong", path, f"Too long: may not be more than {limit} {unit}")


def too_many(path: str, actual: int, limit: int) -> FieldError:
    items = "item" if limit == 1 else "items"
    return FieldError("FieldValueTooMany", path, f"Too many: {actual}: must have at most {limit} {items}")


def internal(path: str, detail: str) -> FieldError:
    return FieldError("InternalError", path, _with_detail("Internal error", detail))


def non_negative(path: str, value: int | None) -> Sequence[FieldError]:
    """Absent counts as nothing to check."""
    return (invalid(path, value, NOT_NEGATIVE),) if value is not None and value < 0 else ()


def immutable(path: str, new: Any, old: Any) -> Sequence[FieldError]:
    """Absent and empty are equal, as Go's semantic equality has it."""
    return () if (new or None) == (old or None) else (invalid(path, new, IMMUTABLE),)


def each_invalid(path: str, value: Any, messages: Iterable[str]) -> Sequence[FieldError]:
    """One `invalid` per message of a name check."""
    return [invalid(path, value, message) for message in messages] if messages else ()


def quote(text: str) -> str:
    """Go's %q."""
    if text.isascii() and text.isprintable():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return '"' + "".join(_quote_rune(rune) for rune in text) + '"'


_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_ESCAPES |= {'"': r"\"", "\\": r"\\"}


def _quote_rune(rune: str) -> str:
    if rune in _ESCAPES:
        return _ESCAPES[rune]
    code = ord(rune)
    if rune.isprintable():
        return rune
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_MAPS = frozenset(("annotations", "capacity", "labels", "limits", "matchLabels", "requests"))
"""Fields that hold maps, whose keys Go sorts; those of structures come in the types' order."""


def sorted_map(entries: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A map as Go shows it."""
    return None if entries is None else dict(sorted(entries.items()))


class Ordered(dict[str, Any]):
    """A value that is in Go's order already, as are all its parts."""


def with_sorted_maps(value: Any) -> Any:
    """A value whose parts are in the order in which Go shows them."""
    if isinstance(value, Ordered):
        return value
    if isinstance(value, dict):
        return {
            key: sorted_map(part) if key in _MAPS and isinstance(part, dict) else with_sorted_maps(part)
            for key, part in value.items()
        }
    return [with_sorted_maps(part) for part in value] if isinstance(value, list) else value


def go_json(value: Any) -> str:
    """encoding/json's form: no blanks, `<`, `>` and `&` escaped, maps sorted."""
    return html_escaped(json.dumps(with_sorted_maps(value), separators=(",", ":"), ensure_ascii=False))


def html_escaped(text: str) -> str:
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _with_value(words: str, value: Any, detail: str) -> str:
    match value:
        case bool():
            shown = "true" if value else "false"
        case str():
            shown = quote(value)
        case int() | float():
            shown = str(value)
        case _:
            shown = go_json(value)
    return _with_detail(f"{words}: {shown}", detail)


def _with_detail(words: str, detail: str) -> str:
    return f"{words}: {detail}" if detail else words


def aggregate(errors: Sequence[FieldError]) -> str:
    """All of them in one line: one bare, several in brackets, equal ones once."""
    messages = list(dict.fromkeys(f"{error.path}: {error.message}" for error in errors))
    return messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"


def invalid_message(kind: str, group: str, name: str, errors: Sequence[FieldError]) -> str:
    """`Deployment.apps "d" is invalid: spec.replicas: Invalid value: -1: must be …`."""
    qualified = f"{kind}.{group}" if group else kind
    message = f"{qualified} {quote(name)} is invalid"
    return f"{message}: {aggregate(errors)}" if errors else message


def causes(errors: Sequence[FieldError]) -> list[dict[str, str]]:
    """`details.causes` of the Status (metav1.StatusCause)."""
    return [{"reason": error.reason, "message": error.message, "field": error.path} for error in errors]
