"""Objects as the API server has them after the hooks: what the tests of rules, hooks and tables start from."""

import copy

import orjson

from kybern.api import registry
from kybern.api.resource import Change, Object, Resource
from kybern.api.rows import NAMES
from kybern.api.schema import codec
from kybern.api.validation import validate_create, validate_update

NOW = 1_770_000_000.0
CREATED = "2026-02-02T02:38:00Z"
"""Two minutes before NOW."""
UID = "0d6bcd1f-1c06-4f0d-9f4b-8c7c7b1c1f11"
_GROUPS = {row.kind: row for row in NAMES if not row.kind.endswith("Review")}


def resource_of(obj: Object) -> Resource:
    group, _, version = obj["apiVersion"].rpartition("/")
    found = registry.find_kind(group, version, obj["kind"])
    assert found is not None, obj["kind"]
    return found


def new(kind: str, spec: Object | None = None, *, name: str = "x", api_version: str = "", **rest) -> Object:
    """A request's object. `rest`: other top-level fields; metadata's are merged."""
    row = _GROUPS[kind]
    if kind == "Event" and not api_version:
        row = next(one for one in NAMES if (one.group, one.kind) == ("", "Event"))
    api_version = api_version or (f"{row.group}/{row.version}" if row.group else row.version)
    metadata = {"name": name, **rest.pop("metadata", {})}
    obj = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}
    return obj if spec is None else {**obj, "spec": spec}


def create(obj: Object, change: Change | None = None) -> Object:
    """Decoded, defaulted and prepared."""
    resource = resource_of(obj)
    made, _ = codec(resource.api_version, resource.kind).admit(orjson.dumps(obj), "")
    made["metadata"] |= {"uid": UID, "creationTimestamp": CREATED}
    if resource.namespaced:
        made["metadata"].setdefault("namespace", "default")
    resource.prepare_create(made, change or Change(NOW, user="ann"))
    return made


def update(old: Object, edit, subresource: str = "") -> Object:
    """`edit` changes a copy of `old` in place; the hooks of the resource or of its subresource follow."""
    resource = resource_of(old)
    changed = copy.deepcopy(old)
    edit(changed)
    hooks = resource if not subresource else next(s for s in resource.subresources if s.name == subresource)
    hooks.prepare_update(changed, copy.deepcopy(old), Change(NOW, subresource, "ann"))
    return changed


def faults(obj: Object) -> list[str]:
    """Of a creation, as the message of the answer has them."""
    made = create(obj)
    return [f"{error.path}: {error.message}" for error in validate_create(resource_of(made), made)]


def update_faults(obj: Object, edit) -> list[str]:
    """Of an update of what was validly created."""
    old = create(obj)
    old["metadata"]["resourceVersion"] = "1"
    assert validate_create(resource_of(old), old) == []
    changed = update(old, edit)
    return [f"{error.path}: {error.message}" for error in validate_update(resource_of(old), changed, old)]
