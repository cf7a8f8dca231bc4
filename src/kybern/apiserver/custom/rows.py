"""The row of one version of a custom resource: what the server's endpoints ask of any resource.

The hooks know the version only as something that judges: it is made when it is first asked.
"""

from collections.abc import Callable, Mapping, Sequence

from kybern.api.groups.behaviour import keep
from kybern.api.resource import Change, FieldError, Object, Resource, Subresource
from kybern.api.structural.columns import table_of
from kybern.api.structural.judge import Judge, finalizer_warnings
from kybern.api.structural.paths import NestedPath
from kybern.apiserver.custom.definition import TERMINATING, DefinedVersion, Definition
from kybern.base.errors import Forbidden

VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
TERMINATING_VERBS = ("delete", "deletecollection", "get", "list", "watch")
_READ_WRITE = ("get", "patch", "update")
_SCALE = ("autoscaling", "v1", "Scale")

GetJudge = Callable[[], Judge]


def row(definition: Definition, version: DefinedVersion, judge: GetJudge) -> Resource:
    """One row; `judge` is called when an object is written for the first time."""
    columns, cells = table_of(version.columns)
    names = definition.names
    return Resource(
        group=definition.group,
        version=version.name,
        kind=names["kind"],
        plural=names["plural"],
        namespaced=definition.is_namespaced,
        singular=names["singular"],
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=TERMINATING_VERBS if definition.is_true(TERMINATING) else VERBS,
        subresources=_subresources(version, judge),
        columns=columns,
        cells=cells,
        selectable_fields=selectable(version.selectable),
        has_status=version.has_status,
        prepare_create=_prepare_create(version.has_status, definition),
        prepare_update=_prepare_update(version.has_status),
        validate=lambda obj: judge().create(obj),
        validate_update=lambda new, old: judge().update(new, old),
        validate_on_update=False,
        warnings=finalizer_warnings,
        tolerated=lambda: judge().take_tolerated(),
        deprecation=version.deprecation,
        unconditional_update=False,
        is_custom=True,
        storage_version=(definition.group, definition.storage_version),
    )


def _subresources(version: DefinedVersion, judge: GetJudge) -> tuple[Subresource, ...]:
    def validate_status(new: Object, old: Object) -> list[FieldError]:
        return judge().update_status(new, old)

    found = []
    if version.has_status:
        found.append(Subresource("status", _READ_WRITE, prepare_update=prepare_status, validate_update=validate_status))
    if version.scale is not None:
        found.append(Subresource("scale", _READ_WRITE, _SCALE))
    return tuple(found)


def selectable(paths: Sequence[str]) -> Mapping[str, Callable[[Object], str]]:
    """Field selectors, by the paths without their point."""
    return {path.removeprefix("."): _reader(NestedPath(path)) for path in paths}


def _reader(path: NestedPath) -> Callable[[Object], str]:
    def read(obj: Object) -> str:
        value = path.get(obj)
        if value is None:
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    return read


def _prepare_create(has_status: bool, definition: Definition) -> Callable[[Object, Change], None]:
    def prepare(obj: Object, change: Change) -> None:
        if definition.is_true(TERMINATING):
            name = f' "{obj["metadata"]["name"]}"' if obj["metadata"].get("name") else ""
            why = "create not allowed while custom resource definition is terminating"
            raise Forbidden(f"{definition.group_resource}{name} is forbidden: {why}")
        if has_status:
            obj.pop("status", None)
        obj["metadata"]["generation"] = 1

    return prepare


def _prepare_update(has_status: bool) -> Callable[[Object, Object, Change], None]:
    """All but metadata (and the status, where it is written by itself) counts for the generation."""

    def prepare(new: Object, old: Object, change: Change) -> None:
        if has_status:
            keep("status", new, old)
        keep("generation", new["metadata"], old["metadata"])
        if any(new.get(key) != old.get(key) for key in (new.keys() | old.keys()) - {"metadata"}):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1

    return prepare


def prepare_status(new: Object, old: Object, change: Change) -> None:
    """Only the status is written, and who owns it."""
    for key in (new.keys() | old.keys()) - {"status", "metadata"}:
        keep(key, new, old)
    managed, revision = new["metadata"].get("managedFields"), new["metadata"].get("resourceVersion")
    new["metadata"] = {**old["metadata"], "resourceVersion": revision}
    if managed is not None:
        new["metadata"]["managedFields"] = managed
