"""Judges a value by its schema, in the words of upstream's validator. The exact walk: `compiler` has the quick one.

Counting what matched, and telling the faults of the alternative that matched most, is upstream's as well, as are its
oddities: a fault of a junctor or of a number's range stands at the path `<nil>`.
Source: k8s.io/kube-openapi pkg/validation/validate, apiextensions-apiserver pkg/apiserver/validation.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kybern.api.resource import FieldError
from kybern.api.structural import numbers
from kybern.api.structural import schema as read
from kybern.api.structural.correlation import Correlation
from kybern.api.structural.faults import Fault, nowhere, type_fault
from kybern.api.structural.formats import check_of, format_of
from kybern.api.structural.patterns import matches
from kybern.api.structural.schema import Schema

_TYPE_META = ("kind", "apiVersion")


@dataclass(slots=True)
class Result:
    """The faults, and how many checks went well."""

    faults: dict[str, Fault] = field(default_factory=dict)
    """By their text: the same is told once."""
    matched: int = 0

    def add(self, fault: Fault) -> None:
        self.faults.setdefault(fault.text, fault)

    def merge(self, other: "Result") -> None:
        for fault in other.faults.values():
            self.add(fault)
        self.matched += other.matched


def validate(value: Any, schema: Schema, path: str = "", correlation: Correlation | None = None) -> list[FieldError]:
    """What is wrong with a value. `path` is that of the value; its parts are told as they stand below it.

    With a correlation, parts that have not changed are not judged.
    """
    result = check(value, schema, "", correlation)
    return [fault.error(path) for fault in result.faults.values()]


def is_valid(value: Any, schema: Schema) -> bool:
    return not check(value, schema, "", None).faults


def check(value: Any, schema: Schema, path: str, correlation: Correlation | None, *, ratchets: bool = True) -> Result:
    """`ratchets`: the correlation is this very value's (and not only handed on to its parts by a junctor)."""
    result = Result()
    if value is None:
        _check_null(schema, path, result)
    else:
        for applies, judge in _CHECKS:
            if applies(value, schema):
                judge(value, schema, path, correlation, result)
                result.matched += 1
        result.matched += 1
    if result.faults and ratchets and correlation is not None and correlation.unchanged:
        return Result(matched=result.matched)
    return result


def _check_null(schema: Schema, path: str, result: Result) -> None:
    kinds = read.types(schema)
    if kinds and not read.is_nullable(schema):
        result.add(type_fault(path, ",".join(kinds), "null"))
    else:
        result.matched += 1
    _check_enum(None, schema, path, None, result)


def _check_type(value: Any, schema: Schema, path: str, _: Correlation | None, result: Result) -> None:
    kinds, shape = read.types(schema), format_of(schema)
    kind, inferred = _json_type(value)
    is_float_int = value.__class__ is float and numbers.is_exact_integer(value) and "integer" in kinds
    fits = kind in kinds or is_float_int or (kind == "integer" and "number" in kinds)
    is_text = kind in ("string", "array")
    if shape and not is_text and not (fits or inferred == shape):
        result.add(type_fault(path, shape, inferred))
    elif shape and is_text and not ("number" in kinds or "integer" in kinds):
        result.matched += 1
    elif not fits:
        result.add(type_fault(path, ",".join(kinds), kind))
    else:
        result.matched += 1


def _json_type(value: Any) -> tuple[str, str]:
    """The JSON type, and the format that upstream infers with it."""
    match value:
        case bool():
            return "boolean", ""
        case str():
            return "string", ""
        case int():
            return "integer", "int64"
        case float():
            return "number", "float64"
        case list():
            return "array", ""
        case _:
            return "object", ""


def _check_junctors(value: Any, schema: Schema, path: str, correlation: Correlation | None, result: Result) -> None:
    def judge(inner: Schema) -> Result:
        return check(value, inner, path, correlation, ratchets=False)

    if schema.get("anyOf"):
        _any_of(map(judge, schema["anyOf"]), path, result)
    if schema.get("oneOf"):
        _one_of(map(judge, schema["oneOf"]), path, result)
    if schema.get("allOf"):
        _all_of([judge(each) for each in schema["allOf"]], path, result)
    if schema.get("not") is not None and not check(value, schema["not"], path, None).faults:
        result.add(nowhere(f'"{path}" must not validate the schema (not)'))
    result.matched += 1


def _any_of(results: Iterable[Result], path: str, into: Result) -> None:
    best: Result | None = None
    for each in results:
        if not each.faults:
            into.merge(each)
            return
        if best is None or each.matched > best.matched:
            best = each
    into.add(nowhere(f'"{path}" must validate at least one schema (anyOf)'))
    if best is not None:
        into.merge(best)


