"""Names of managers, and times that alone are no change."""

import copy
from typing import Any

import pytest

from kybern.apiserver.objects.tracking import MANAGER_LIMIT, keep_times, manager_of


@pytest.mark.parametrize(
    ("agent", "manager"),
    [
        ("kubectl/v1.36.3 (linux/amd64) kubernetes/abc", "kubectl"),
        ("kube-controller-manager", "kube-controller-manager"),
        ("/x", ""),
        ("", ""),
        ("a\x07b\n/c", "ab"),
        ("x" * 200, "x" * MANAGER_LIMIT),
        ("ü" * 100, "ü" * (MANAGER_LIMIT // 2)),
    ],
)
def test_managers_of_user_agents(agent: str, manager: str) -> None:
    assert manager_of(agent) == manager


def _object(time: str, **more: Any) -> dict[str, Any]:
    entry = {"manager": "m", "operation": "Apply", "apiVersion": "v1", "time": time, "fieldsV1": {"f:a": {}}}
    return {"metadata": {"name": "x", "managedFields": [entry]}, **more}


def test_only_times_differ() -> None:
    old, new = _object("1"), _object("2")
    keep_times(new, old)
    assert new == old


@pytest.mark.parametrize("change", ["data", "entry"])
def test_more_than_times_differs(change: str) -> None:
    old, new = _object("1", data={"k": "v"}), _object("2", data={"k": "v"})
    if change == "data":
        new["data"] = {"k": "w"}
    else:
        new["metadata"]["managedFields"][0]["fieldsV1"] = {"f:b": {}}
    before = copy.deepcopy(new)
    keep_times(new, old)
    assert new == before
