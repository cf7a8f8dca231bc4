"""The rows against an independent source: lightkube's resources, generated from upstream's OpenAPI."""

import ast
import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

from kybern.api import registry
from kybern.api.rows import NAMES

ONLY_IN_ROWS = {  # lightkube leaves out what is no request for an object
    ("pods", "attach"),
    ("pods", "exec"),
    ("pods", "portforward"),
    ("pods", "proxy"),
    ("nodes", "proxy"),
    ("services", "proxy"),
}
VERBS = {"post": "create", "put": "update", "delete": "delete", "deletecollection": "deletecollection"}
VERBS |= {"get": "get", "list": "list", "patch": "patch", "watch": "watch"}


def lightkube_rows():
    """(group, version, plural, subresource) -> (namespaced, kind, verbs), read from the source: no client is needed."""
    spec = importlib.util.find_spec("lightkube")
    if spec is None or not importlib.metadata.version("lightkube-models").startswith("1.36."):
        pytest.skip("lightkube-models 1.36 is not installed")
    rows = {}
    for path in Path(spec.submodule_search_locations[0], "resources").glob("*_v[0-9].py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ClassDef):
                continue
            info = {}
            for keyword in next(s for s in node.body if isinstance(s, ast.Assign)).value.keywords:
                value = keyword.value
                info[keyword.arg] = (
                    tuple(a.value for a in value.args) if isinstance(value, ast.Call) else ast.literal_eval(value)
                )
            group, version, kind = info["resource"]
            owner = info.get("parent") or info["resource"]
            verbs = {VERBS[v] for v in info["verbs"] if not v.startswith("global_")}
            key = (owner[0], owner[1], info["plural"], info.get("action", ""))
            rows[key] = (node.bases[0].attr.startswith("Namespaced"), (group, version, kind), verbs)
    return rows


def test_rows_are_those_of_lightkube():
    ours = {}
    for row in NAMES:
        own_kind = (row.group, row.version, row.kind)
        ours[row.group, row.version, row.plural, ""] = (row.namespaced, own_kind, set(row.verbs))
        for sub in row.subresources:
            if (row.plural, sub.name) not in ONLY_IN_ROWS:
                key = (row.group, row.version, row.plural, sub.name)
                ours[key] = (row.namespaced, sub.kind or own_kind, set(sub.verbs))
    ours["", "v1", "componentstatuses", ""][2].add("watch")  # in the OpenAPI, but not served
    assert ours == lightkube_rows()


def test_every_row_loads():
    for resource in registry.RESOURCES:
        assert registry.find(resource.group, resource.version, resource.plural) is resource
        assert registry.find_kind(resource.group, resource.version, resource.kind) is resource
        assert bool(resource.cells) == bool(resource.columns), resource.plural


def test_unknown_names_are_none():
    assert registry.find("", "v1", "nope") is None
    assert registry.find_kind("apps", "v9", "Deployment") is None
