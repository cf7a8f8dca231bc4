"""Strings: CEL's extended library in version 2, and Kubernetes' regular expressions."""

from typing import Any

from kybern.api.cel.access import show
from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.errors import CostExceeded, EvaluationError
from kybern.api.cel.operators import MAX_ITEMS
from kybern.api.cel.patterns import compile_pattern
from kybern.api.cel.text_format import format_text

_WHITESPACE = "\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_QUOTED = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\",
           '"': '\\"'}  # fmt: skip


def _out_of_range(index: int) -> EvaluationError:
    return EvaluationError(f"index out of range: {index}")


def char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise _out_of_range(index)
    return text[index : index + 1]


def index_of(text: str, part: str, start: int = 0) -> int:
    if part == "":
        return start
    if start < 0:
        raise _out_of_range(start)
    return text.find(part, start)


def last_index_of(text: str, part: str, start: int | None = None) -> int:
    if part == "":
        return len(text) if start is None else start
    if start is None:
        return text.rfind(part)
    if start < 0:
        raise _out_of_range(start)
    return text.rfind(part, 0, start + len(part)) if start < len(text) else -1


def lower_ascii(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def upper_ascii(text: str) -> str:
    return "".join(c.upper() if c.isascii() else c for c in text)


def replace(text: str, old: str, new: str, count: int = -1) -> str:
    times = text.count(old) if count < 0 else min(count, text.count(old))
    _check_length(len(text) + times * (len(new) - len(old)))
    return text.replace(old, new, count)


def split(text: str, separator: str, count: int = -1) -> list[str]:
    if count == 0:
        return []
    if separator == "":
        return list(text) if count < 0 or count >= len(text) else [*text[: count - 1], text[count - 1 :]]
    return text.split(separator, count - 1 if count > 0 else -1)


def join(items: Any, separator: str = "") -> str:
    strings = list(items)
    for item in strings:
        if not isinstance(item, str):
            raise EvaluationError(f"join: invalid input: {show(item)}")
    _check_length(sum(map(len, strings)) + len(separator) * len(strings))
    return separator.join(strings)


def substring(text: str, start: int, end: int | None = None) -> str:
    if end is not None and start > end:
        raise EvaluationError(f"invalid substring range. start: {start}, end: {end}")
    for index in (start, end):
        if index is not None and not 0 <= index <= len(text):
            raise _out_of_range(index)
    return text[start:end]


def trim(text: str) -> str:
    return text.strip(_WHITESPACE)


def quote(text: str) -> str:
    return '"' + "".join(_QUOTED.get(c, "\ufffd" if "\ud800" <= c <= "\udfff" else c) for c in text) + '"'


def find(text: str, pattern: str) -> str:
    match = _pattern(pattern).search(text)
    return str(match.group()) if match else ""


def find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found: list[str] = []
    if limit == 0:
        return found
    for match in _pattern(pattern).finditer(text):
        found.append(match.group())
        if len(found) == limit:
            break
    return found


def _pattern(pattern: str) -> Any:
    compiled = compile_pattern(pattern)
    if isinstance(compiled, str):
        raise EvaluationError(f"Illegal regex: {compiled}")
    return compiled


def _check_length(length: int) -> None:
    """Some functions make far more than they are given; what no budget would pay for is not made."""
    if length > 10 * MAX_ITEMS:
        raise CostExceeded


REGEX: list[Overload] = [
    overload("string_find_string", "find", "string.(string) -> string", find),
    overload("string_find_all_string", "findAll", "string.(string) -> list<string>", find_all),
    overload("string_find_all_string_int", "findAll", "string.(string, int) -> list<string>", find_all),
]

STRINGS: list[Overload] = [
    overload("string_char_at_int", "charAt", "string.(int) -> string", char_at),
    overload("string_index_of_string", "indexOf", "string.(string) -> int", index_of),
    overload("string_index_of_string_int", "indexOf", "string.(string, int) -> int", index_of),
    overload("string_last_index_of_string", "lastIndexOf", "string.(string) -> int", last_index_of),
    overload("string_last_index_of_string_int", "lastIndexOf", "string.(string, int) -> int", last_index_of),
    overload("string_lower_ascii", "lowerAscii", "string.() -> string", lower_ascii),
    overload("string_replace_string_string", "replace", "string.(string, string) -> string", replace),
    overload("string_replace_string_string_int", "replace", "string.(string, string, int) -> string", replace),
    overload("string_split_string", "split", "string.(string) -> list<string>", split),
    overload("string_split_string_int", "split", "string.(string, int) -> list<string>", split),
    overload("string_substring_int", "substring", "string.(int) -> string", substring),
    overload("string_substring_int_int", "substring", "string.(int, int) -> string", substring),
    overload("string_trim", "trim", "string.() -> string", trim),
    overload("string_upper_ascii", "upperAscii", "string.() -> string", upper_ascii),
    overload("string_format", "format", "string.(list<dyn>) -> string", format_text),
    overload("strings_quote", "strings.quote", "(string) -> string", quote),
    overload("list_join", "join", "list<string>.() -> string", join),
    overload("list_join_string", "join", "list<string>.(string) -> string", join),
]
