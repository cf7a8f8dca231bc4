"""Writes Python source for a schema: two functions per object, for values that are in order.

`form` prunes nothing: it puts defaults in, takes nulls out and raises Unfit at whatever is unknown, for the exact walks
in `form` to deal with. `check` tells that a value is valid; where it cannot tell it says no, and `values` has the word.
What the functions need beside the value (sets of names, defaults, checks of formats) they get by name.
"""

import re
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import orjson

from kybern.api.schema.values import Unfit
from kybern.api.structural import schema as read
from kybern.api.structural import values
from kybern.api.structural.form import copy, default
from kybern.api.structural.formats import check_of, format_of
from kybern.api.structural.patterns import compiled
from kybern.api.structural.schema import META_FIELDS, Schema

_ODD = (dict, list, float)
"""Classes that make what should be a scalar a matter of the exact walk."""

Form = Callable[[Any], None]
Check = Callable[[Any], bool]

_PLAIN_TYPES = {
    "string": "{v}.__class__ is str",
    "boolean": "{v}.__class__ is bool",
    "integer": "({v}.__class__ is int and -0x8000000000000000 <= {v} <= 0x7fffffffffffffff)",
    "number": "({v}.__class__ is int or {v}.__class__ is float)",
    "array": "{v}.__class__ is list",
    "object": "{v}.__class__ is dict",
}


def compile_schema(schema: Schema) -> tuple[Form, Check]:
    """The two functions for whole objects of a schema (its root implies type and metadata)."""
    source = Source()
    form = source.form(schema, is_root=True)
    check = source.check(schema)
    exec(compile("\n".join(source.lines), "<custom resource>", "exec"), source.namespace)
    return source.namespace[form], source.namespace[check]