def _one_of(results: Iterable[Result], path: str, into: Result) -> None:
    best: Result | None = None
    valid: list[Result] = []
    for each in results:
        if not each.faults:
            valid.append(each)
            best = None
        elif not valid and (best is None or each.matched > best.matched):
            best = each
    if len(valid) == 1:
        into.merge(valid[0])
        return
    found = f"Found {len(valid)} valid alternatives" if valid else "Found none valid"
    into.add(nowhere(f'"{path}" must validate one and only one schema (oneOf). {found}'))
    if best is not None:
        into.merge(best)


def _all_of(results: list[Result], path: str, into: Result) -> None:
    for each in results:
        into.merge(each)
    valid = sum(not each.faults for each in results)
    if valid != len(results):
        none = "" if valid else ". None validated"
        into.add(nowhere(f'"{path}" must validate all the schemas (allOf){none}'))


def _check_string(value: Any, schema: Schema, path: str, _: Correlation | None, result: Result) -> None:
    longest, shortest, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
    if longest is not None and len(value) > longest:
        text = f"{path} in body should be at most {longest} chars long"
        result.add(Fault(text, path, value, "too long", longest))
    elif shortest is not None and len(value) < shortest:
        result.add(Fault(f"{path} in body should be at least {shortest} chars long", path, value))
    elif pattern and not matches(pattern, value):
        result.add(Fault(f"{path} in body should match '{pattern}'", path, value))


def _check_format(value: Any, schema: Schema, path: str, _: Correlation | None, result: Result) -> None:
    shape = format_of(schema)
    fits = check_of(shape)
    assert fits is not None
    if not fits(value):
        result.add(type_fault(path, shape, value))


def _check_number(value: Any, schema: Schema, path: str, _: Correlation | None, result: Result) -> None:
    for fault in numbers.faults(value, schema, path):
        result.add(fault)
    result.matched += 1


def _check_list(value: Any, schema: Schema, path: str, correlation: Correlation | None, result: Result) -> None:
    inner = read.items(schema)
    if inner is not None:
        for index, each in enumerate(value):
            part = None if correlation is None else correlation.index(index)
            result.merge(check(each, inner, f"{path}[{index}]", part))
    least, most, size = schema.get("minItems"), schema.get("maxItems"), len(value)
    if least is not None and size < least:
        result.add(Fault(f"{path} in body should have at least {least} items", path, size))
    if most is not None and size > most:
        result.add(Fault(f"{path} in body should have at most {most} items", path, size, "too many", most))
    result.matched += 1


def _check_enum(value: Any, schema: Schema, path: str, _: Correlation | None, result: Result) -> None:
    allowed = schema.get("enum")
    if not allowed:
        return
    if value is not None and any(_is_equal(value, each) for each in allowed):
        return
    result.add(Fault(f"{path} in body should be one of {allowed}", path, value, "enum", tuple(allowed)))


def _is_equal(one: Any, other: Any) -> bool:
    return bool(one == other) and (one.__class__ is bool) == (other.__class__ is bool)


def _check_object(value: Any, schema: Schema, path: str, correlation: Correlation | None, result: Result) -> None:
    least, most, size = schema.get("minProperties"), schema.get("maxProperties"), len(value)
    if least is not None and size < least:
        result.add(Fault(f"{path} in body should have at least {least} properties", path, size))
    if most is not None and size > most:
        result.add(Fault(f"{path} in body should have at most {most} properties", path, size, "too many", most))
    known, more = read.properties(schema), read.additional(schema)

    def judge(key: str, inner: Schema) -> None:
        part = None if correlation is None or (not path and key in _TYPE_META) else correlation.key(key)
        result.merge(check(value[key], inner, f"{path}.{key}" if path or key not in known else key, part))

    if schema.get("additionalProperties") is False:
        for key in value:
            if key not in known:
                result.add(Fault(f"{path}.{key} in body is a forbidden property", path, key))
    elif more is not None:
        for key in value:
            if key not in known:
                judge(key, more)
    for key, inner in known.items():
        if key in value:
            judge(key, inner)
    for key in schema.get("required") or ():
        if key not in value:
            result.add(Fault(f"{path}.{key} in body is required", f"{path}.{key}", None, "required"))


_Applies = Callable[[Any, Schema], object]
_Judge = Callable[[Any, Schema, str, Correlation | None, Result], None]

_CHECKS: tuple[tuple[_Applies, _Judge], ...] = (
    (lambda value, schema: read.types(schema) or format_of(schema), _check_type),
    (lambda value, schema: True, _check_junctors),
    (lambda value, schema: value.__class__ is str, _check_string),
    (lambda value, schema: value.__class__ is str and check_of(format_of(schema)) is not None, _check_format),
    (lambda value, schema: value.__class__ in (int, float), _check_number),
    (lambda value, schema: value.__class__ is list, _check_list),
    (lambda value, schema: True, _check_enum),
    (lambda value, schema: value.__class__ is dict, _check_object),
)
"""Upstream's validators in its order: to which values each applies, and what it does."""
