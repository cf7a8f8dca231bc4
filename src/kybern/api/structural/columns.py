"""Columns of custom resources: a JSONPath each, in the dialect of client-go's template package as far as tables use it.

Source: https://kubernetes.io/docs/reference/kubectl/jsonpath/,
apiextensions-apiserver pkg/registry/customresource/tableconvertor.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from kybern.api.groups.columns import human_duration
from kybern.api.resource import Column, Object
from kybern.api.validation.field import go_json

Step = Callable[[Any], Iterator[Any]]

NAME = Column("Name", format="name", description="@io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.name")
AGE = {
    "name": "Age",
    "type": "date",
    "description": "@io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.creationTimestamp",
    "jsonPath": ".metadata.creationTimestamp",
}
_TOKEN = re.compile(
    r"\.\.|\.\*|\[\*\]"
    r"|\.(?P<name>(?:\\.|[^.\[\]\\\s])+)"
    r"|\[(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\]"
    r"|\[(?P<slice>-?\d*(?::-?\d*){0,2})\]"
    r"|\[\?\((?P<filter>(?:[^()'\"]|'[^']*'|\"[^\"]*\")*)\)\]"
)
_FILTER = re.compile(r"\s*@(?P<path>[^\s=!<>]*)\s*(?:(?P<operator>==|!=|<=|>=|<|>)\s*(?P<value>.+?))?\s*")


class BadPath(ValueError):
    """A path that client-go could not parse."""


class JsonPath:
    """`.status.conditions[?(@.type=="Ready")].status`."""

    def __init__(self, text: str) -> None:
        """Raises BadPath."""
        self._steps = list(_steps(text))

    def find(self, obj: Any) -> list[Any]:
        """All values that the path leads to; what is missing is passed over."""
        found = [obj]
        for step in self._steps:
            found = [each for value in found for each in step(value)]
        return found


def _steps(text: str) -> Iterator[Step]:
    text = re.sub(r"\.\.(?=[^.\[])", "...", text)  # After two points a name stands bare; elsewhere it has its own.
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            if text == ".":
                return
            raise BadPath(f"unrecognized character in {text!r} at {at}")
        at = match.end()
        yield _step(match)


def _step(match: re.Match[str]) -> Step:
    if match["name"] is not None:
        return _field(re.sub(r"\\(.)", r"\1", match["name"]))
    if match["quoted"] is not None:
        return _field(re.sub(r"\\(.)", r"\1", match["quoted"][1:-1]))
    if match["slice"] is not None:
        return _slice(match["slice"])
    if match["filter"] is not None:
        return _filter(match["filter"])
    return _descend if match[0] == ".." else _children


def _field(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if value.__class__ is dict and name in value:
            yield value[name]

    return step


def _children(value: Any) -> Iterator[Any]:
    if value.__class__ is dict:
        yield from value.values()
    elif value.__class__ is list:
        yield from value


def _descend(value: Any) -> Iterator[Any]:
    yield value
    for each in _children(value):
        yield from _descend(each)


def _slice(text: str) -> Step:
    if not text:
        raise BadPath("empty index")
    parts = [int(part) if part else None for part in text.split(":")]

    def step(value: Any) -> Iterator[Any]:
        if value.__class__ is not list:
            return
        if len(parts) > 1:
            yield from value[slice(*parts)]
        elif parts[0] is not None and -len(value) <= parts[0] < len(value):
            yield value[parts[0]]

    return step


def _filter(text: str) -> Step:
    match = _FILTER.fullmatch(text)
    if match is None:
        raise BadPath(f"unrecognized filter {text!r}")
    path, operator, wanted = JsonPath(match["path"]), match["operator"], _literal(match["value"])

    def takes(value: Any) -> bool:
        found = path.find(value)
        if operator is None:
            return bool(found)
        return bool(found) and _compare(found[0], operator, wanted)

    def step(value: Any) -> Iterator[Any]:
        if value.__class__ is list:
            yield from filter(takes, value)

    return step


def _literal(text: str | None) -> Any:
    if text is None:
        return None
    if text[0] in "'\"" and text[-1] == text[0]:
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise BadPath(f"unrecognized literal {text!r}") from None


def _compare(found: Any, operator: str, wanted: Any) -> bool:
    match operator:
        case "==":
            return bool(found == wanted)
        case "!=":
            return bool(found != wanted)
    if isinstance(found, str) != isinstance(wanted, str) or isinstance(found, dict | list):
        return False
    match operator:
        case "<":
            return bool(found < wanted)
        case "<=":
            return bool(found <= wanted)
        case ">":
            return bool(found > wanted)
        case _:
            return bool(found >= wanted)


def table_of(given: Sequence[Object]) -> tuple[tuple[Column, ...], Callable[[Object, float], Sequence[Any]]]:
    """The columns of `additionalPrinterColumns` (only an age where there are none), and what fills them."""
    chosen = given or [AGE]
    try:
        paths = [(JsonPath(each.get("jsonPath") or ""), each.get("type") or "") for each in chosen]
    except BadPath:
        chosen, paths = [], []
    columns = (NAME, *map(_column, chosen))

    def cells(obj: Object, now: float) -> Sequence[Any]:
        return [obj["metadata"].get("name", ""), *(_cell(path.find(obj), kind, now) for path, kind in paths)]

    return columns, cells


def _column(given: Object) -> Column:
    path = given.get("jsonPath") or ""
    text = given.get("description") or f"Custom resource definition column (in JSONPath format): {path}"
    return Column(given["name"], given["type"], given.get("format") or "", text, given.get("priority") or 0)


def _cell(found: Sequence[Any], kind: str, now: float) -> Any:
    if not found:
        return None
    value = found[0]
    if kind == "string":
        return _text(value)
    match kind, value:
        case _, None:
            return None
        case "boolean", bool():
            return value
        case "integer", int() | float() if not isinstance(value, bool):
            return int(value)
        case "number", int() | float() if not isinstance(value, bool):
            return value
        case "date", str():
            return _age(value, now)
    return None


def _text(value: Any) -> str:
    """As client-go prints a value: texts bare, the rest as JSON."""
    if isinstance(value, str):
        return value
    return "<nil>" if value is None else go_json(_in_order(value))


def _in_order(value: Any) -> Any:
    """Go's maps are written with their keys in order."""
    if value.__class__ is dict:
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(each) for each in value] if value.__class__ is list else value


def _age(text: str, now: float) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return "<invalid>"
    if moment.tzinfo is None:
        return "<invalid>"
    return human_duration(now - moment.astimezone(UTC).timestamp())
