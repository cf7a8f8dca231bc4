"""Writes Python source for definitions: one function each, that checks, prunes and (in mode `admit`) defaults.

A generated function takes a parsed object, gives a new one with its fields in upstream's order and raises Unfit at
whatever is not plain: unknown fields, wrong types, nulls among elements. Lists and maps of scalars are taken over, not
copied. Functions are made when first called, for an API has hundreds of definitions and a cluster uses few.
"""

from collections.abc import Callable, Iterator
from typing import Any

from kybern.api import defaults
from kybern.api.schema import structure, unions, values
from kybern.api.schema.structure import Type

Pass = Callable[[Any], dict[str, Any]]

ADMIT = "admit"
"""Drops what Go would not encode, fills in defaults and what Go always encodes."""
DECODE = "decode"
"""Only checks and prunes; explicit zeros stay."""

_INLINE = {
    "s": "if v.__class__ is not str: raise Unfit",
    "b": "if v.__class__ is not bool: raise Unfit",
    "i": "if v.__class__ is not int or not -0x80000000 <= v <= 0x7fffffff: raise Unfit",
    "l": "if v.__class__ is not int or not -0x8000000000000000 <= v <= 0x7fffffffffffffff: raise Unfit",
    **dict.fromkeys("jrFD", "pass"),
}
"""Checks cheaper in place than called, by the letters of types."""

_namespace: dict[str, Any] = {"Unfit": values.Unfit, "resource_quantity": values.resource_quantity}
_namespace.update({f"scalar_{letter}": converter for letter, converter in values.CONVERTERS.items()})
_numbers: dict[str, int] = {}


def function(mode: str, name: str) -> Pass:
    """The pass for a definition; the real function takes the stub's place in `_namespace` at the first call."""
    own = _function_name(mode, name)
    if own not in _namespace:

        def compile_first(value: Any) -> dict[str, Any]:
            if _namespace[own] is compile_first:
                _compile(mode, name)
            result: dict[str, Any] = _namespace[own](value)
            return result

        _namespace[own] = compile_first
    found: Pass = _namespace[own]
    return found


def _function_name(mode: str, name: str) -> str:
    return f"{mode}_{_numbers.setdefault(name, len(_numbers))}"


def _compile(mode: str, name: str) -> None:
    code = source(mode, name)
    exec(compile(code, f"<{mode} {name}>", "exec"), _namespace)


def source(mode: str, name: str) -> str:
    """The text of a definition's function; its helpers are put into the namespace on the way."""
    own = _function_name(mode, name)
    fields = structure.fields(name)
    _namespace[f"known_{own}"] = frozenset(fields)
    fixed, code = defaults.of(name) if mode == ADMIT else ({}, None)
    assert fixed.keys() <= fields.keys(), f"{name}: defaults for unknown {fixed.keys() - fields.keys()}"
    lines = [
        f"def {own}(o):",
        f" if o.__class__ is not dict or not known_{own}.issuperset(o): raise Unfit",
        " out = {}",
    ]
    for wire, field in fields.items():
        keeps_empty = wire in defaults.keeps_empty(name)
        statements = _admit(wire, field, fixed.get(wire), keeps_empty) if mode == ADMIT else _decode(wire, field)
        lines += [" " + line for line in statements]
    if unions.of(name):
        _namespace["complete"] = unions.complete
        lines.append(f" complete(out, {own})")
    if code is not None:
        _namespace[f"code_{own}"] = code
        lines.append(f" code_{own}(out)")
    return "\n".join([*lines, " return out", ""])


def _decode(wire: str, field: dict[str, Any]) -> Iterator[str]:
    yield f"if {wire!r} in o:"
    yield f" v = o[{wire!r}]"
    yield " if v is not None:"
    for line in _convert(DECODE, field):
        yield f"  {line}"
    yield f"  out[{wire!r}] = v"


def _admit(wire: str, field: dict[str, Any], default: Any, keeps_empty: bool) -> Iterator[str]:
    mark = field.get("m", "")
    absent = _absent(field, mark) if default is None else repr(default)
    keeps_zero = keeps_empty or "*" in mark or ("!" in mark and default is None and not _is_collection(field["t"]))
    if absent:
        yield f"v = o[{wire!r}] if {wire!r} in o else None"
        yield "if v is not None:"
        for line in _convert(ADMIT, field):
            yield f" {line}"
        yield f"out[{wire!r}] = v if v{' is not None' if keeps_zero else ''} else {absent}"
    else:
        yield f"if {wire!r} in o:"
        yield f" v = o[{wire!r}]"
        yield " if v is not None:"
        for line in _convert(ADMIT, field):
            yield f"  {line}"
        yield f"  {'' if keeps_zero else 'if v: '}out[{wire!r}] = v"


def _absent(field: dict[str, Any], mark: str) -> str:
    """The expression for what Go encodes in place of an absent value; "" for nothing."""
    kind = field["t"]
    if "!" not in mark:
        return ""
    if _is_reference(kind) and "*" not in mark:
        function(ADMIT, kind[1])
        return f"{_function_name(ADMIT, kind[1])}({{}})"
    return repr(values.ZEROS.get(kind) if isinstance(kind, str) and "*" not in mark else None)


def _is_reference(kind: Type) -> bool:
    return bool(kind[0] == "@")


def _is_collection(kind: Type) -> bool:
    return isinstance(kind, list) and kind[0] != "@"


def _convert(mode: str, field: dict[str, Any]) -> Iterator[str]:
    """Statements that check `v` and bring it into form."""
    kind = field["t"]
    if isinstance(kind, str):
        yield _INLINE.get(kind) or f"v = scalar_{kind}(v)"
        return
    mark, inner = kind
    if mark == "@":
        yield f"v = {_converter(mode, kind)}(v)"
        return
    yield f"if v.__class__ is not {'list' if mark == '[' else 'dict'}: raise Unfit"
    if inner == "s":
        yield "for e in v" + ("" if mark == "[" else ".values()") + ":"
        yield " if e.__class__ is not str: raise Unfit"
        return
    converter = _converter(mode, inner)
    if mode == ADMIT and field.get("g") == "v1.ResourceList":
        converter = "resource_quantity"
    yield f"v = list(map({converter}, v))" if mark == "[" else f"v = {{k: {converter}(e) for k, e in v.items()}}"


def _converter(mode: str, kind: Type) -> str:
    """The name of a function for values of a type."""
    if isinstance(kind, str):
        return f"scalar_{kind}"
    mark, inner = kind
    if mark == "@":
        function(mode, inner)
        return _function_name(mode, inner)
    name = f"{mode}_{'list' if mark == '[' else 'map'}_of_{_converter(mode, inner)}"
    if name not in _namespace:
        body = "".join(f" {line}\n" for line in _convert(mode, {"t": kind}))
        exec(f"def {name}(v):\n{body} return v\n", _namespace)
    return name