class Source:
    """The text of the functions of one schema, and what they need by name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = {"ODD": _ODD, "Unfit": Unfit, "loads": orjson.loads, "dumps": orjson.dumps}
        self._numbers = count()

    def name(self, value: Any, prefix: str) -> str:
        """A new name for a value in the functions' namespace."""
        name = f"{prefix}{next(self._numbers)}"
        self.namespace[name] = value
        return name

    def form(self, schema: Schema, *, keeps: bool = False, is_root: bool = False) -> str:
        """The name of the function that brings a value into form."""
        return self._function("f", list(self._form(schema, keeps or read.preserves(schema), is_root)), " return")

    def check(self, schema: Schema) -> str:
        """The name of the function that tells whether a value is valid."""
        return self._function("c", list(self._check(schema)), " return True")

    def _function(self, prefix: str, body: list[str], end: str) -> str:
        name = f"{prefix}{next(self._numbers)}"
        self.lines += [f"def {name}(v):", *(f" {line}" for line in body), end]
        return name

    def _form(self, schema: Schema, keeps: bool, is_root: bool) -> Iterator[str]:
        if keeps:
            yield f"if {self.name(_holds_floats, 'floats')}(v): raise Unfit"
        kinds = read.types(schema)
        if kinds == ("array",):
            yield "if v.__class__ is not list and v is not None: raise Unfit"
            inner = read.items(schema)
            if inner is not None:
                yield from self._form_list(inner, keeps)
        elif kinds in ((), ("object",)) and not read.is_int_or_string(schema):
            yield from self._form_object(schema, keeps, is_root)
        else:
            yield "if v.__class__ in ODD: raise Unfit"

    def _form_list(self, inner: Schema, keeps: bool) -> Iterator[str]:
        yield "if v.__class__ is list:"
        if inner.get("default") is not None:
            yield " if None in v: raise Unfit"
        if _is_scalar(inner):
            yield " if any(e.__class__ in ODD for e in v): raise Unfit"
        else:
            yield f" for e in v: {self.form(inner, keeps=keeps)}(e)"

    def _form_object(self, schema: Schema, keeps: bool, is_root: bool) -> Iterator[str]:
        known, more = read.properties(schema), read.additional(schema)
        implied = META_FIELDS if is_root or read.is_embedded(schema) else frozenset()
        yield "if v.__class__ is not dict:"
        yield " if v is None: return"
        yield " raise Unfit"
        if not (keeps or read.allows_additional(schema)):
            yield f"if not {self.name(frozenset(known) | implied, 'known')}.issuperset(v): raise Unfit"
        if known or more is not None:
            yield f"if None in v.values(): {self.name(_Nulls(schema), 'nulls')}(v)"
        for key, inner in known.items():
            if key not in implied:
                yield from self._form_property(key, inner)
        if read.allows_additional(schema):
            yield from self._form_additional(known, more)
        if read.is_embedded(schema) and not is_root:
            yield "raise Unfit"

    def _form_property(self, key: str, inner: Schema) -> Iterator[str]:
        given = inner.get("default")
        absent = f"if {key!r} not in v: v[{key!r}] = {self._default(given, inner)}" if given is not None else ""
        if absent:
            yield absent
        if not _is_scalar(inner):
            yield f"{'el' if absent else ''}if {key!r} in v: {self.form(inner)}(v[{key!r}])"
        else:
            yield f"{'el' if absent else ''}if v.get({key!r}).__class__ in ODD: raise Unfit"

    def _form_additional(self, known: dict[str, Schema], more: Schema | None) -> Iterator[str]:
        if more is None or _is_scalar(more):
            yield "if any(e.__class__ in ODD for e in v.values()): raise Unfit"
        else:
            names = self.name(frozenset(known), "known") if known else "()"
            yield f"for k, e in v.items(): k in {names} or {self.form(more)}(e)"

    def _default(self, given: Any, inner: Schema) -> str:
        """The expression for a fresh default, with the defaults within it."""
        whole = copy(given)
        default(whole, inner)
        if whole.__class__ not in (dict, list):
            return self.name(whole, "default")
        return f"loads({self.name(orjson.dumps(whole), 'default')})"

    def _check(self, schema: Schema) -> Iterator[str]:
        if read.is_nullable(schema):
            yield f"if v is None: return {not schema.get('enum')}"
        kinds = read.types(schema)
        if kinds:
            tests = " or ".join(_PLAIN_TYPES.get(kind, "False").format(v="v") for kind in kinds)
            yield f"if not ({tests}): return False"
        else:
            yield "if v is None: return False"
        yield from self._check_scalar(schema)
        yield from self._check_junctors(schema)
        if _concerns_lists(schema):
            yield from self._check_list(schema)
        if _concerns_objects(schema):
            yield from self._check_object(schema)

    def _check_scalar(self, schema: Schema) -> Iterator[str]:
        if schema.get("enum"):
            plain = all(each.__class__ is str for each in schema["enum"])
            allowed = self.name(frozenset(schema["enum"]) if plain else (), "enum")
            yield f"if v.__class__ is not str or v not in {allowed}: return False"
        tests = []
        for key, relation in (("maxLength", ">"), ("minLength", "<")):
            if schema.get(key) is not None:
                tests.append(f"len(v) {relation} {schema[key]!r}")
        if schema.get("pattern"):
            tests.append(self._pattern(schema["pattern"]))
        shape = check_of(format_of(schema))
        if shape is not None:
            tests.append(f"not {self.name(shape, 'format')}(v)")
        if tests:
            yield f"if v.__class__ is str and ({' or '.join(tests)}): return False"
        yield from self._check_number(schema)

    def _pattern(self, pattern: str) -> str:
        """Simple anchored patterns are quicker, and as safe, in `re`."""
        if _SIMPLE.fullmatch(pattern):
            return f"{self.name(re.compile(pattern[:-1] + chr(92) + 'Z', re.ASCII).match, 'pattern')}(v) is None"
        return f"{self.name(compiled(pattern).search, 'pattern')}(v) is None"

    def _check_number(self, schema: Schema) -> Iterator[str]:
        limits = [schema.get(key) for key in ("minimum", "maximum", "multipleOf")]
        small = schema.get("format") in ("int32", "float")
        if not small and all(limit is None for limit in limits):
            return
        tests = ["v.__class__ is float"]
        if schema.get("format") == "int32":
            tests.append("not -0x80000000 <= v <= 0x7fffffff")
        for limit, strict, loose in ((limits[0], "<=", "<"), (limits[1], ">=", ">")):
            if limit is None:
                continue
            exclusive = schema.get("exclusiveMinimum" if strict == "<=" else "exclusiveMaximum")
            tests.append(f"v {strict if exclusive else loose} {limit!r}" if float(limit).is_integer() else "True")
        if limits[2] is not None:
            whole = float(limits[2]).is_integer() and limits[2] > 0
            tests.append(f"v % {int(limits[2])}" if whole else "True")
        yield f"if v.__class__ in ({'int, float'}) and ({' or '.join(tests)}): return False"

    def _check_junctors(self, schema: Schema) -> Iterator[str]:
        for each in schema.get("allOf") or ():
            yield f"if not {self.check(each)}(v): return False"
        if schema.get("anyOf"):
            tests = [f"{self.check(each)}(v)" for each in schema["anyOf"]]
            yield f"if not ({' or '.join(tests)}): return False"
        if schema.get("oneOf"):
            tests = [f"{self._exact(each)}(v)" for each in schema["oneOf"]]
            yield f"if {' + '.join(tests)} != 1: return False"
        if schema.get("not") is not None:
            yield f"if {self._exact(schema['not'])}(v): return False"

    def _exact(self, schema: Schema) -> str:
        """A check that is right about what is not valid, too."""
        return self.name(lambda value: values.is_valid(value, schema), "exact")

    def _check_list(self, schema: Schema) -> Iterator[str]:
        yield "if v.__class__ is list:"
        yield " n = len(v)"
        for key, relation in (("minItems", "<"), ("maxItems", ">")):
            if schema.get(key) is not None:
                yield f" if n {relation} {schema[key]!r}: return False"
        match schema.get("x-kubernetes-list-type"):
            case "set":
                yield " if n > 1 and len(set(map(dumps, v))) != n: return False"
            case "map":
                keys = ", ".join(f"e.get({key!r})" for key in schema.get("x-kubernetes-list-map-keys") or ())
                yield " if any(e.__class__ is not dict for e in v): return False"
                yield f" if n > 1 and len({{dumps([{keys}]) for e in v}}) != n: return False"
        inner = read.items(schema)
        if inner is not None:
            yield f" if not all(map({self.check(inner)}, v)): return False"

    def _check_object(self, schema: Schema) -> Iterator[str]:
        known, more = read.properties(schema), read.additional(schema)
        lines = []
        for key, relation in (("minProperties", "<"), ("maxProperties", ">")):
            if schema.get(key) is not None:
                lines.append(f"if len(v) {relation} {schema[key]!r}: return False")
        for key in schema.get("required") or ():
            lines.append(f"if {key!r} not in v: return False")
        for key, inner in known.items():
            if set(inner) - _DESCRIPTIVE:
                lines.append(f"if {key!r} in v and not {self.check(inner)}(v[{key!r}]): return False")
        names = self.name(frozenset(known), "known") if known else "()"
        if schema.get("additionalProperties") is False:
            lines.append(f"if any(k not in {names} for k in v): return False")
        elif more is not None:
            lines.append(f"if not all(k in {names} or {self.check(more)}(e) for k, e in v.items()): return False")
        if read.is_embedded(schema):
            lines.append("return False")
        if lines:
            yield "if v.__class__ is dict:"
            yield from (f" {line}" for line in lines)


