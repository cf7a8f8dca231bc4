"""YAML in and out as Go's sigs.k8s.io/yaml has it: YAML 1.2's scalars with YAML 1.1's booleans, no dates, no base 60.

Keys that are numbers or booleans become strings, for JSON has no others. Of several documents the first is read.
Aliases are budgeted: what they expand to may be no larger than EXPANSION_LIMIT nodes.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import yaml

WIDTH = 80
"""Columns after which a long text goes on in the next line, as Go's yaml breaks it."""
EXPANSION_LIMIT = 200_000
"""Nodes after expansion of aliases."""

_BOOLEAN = re.compile(r"^(?:[yYnN]|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$")
_INTEGER = re.compile(r"^(?:[-+]?0b[0-1_]+|[-+]?0o?[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_TAG = "tag:yaml.org,2002:"
_TABLE = (
    (f"{_TAG}bool", _BOOLEAN, "yYnNtTfFoO"),
    (f"{_TAG}int", _INTEGER, "-+0123456789"),
    (f"{_TAG}float", _FLOAT, "-+0123456789."),
    (f"{_TAG}null", _NULL, "~nN\0"),
    (f"{_TAG}merge", re.compile(r"^(?:<<)$"), "<"),
)
_TRUE = ("y", "yes", "true", "on")


class NoYaml(ValueError):
    """A document that cannot be read; the text is Go's."""


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, starts in _TABLE:
        for first in starts:
            table.setdefault("" if first == "\0" else first, []).append((tag, pattern))
    return table


class _Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers = _resolvers()


class _Dumper(yaml.CSafeDumper):
    yaml_implicit_resolvers = _resolvers()

    def ignore_aliases(self, data: Any) -> bool:
        return True


_READS_OTHERWISE = re.compile(
    r"^(?:\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ ]+)\d\d?:\d\d?:\d\d?(?:\.\d*)?(?:Z|[-+]\d\d:\d\d)?)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)$"
)
"""Texts that other readers take for times and numbers to the base of 60."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Go's choice of style: blocks for lines, quotes for what would read as something else."""
    tag = f"{_TAG}str"
    if "\n" in text:
        return dumper.represent_scalar(tag, text, "|")
    plain = dumper.resolve(yaml.ScalarNode, text, (True, False)) == tag and not _READS_OTHERWISE.match(text)  # type: ignore[no-untyped-call]
    return dumper.represent_scalar(tag, text, None if plain else '"')


_Dumper.add_representer(str, _text)


def load(text: bytes) -> Any:
    """The first document as JSON values. Raises NoYaml for what is no YAML or expands without measure."""
    return load_strict(text)[0]


def load_strict(text: bytes) -> tuple[Any, list[str]]:
    """`load`, and what strictness finds: `line 5: key "name" already set in map`. Raises NoYaml."""
    loader = _Loader(text)
    try:
        loader.check_node()
        node = loader.get_node()
        reader = _Reader()
        return (None if node is None else reader.value(node)), reader.repeated
    except yaml.MarkedYAMLError as error:
        raise NoYaml(f"yaml: {_place(error)}{error.problem or 'unknown problem parsing YAML content'}") from error
    except yaml.reader.ReaderError as error:
        raise NoYaml(f"yaml: {error.reason}") from error
    except RecursionError as error:
        raise NoYaml("yaml: exceeded max depth") from error
    finally:
        loader.dispose()


def _place(error: yaml.MarkedYAMLError) -> str:
    """`line 2: `, counted as go-yaml does: scanners tell the line before."""
    if error.problem_mark is not None and error.problem_mark.line:
        line = error.problem_mark.line + isinstance(error, yaml.scanner.ScannerError)
    else:
        line = error.context_mark.line if error.context_mark is not None else 0
    return f"line {line}: " if line else ""


class _Reader:
    """Nodes become values."""

    def __init__(self) -> None:
        self.repeated: list[str] = []
        self._seen = 0

    def value(self, node: yaml.Node) -> Any:
        self._seen += 1
        if self._seen > EXPANSION_LIMIT:
            raise NoYaml("yaml: document contains excessive aliasing")
        if isinstance(node, yaml.ScalarNode):
            value = self._scalar(node)
            if isinstance(value, float) and not math.isfinite(value):
                raise NoYaml(f"json: unsupported value: {'NaN' if math.isnan(value) else f'{value:+}'.title()}")
            return value
        if isinstance(node, yaml.SequenceNode):
            return [self.value(each) for each in node.value]
        assert isinstance(node, yaml.MappingNode)
        return self._mapping(node)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        convert = _SCALARS.get(node.tag)
        try:
            return node.value if convert is None else convert(node.value)
        except ValueError:
            short = node.tag.replace(_TAG, "!!")
            raise NoYaml(f"yaml: cannot decode !!str `{node.value}` as a {short}") from None

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        made: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged = {**self._merge(value_node), **merged}
                continue
            key = self._key(key_node, value_node)
            if key in made:
                line = value_node.start_mark.line + 1
                self.repeated.append(f"line {line}: key {orjson.dumps(key).decode()} already set in map")
            made[key] = self.value(value_node)
        return {**merged, **made} if merged else made

    def _merge(self, node: yaml.Node) -> dict[str, Any]:
        """What `<<` brings in; of a list the first mappings win."""
        value = self.value(node)
        maps = value if isinstance(value, list) else [value]
        if not all(isinstance(each, dict) for each in maps):
            raise NoYaml("yaml: map merge requires map or sequence of maps as the value")
        return {key: inner for each in reversed(maps) for key, inner in each.items()}

    def _key(self, node: yaml.Node, value: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise NoYaml(f"yaml: invalid map key: {self.value(node)!r}")
        key = self._scalar(node)
        if isinstance(key, str):
            return key
        if isinstance(key, bool):
            return "true" if key else "false"
        if key is None:
            raise NoYaml(f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {self.value(value)!r}")
        return str(key) if isinstance(key, int) else _float_key(key)


def _float_key(key: float) -> str:
    """Go's shortest form of a 32-bit float; whole numbers have no point."""
    special = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(key))
    return special or f"{key:.7g}"


def _integer(text: str) -> int:
    text = text.replace("_", "")
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-").lower()
    if digits.startswith(("0x", "0b", "0o")):
        return sign * int(digits, 0)
    base = 8 if len(digits) > 1 and digits.startswith("0") else 10
    return sign * int(digits, base)


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    f"{_TAG}bool": lambda text: text.lower() in _TRUE,
    f"{_TAG}int": _integer,
    f"{_TAG}float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    f"{_TAG}null": lambda text: None,
}


def dump(value: Any) -> bytes:
    """Keys sorted, as upstream prints them."""
    text: bytes = yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=True,
        encoding="utf-8",
        allow_unicode=True,
        width=WIDTH,
    )
    return text
