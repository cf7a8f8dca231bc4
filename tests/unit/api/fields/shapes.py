"""A small schema that has every shape, and sets told by their paths."""

from typing import Any

from kybern.api.fields import open_api, sets
from kybern.api.fields.sets import Fields
from kybern.api.fields.versions import Version

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
PORT = {
    "type": "object",
    "properties": {"port": NUMBER, "protocol": {**TEXT, "default": "TCP"}, "name": TEXT},
}
SPEC = {
    "type": "object",
    "properties": {
        "replicas": NUMBER,
        "name": TEXT,
        "on": {"type": "boolean"},
        "labels": {"type": "object", "additionalProperties": TEXT},
        "selector": {"type": "object", "additionalProperties": TEXT, "x-kubernetes-map-type": "atomic"},
        "args": {"type": "array", "items": TEXT},
        "names": {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
        "ports": {
            "type": "array",
            "items": PORT,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
        },
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": TEXT, "value": TEXT}},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
        "nested": {"type": "object", "properties": {"a": TEXT, "b": TEXT}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "either": {"x-kubernetes-int-or-string": True},
    },
}
SCHEMA = {"type": "object", "properties": {"spec": SPEC, "status": {"type": "object", "properties": {"phase": TEXT}}}}
ATOM = open_api.atom(SCHEMA)
VERSION = Version("example.com/v1", ATOM, {"f:status": {}})


def thing(spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """An object of the schema."""
    return {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t", **metadata}, "spec": spec}


def told(tree: Fields) -> list[str]:
    """The members of a set."""
    return [sets.text(path) for path in sets.paths(tree)]


def within_spec(tree: Fields) -> list[str]:
    return [path.removeprefix(".spec") for path in told(tree) if path.startswith(".spec.")]
