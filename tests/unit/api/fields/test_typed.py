"""What does not fit its type, in upstream's words."""

from typing import Any

import pytest

from kybern.api.fields.typed import Mistyped, check
from tests.unit.api.fields.shapes import ATOM, thing

CASES: list[tuple[Any, str]] = [
    ({"other": 1}, ".spec.other: field not declared in schema"),
    ({"replicas": "1"}, ".spec.replicas: expected numeric (int or float), got string"),
    ({"name": 1}, ".spec.name: expected string, got &value.valueUnstructured{Value:1}"),
    ({"on": "yes"}, ".spec.on: expected boolean, got &{yes}"),
    ({"labels": "x"}, ".spec.labels: expected map, got &{x}"),
    ({"args": {"a": 1}}, ".spec.args: expected list, got &{map[a:1]}"),
    ({"items": [{"name": "x"}, {"name": "x"}]}, '.spec.items: duplicate entries for key [name="x"]'),
    ({"names": ["a", "a"]}, '.spec.names: duplicate entries for key [="a"]'),
    ({"items": [{"name": "x", "value": 1}]}, '.spec.items[name="x"].value: expected string, got '),
    ({"args": ["a", 1]}, ".spec.args[1]: expected string, got "),
    (
        {"items": [{"value": "1"}]},
        '.spec.items: element 0: associative list with keys has an element that omits all key fields ["name"] (and '
        "doesn't have default values for any key fields)",
    ),
    (
        {"name": 1, "on": 1},
        "errors:\n  .spec.name: expected string, got &value.valueUnstructured{Value:1}\n  .spec.on: ",
    ),
]


@pytest.mark.parametrize(("spec", "message"), CASES, ids=[str(spec) for spec, _ in CASES])
def test_refused(spec: Any, message: str) -> None:
    with pytest.raises(Mistyped) as refusal:
        check(ATOM, thing(spec))
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"replicas": None, "labels": None, "items": None},
        {"either": 1},
        {"either": "50%"},
        {"replicas": 1.0, "on": False, "free": {"x": [1, {"y": None}]}, "ports": [{"port": 1}, {"port": 2}]},
    ],
)
def test_taken(spec: Any) -> None:
    check(ATOM, thing(spec))
