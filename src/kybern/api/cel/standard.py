"""The standard functions and operators of CEL: their overloads, in cel-go's order, which decides results and messages."""

from collections.abc import Callable
from typing import Any

from kybern.api.cel import access, operators
from kybern.api.cel import conversions as to
from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.instants import Duration
from kybern.api.cel.patterns import compile_pattern

_NUMBERS = (("int64", "int"), ("uint64", "uint"), ("double", "double"))
_PLAIN_ORDERED = (("string", "string"), ("bytes", "bytes"), ("timestamp", "timestamp"), ("duration", "duration"))


def matches(text: str, pattern: str) -> bool:
    compiled = compile_pattern(pattern)
    if isinstance(compiled, str):
        raise EvaluationError(compiled)
    return bool(compiled.search(text))


def not_strictly_false(value: object) -> bool:
    return value is not False


def _orderings() -> list[Overload]:
    """`<` and its kin, over the types of numbers too."""
    forms = []
    for function, word, implementation in (
        ("_<_", "less", operators.less),
        ("_<=_", "less_equals", operators.less_equals),
        ("_>_", "greater", operators.greater),
        ("_>=_", "greater_equals", operators.greater_equals),
    ):
        pairs = [(f"{word}_bool", "bool", "bool")]
        for name, kind in _NUMBERS:
            others = [(name, kind), *((n, k) for n, k in (_NUMBERS[2], *_NUMBERS[:2]) if n != name)]
            pairs += [(f"{word}_{name}" if n == name else f"{word}_{name}_{n}", kind, k) for n, k in others]
        pairs += [(f"{word}_{name}", kind, kind) for name, kind in _PLAIN_ORDERED]
        forms += [overload(key, function, f"({left}, {right}) -> bool", implementation) for key, left, right in pairs]
    return forms


def _arithmetic() -> list[Overload]:
    table = """
        _+_ add_bytes (bytes, bytes) -> bytes
        _+_ add_double (double, double) -> double
        _+_ add_duration_duration (duration, duration) -> duration
        _+_ add_duration_timestamp (duration, timestamp) -> timestamp
        _+_ add_timestamp_duration (timestamp, duration) -> timestamp
        _+_ add_int64 (int, int) -> int
        _+_ add_list (list<A>, list<A>) -> list<A>
        _+_ add_string (string, string) -> string
        _+_ add_uint64 (uint, uint) -> uint
        _/_ divide_double (double, double) -> double
        _/_ divide_int64 (int, int) -> int
        _/_ divide_uint64 (uint, uint) -> uint
        _%_ modulo_int64 (int, int) -> int
        _%_ modulo_uint64 (uint, uint) -> uint
        _*_ multiply_double (double, double) -> double
        _*_ multiply_int64 (int, int) -> int
        _*_ multiply_uint64 (uint, uint) -> uint
        -_ negate_double (double) -> double
        -_ negate_int64 (int) -> int
        _-_ subtract_double (double, double) -> double
        _-_ subtract_duration_duration (duration, duration) -> duration
        _-_ subtract_int64 (int, int) -> int
        _-_ subtract_timestamp_duration (timestamp, duration) -> timestamp
        _-_ subtract_timestamp_timestamp (timestamp, timestamp) -> duration
        _-_ subtract_uint64 (uint, uint) -> uint
    """
    implementations: dict[str, Callable[..., Any]] = {
        "_+_": operators.add,
        "_-_": operators.subtract,
        "_*_": operators.multiply,
        "_/_": operators.divide,
        "_%_": operators.modulo,
        "-_": operators.negate,
    }
    lines = [line.split(maxsplit=2) for line in table.strip().splitlines()]
    return [overload(key, function, signature, implementations[function]) for function, key, signature in lines]