class _Nulls:
    """Takes out nulls that are not allowed, and puts in the defaults that they hide."""

    def __init__(self, schema: Schema) -> None:
        known = read.properties(schema)
        self._strict = {key for key, inner in known.items() if not read.is_nullable(inner)}
        more = read.additional(schema)
        self._others = None if more is None else (read.is_nullable(more), known.keys())
        self._replaces = more is not None and more.get("default") is not None

    def __call__(self, value: dict[str, Any]) -> None:
        for key in [key for key, each in value.items() if each is None]:
            if key in self._strict or (self._others is not None and self._refuses(key)):
                del value[key]

    def _refuses(self, key: str) -> bool:
        assert self._others is not None
        nullable, known = self._others
        refused = not nullable and key not in known
        if refused and self._replaces:
            raise Unfit
        return refused


def _is_scalar(schema: Schema) -> bool:
    return schema.get("type") in ("string", "boolean", "integer", "number") and not read.preserves(schema)


def _holds_floats(value: Any) -> bool:
    """Whether a number may have to be written otherwise, anywhere in a value that nothing is known of."""
    if value.__class__ is dict:
        return any(map(_holds_floats, value.values()))
    return any(map(_holds_floats, value)) if value.__class__ is list else value.__class__ is float


def _concerns_lists(schema: Schema) -> bool:
    kinds = read.types(schema)
    return "array" in kinds or (not kinds and not _LISTS.isdisjoint(schema))


def _concerns_objects(schema: Schema) -> bool:
    kinds = read.types(schema)
    return "object" in kinds or (not kinds and not _OBJECTS.isdisjoint(schema))


_LISTS = frozenset(("items", "minItems", "maxItems", "x-kubernetes-list-type"))
_OBJECTS = frozenset(("properties", "required", "additionalProperties", "minProperties", "maxProperties"))
_DESCRIPTIVE = frozenset(("description", "title", "example", "externalDocs"))
_SIMPLE = re.compile(r"\^(?:[A-Za-z0-9_-]|\[[A-Za-z0-9_.-]+\][+*?]?|\\\.)+\$")
"""Patterns that mean the same in every dialect and cannot take long: no group is repeated."""
