"""YAML in and out as Go's sigs.k8s.io/yaml has it: YAML 1.2's scalars with YAML 1.1's booleans, no dates, no base 60.

Aliases are budgeted: what they expand to may be no larger than EXPANSION_LIMIT nodes.
"""

import re
from typing import Any

import yaml

EXPANSION_LIMIT = 200_000
"""Nodes after expansion of aliases."""

_BOOLEAN = re.compile(r"^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$")
_INTEGER = re.compile(r"^(?:[-+]?0b[0-1_]+|[-+]?0o?[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_TABLE = (
    ("tag:yaml.org,2002:bool", _BOOLEAN, "yYnNtTfFoO"),
    ("tag:yaml.org,2002:int", _INTEGER, "-+0123456789"),
    ("tag:yaml.org,2002:float", _FLOAT, "-+0123456789."),
    ("tag:yaml.org,2002:null", _NULL, "~nN\0"),
    ("tag:yaml.org,2002:merge", re.compile(r"^(?:<<)$"), "<"),
)


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


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-").lower()
    if digits.startswith(("0x", "0b", "0o")):
        return sign * int(digits, 0)
    base = 8 if len(digits) > 1 and digits.startswith("0") else 10
    return sign * int(digits, base)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def load(text: bytes) -> Any:
    """One document as JSON values. Raises ValueError for what is no YAML or expands without measure."""
    try:
        loaded = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"error converting YAML to JSON: {error}") from error
    _count(loaded, [0])
    return loaded


def dump(value: Any) -> bytes:
    """Keys sorted, as upstream prints them."""
    text: bytes = yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=False,
        sort_keys=True,
        encoding="utf-8",
        allow_unicode=True,
        width=2**31 - 1,
    )
    return text


def _count(value: Any, seen: list[int]) -> None:
    seen[0] += 1
    if seen[0] > EXPANSION_LIMIT:
        raise ValueError("document contains excessive aliasing")
    if isinstance(value, dict):
        for each in value.values():
            _count(each, seen)
    elif isinstance(value, list):
        for each in value:
            _count(each, seen)