def _conversions() -> list[Overload]:
    def same(value: object) -> object:
        return value

    return [
        overload("type", "type", "(A) -> type<A>", to.to_type),
        overload("bool_to_bool", "bool", "(bool) -> bool", same),
        overload("string_to_bool", "bool", "(string) -> bool", to.string_to_bool),
        overload("bytes_to_bytes", "bytes", "(bytes) -> bytes", same),
        overload("string_to_bytes", "bytes", "(string) -> bytes", to.string_to_bytes),
        overload("double_to_double", "double", "(double) -> double", same),
        overload("int64_to_double", "double", "(int) -> double", to.to_double),
        overload("string_to_double", "double", "(string) -> double", to.string_to_double),
        overload("uint64_to_double", "double", "(uint) -> double", to.to_double),
        overload("duration_to_duration", "duration", "(duration) -> duration", same),
        overload("int64_to_duration", "duration", "(int) -> duration", to.int_to_duration),
        overload("string_to_duration", "duration", "(string) -> duration", to.string_to_duration),
        overload("to_dyn", "dyn", "(A) -> dyn", same),
        overload("int64_to_int64", "int", "(int) -> int", same),
        overload("double_to_int64", "int", "(double) -> int", to.double_to_int),
        overload("duration_to_int64", "int", "(duration) -> int", lambda span: span.nanos),
        overload("string_to_int64", "int", "(string) -> int", to.string_to_int),
        overload("timestamp_to_int64", "int", "(timestamp) -> int", lambda moment: moment.nanos // 10**9),
        overload("uint64_to_int64", "int", "(uint) -> int", to.uint_to_int),
        overload("string_to_string", "string", "(string) -> string", same),
        overload("bool_to_string", "string", "(bool) -> string", lambda value: "true" if value else "false"),
        overload("bytes_to_string", "string", "(bytes) -> string", to.bytes_to_string),
        overload("double_to_string", "string", "(double) -> string", to.double_to_string),
        overload("duration_to_string", "string", "(duration) -> string", str),
        overload("int64_to_string", "string", "(int) -> string", str),
        overload("timestamp_to_string", "string", "(timestamp) -> string", str),
        overload("uint64_to_string", "string", "(uint) -> string", str),
        overload("timestamp_to_timestamp", "timestamp", "(timestamp) -> timestamp", same),
        overload("int64_to_timestamp", "timestamp", "(int) -> timestamp", to.int_to_timestamp),
        overload("string_to_timestamp", "timestamp", "(string) -> timestamp", to.string_to_timestamp),
        overload("uint64_to_uint64", "uint", "(uint) -> uint", same),
        overload("double_to_uint64", "uint", "(double) -> uint", to.double_to_uint),
        overload("int64_to_uint64", "uint", "(int) -> uint", to.int_to_uint),
        overload("string_to_uint64", "uint", "(string) -> uint", to.string_to_uint),
    ]


def _times() -> list[Overload]:
    forms = []
    for function, word, part, unit in (
        ("getFullYear", "year", to.year, 0),
        ("getMonth", "month", to.month, 0),
        ("getDayOfYear", "day_of_year", to.day_of_year, 0),
        ("getDayOfMonth", "day_of_month", to.day_of_month, 0),
        ("getDate", "day_of_month_1_based", to.date, 0),
        ("getDayOfWeek", "day_of_week", to.day_of_week, 0),
        ("getHours", "hours", to.hours, 3600 * 10**9),
        ("getMinutes", "minutes", to.minutes, 60 * 10**9),
        ("getSeconds", "seconds", to.seconds, 10**9),
        ("getMilliseconds", "milliseconds", to.milliseconds, 10**6),
    ):
        zoned = "timestamp_to_seconds_tz" if word == "seconds" else f"timestamp_to_{word}_with_tz"
        forms.append(overload(f"timestamp_to_{word}", function, "timestamp.() -> int", part))
        forms.append(overload(zoned, function, "timestamp.(string) -> int", part))
        if unit:
            forms.append(overload(f"duration_to_{word}", function, "duration.() -> int", _whole(unit)))
    return forms


def _whole(unit: int) -> Callable[[Duration], int]:
    def count(span: Duration) -> int:
        return span.whole(unit)

    return count


OVERLOADS: list[Overload] = [
    overload("conditional", "_?_:_", "(bool, A, A) -> A"),
    overload("logical_and", "_&&_", "(bool, bool) -> bool"),
    overload("logical_or", "_||_", "(bool, bool) -> bool"),
    overload("logical_not", "!_", "(bool) -> bool", lambda value: not value),
    overload("not_strictly_false", "@not_strictly_false", "(bool) -> bool", not_strictly_false),
    overload("equals", "_==_", "(A, A) -> bool", operators.equal),
    overload("not_equals", "_!=_", "(A, A) -> bool", operators.not_equal),
    *_arithmetic(),
    *_orderings(),
    overload("index_list", "_[_]", "(list<A>, int) -> A", access.index),
    overload("index_map", "_[_]", "(map<A, B>, A) -> B", access.index),
    overload("in_list", "@in", "(A, list<A>) -> bool", operators.contains),
    overload("in_map", "@in", "(A, map<A, B>) -> bool", operators.contains),
    overload("size_bytes", "size", "(bytes) -> int", len),
    overload("bytes_size", "size", "bytes.() -> int", len),
    overload("size_list", "size", "(list<A>) -> int", len),
    overload("list_size", "size", "list<A>.() -> int", len),
    overload("size_map", "size", "(map<A, B>) -> int", len),
    overload("map_size", "size", "map<A, B>.() -> int", len),
    overload("size_string", "size", "(string) -> int", len),
    overload("string_size", "size", "string.() -> int", len),
    *_conversions(),
    overload("contains_string", "contains", "string.(string) -> bool", lambda text, part: part in text),
    overload("ends_with_string", "endsWith", "string.(string) -> bool", str.endswith),
    overload("starts_with_string", "startsWith", "string.(string) -> bool", str.startswith),
    overload("matches", "matches", "(string, string) -> bool", matches),
    overload("matches_string", "matches", "string.(string) -> bool", matches),
    *_times(),
]
