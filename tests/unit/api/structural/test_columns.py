"""Columns of custom resources: what their paths find, and how cells are shown."""

from typing import Any

import pytest

from kybern.api.structural.columns import BadPath, JsonPath, table_of

NOW = 1767225600.0  # 2026-01-01T00:00:00Z
OBJECT = {
    "metadata": {"name": "w", "creationTimestamp": "2025-12-31T23:55:00Z", "labels": {"a.b/c": "x"}},
    "spec": {"size": 3, "ratio": 0.5, "on": True, "list": [1, 2, 3], "map": {"b": 2, "a": 1}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.size", [3]),
        (".spec.none.deeper", []),
        (".spec.list[1]", [2]),
        (".spec.list[-1]", [3]),
        (".spec.list[9]", []),
        (".spec.list[0:2]", [1, 2]),
        (".spec.list[*]", [1, 2, 3]),
        (".metadata.labels['a.b/c']", ["x"]),
        (r".metadata.labels.a\.b/c", ["x"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        ('.status.conditions[?(@.type != "Ready")].status', ["False"]),
        (".status.conditions[?(@.missing)].status", []),
        ("..type", ["Ready", "Other"]),
    ],
)
def test_paths(path: str, found: list[Any]) -> None:
    assert JsonPath(path).find(OBJECT) == found


@pytest.mark.parametrize("path", [".spec[", ".spec.list[x]", ".spec.list[?(oops)]"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(BadPath):
        JsonPath(path)


@pytest.mark.parametrize(
    ("kind", "path", "cell"),
    [
        ("integer", ".spec.size", 3),
        ("integer", ".spec.ratio", 0),
        ("integer", ".spec.on", None),
        ("number", ".spec.ratio", 0.5),
        ("boolean", ".spec.on", True),
        ("string", ".spec.size", "3"),
        ("string", ".spec.on", "true"),
        ("string", ".spec.list", "[1,2,3]"),
        ("string", ".spec.none", None),
        ("date", ".metadata.creationTimestamp", "5m"),
        ("date", ".metadata.name", "<invalid>"),
    ],
)
def test_cells(kind: str, path: str, cell: Any) -> None:
    _, cells = table_of([{"name": "C", "type": kind, "jsonPath": path}])
    assert list(cells(OBJECT, NOW)) == ["w", cell]


def test_without_columns_the_age_is_shown() -> None:
    columns, cells = table_of([])
    assert [each.name for each in columns] == ["Name", "Age"]
    assert list(cells(OBJECT, NOW)) == ["w", "5m"]
