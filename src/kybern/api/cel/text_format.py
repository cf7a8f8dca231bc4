"""`"%s is %d".format([…])`: the clauses, as cel-go formats them for en_US, and their checks before anything runs."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kybern.api.cel.access import find, keys
from kybern.api.cel.conversions import bytes_to_string, double_to_string
from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.instants import Duration, Timestamp
from kybern.api.cel.values import TypeValue, type_name

_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_ACCEPTED = {
    "d": ("decimal clause can only be used on integers", ("int", "uint")),
    "f": ("fixed-point clause can only be used on doubles", ("double", "string")),
    "e": ("scientific clause can only be used on doubles", ("double", "string")),
    "b": ("only integers and bools can be formatted as binary", ("int", "uint", "bool")),
    "x": ("only integers, byte buffers, and strings can be formatted as hex", ("int", "uint", "string", "bytes")),
    "o": ("octal clause can only be used on integers", ("int", "uint")),
}
_TEXTUAL = "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"
_MAX_PRECISION = 1_000
_SIMPLE = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
           "\\": "\\\\", '"': '\\"'}  # fmt: skip


class Clause(NamedTuple):
    """One `%.2f`: the letter, and the digits behind the point (None: six)."""

    letter: str
    precision: int | None


def clauses(pattern: str, available: int) -> Iterator[str | Clause]:
    """Text and clauses in turn. Raises EvaluationError, also for a clause that has no argument left."""
    position, used = 0, 0
    while position < len(pattern):
        percent = pattern.find("%", position)
        if percent < 0:
            yield pattern[position:]
            return
        if percent > position:
            yield pattern[position:percent]
        if pattern[percent + 1 : percent + 2] == "%":
            yield "%"
            position = percent + 2
            continue
        if used >= available:
            raise EvaluationError(f"index {used} out of range")
        if percent + 1 >= len(pattern):
            raise EvaluationError("unexpected end of string")
        clause, position = _clause(pattern, percent + 1)
        used += 1
        yield clause


def _clause(pattern: str, position: int) -> tuple[Clause, int]:
    failed = "could not parse formatting clause: "
    precision = None
    if pattern[position] == ".":
        end = position + 1
        while end < len(pattern) and "0" <= pattern[end] <= "9":
            end += 1
        if end >= len(pattern):
            raise EvaluationError(f"{failed}error while parsing precision: could not find end of precision specifier")
        digits = pattern[position + 1 : end]
        if not digits or len(digits) > 18:
            problem = "invalid syntax" if not digits else "value out of range"
            message = f'error while converting precision to integer: strconv.Atoi: parsing "{digits}": {problem}'
            raise EvaluationError(f"{failed}error while parsing precision: {message}")
        precision, position = int(digits), end
    letter = pattern[position]
    if letter not in "sdfebxXo":
        raise EvaluationError(f'{failed}unrecognized formatting clause "{letter}"')
    return Clause(letter, precision), position + 1


def format_text(pattern: str, args: Any) -> str:
    parts: list[str] = []
    at = 0
    for part in clauses(pattern, len(args)):
        if isinstance(part, str):
            parts.append(part)
            continue
        try:
            parts.append(_format(part, args[at]))
        except EvaluationError as error:
            raise EvaluationError(f"error during formatting: {error}") from None
        at += 1
    return "".join(parts)


def accepts(letter: str, kind: str) -> str | None:
    """What a clause says to a value of that type; None if it takes it."""
    message, kinds = _ACCEPTED[letter.lower()]
    return None if kind in kinds else f"{message}, was given {kind}"


def refuses_text(kind: str) -> str:
    return f"{_TEXTUAL}, was given {kind}"


def _format(clause: Clause, value: Any) -> str:
    letter = clause.letter
    if letter == "s":
        return show_text(value)
    kind = type_name(value)
    refused = accepts(letter, kind)
    if refused:
        raise EvaluationError(refused)
    if letter in "fe":
        if isinstance(value, str):
            if value not in ("NaN", "Infinity", "-Infinity"):
                raise EvaluationError(f"{_ACCEPTED[letter][0]}, was given string")
            value = float(value)
        return _fixed(value, clause.precision) if letter == "f" else _scientific(value)
    if letter == "d":
        return str(int(value))
    if letter in "xX":
        return _hex(value, letter)
    return format(int(value), letter)


def _hex(value: Any, letter: str) -> str:
    if isinstance(value, (str, bytes)):
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        return data.hex().upper() if letter == "X" else data.hex()
    return format(int(value), letter)


def _fixed(value: float, precision: int | None) -> str:
    """With commas between thousands, as the printer for en_US has them."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    return f"{value:,.{min(6 if precision is None else precision, _MAX_PRECISION)}f}"


def _scientific(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    mantissa, _, exponent = f"{value:.6e}".partition("e")
    power = exponent.replace("+", "").translate(_SUPERSCRIPTS)
    return f"{mantissa}×10{power}"


def show_text(value: Any) -> str:
    """What `%s` prints."""
    found = _TEXTS.get(type_name(value))
    if found is None:
        raise EvaluationError(refuses_text(type_name(value)))
    return found(value)


def _in_container(value: Any) -> str:
    """Within lists and maps strings are quoted, and doubles have six digits."""
    kind = type_name(value)
    if kind == "string":
        return _quoted(value)
    if kind == "bytes":
        return f"b{_quoted(bytes_to_string(value))}"
    if kind == "double":
        text = f"{value:.6f}"
        return text if math.isfinite(value) else f'"{"NaN" if math.isnan(value) else double_to_string(value)}"'
    if isinstance(value, Timestamp):
        return f'timestamp("{value}")'
    if isinstance(value, Duration):
        return f'duration("{value}")'
    if kind not in _TEXTS:
        raise EvaluationError(f"no formatting function for {kind}")
    return show_text(value)


def _quoted(text: str) -> str:
    """Go's %q."""
    shown = (_SIMPLE.get(c) or (c if c.isprintable() else _escaped(ord(c))) for c in text)
    return '"' + "".join(shown) + '"'


def _escaped(code: int) -> str:
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _list_text(items: Any) -> str:
    return f"[{', '.join(_in_container(item) for item in items)}]"


def _map_text(entries: Any) -> str:
    pairs = []
    for key in keys(entries):
        kind = type_name(key)
        if kind not in ("string", "bool", "int", "uint"):
            raise EvaluationError(f"no formatting function for map key of type {kind}")
        pairs.append((_in_container(key), _in_container(find(entries, key))))
    return "{" + ", ".join(f"{key}:{value}" for key, value in sorted(pairs)) + "}"


def _type_text(value: TypeValue) -> str:
    return value.name


_TEXTS: dict[str, Callable[[Any], str]] = {
    "list": _list_text,
    "map": _map_text,
    "int": str,
    "uint": str,
    "double": double_to_string,
    "bool": lambda value: "true" if value else "false",
    "string": str,
    "bytes": bytes_to_string,
    "google.protobuf.Timestamp": str,
    "google.protobuf.Duration": str,
    "type": _type_text,
    "null_type": lambda value: "null",
}
