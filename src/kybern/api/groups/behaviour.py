"""Joins a kind's names with what it does, and adds what all do alike: status, generation, writes of the status."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson

from kybern.api.resource import Change, Column, FieldError, Object, Resource, Subresource
from kybern.api.rows import Names, SubresourceNames
from kybern.api.schema import codec

Prepare = Callable[[Object, Change], None]
PrepareUpdate = Callable[[Object, Object, Change], None]
Validate = Callable[[Object], Sequence[FieldError]]
ValidateUpdate = Callable[[Object, Object], Sequence[FieldError]]
Changes = Callable[[Object, Object], Iterable[FieldError]]
Warnings = Callable[[Object, Object | None], Sequence[str]]


_NOT_DESIRED = frozenset(("metadata", "status", "apiVersion", "kind"))


@dataclass(frozen=True, kw_only=True, slots=True)
class SubresourceBehaviour:
    """What a write through a subresource may change, and what it must satisfy."""

    prepare_update: PrepareUpdate | None = None
    validate_update: ValidateUpdate | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """One kind's own rules; the fields are Resource's, but for those with a docstring."""

    columns: Sequence[Column] = ()
    cells: Callable[[Object, float], Sequence[Any]] | None = None
    internal_annotations: frozenset[str] = frozenset()
    row_conditions: Callable[[Object], Sequence[Object]] | None = None
    selectable_fields: Mapping[str, Callable[[Object], str]] = field(default_factory=dict)
    generation: Callable[[Object, Object], bool] | None = None
    """(new, old) -> the desired state changed; None: the kind has no generation."""
    counts_all_sent: bool = False
    """Whether a change counts that `prepare_update` takes back."""
    counts_empties: bool = False
    """Whether an empty list or map is another desired state than none, which stored objects have."""
    first_generation: int = 1
    """0: only changes are counted, a new object has none (CSIDrivers)."""
    keeps_status: bool = False
    """Creation takes the status that the client sent (Nodes register so); otherwise it starts empty."""
    prepare_create: Prepare | None = None
    prepare_update: PrepareUpdate | None = None
    prepare_status: PrepareUpdate | None = None
    """For writes of the status, after all but metadata and status was put back."""
    validate: Validate | None = None
    validate_update: ValidateUpdate | None = None
    validate_on_update: bool = True
    validate_status: ValidateUpdate | None = None
    validate_name: Callable[[str, bool], Sequence[str]] | None = None
    warnings: Warnings | None = None
    deprecation: str = ""
    subresources: Mapping[str, SubresourceBehaviour] = field(default_factory=dict)
    """Beside `status`, whose rules are above."""
    event_like: bool = False
    create_on_update: bool = False
    unconditional_update: bool = True
    storage_version: tuple[str, str] | None = None
    to_storage: Callable[[Object], Object] | None = None
    from_storage: Callable[[Object], Object] | None = None
    stored_fields: Mapping[str, str] = field(default_factory=dict)


def checked_first(check: Callable[[Object], Iterable[FieldError]], changes: Changes) -> ValidateUpdate:
    """An update's rules where upstream checks the whole new object before what may not change.

    Goes with `validate_on_update=False`."""

    def validate_update(new: Object, old: Object) -> Sequence[FieldError]:
        return [*check(new), *changes(new, old)]

    return validate_update


def spec_changed(new: Object, old: Object) -> bool:
    """The usual meaning of a generation."""
    return new.get("spec") != old.get("spec")


def anything_changed(new: Object, old: Object) -> bool:
    """For kinds without a spec: all but metadata, status and the type."""
    return any(new.get(key) != old.get(key) for key in (new.keys() | old.keys()) - _NOT_DESIRED)


def spec_or_annotations_changed(new: Object, old: Object) -> bool:
    """Deployments count changes of their annotations as well: controllers act on those."""
    annotations = [obj["metadata"].get("annotations") or {} for obj in (new, old)]
    return spec_changed(new, old) or annotations[0] != annotations[1]


def keep(key: str, new: Object, old: Object) -> None:
    """Puts one part back to what it was."""
    if key in old:
        new[key] = old[key]
    else:
        new.pop(key, None)


def keep_metadata(new: Object, old: Object, change: Change | None = None) -> None:
    """A status write that may touch no labels, annotations, finalizers or owners (ResetObjectMetaForStatus)."""
    for key in ("labels", "annotations", "finalizers", "ownerReferences", "deletionTimestamp", "generation"):
        keep(key, new["metadata"], old["metadata"])


def keep_labels(new: Object, old: Object, change: Change) -> None:
    """For status writes of kinds where upstream puts only the labels back."""
    keep("labels", new["metadata"], old["metadata"])


def resource(names: Names, behaviour: Behaviour | None) -> Resource:
    """The row for the API server."""
    b = behaviour or Behaviour()
    has_status = any(sub.name == "status" for sub in names.subresources)
    optional = {
        key: value
        for key in ("validate", "validate_update", "warnings", "to_storage", "from_storage")
        if (value := getattr(b, key)) is not None
    }
    return Resource(
        group=names.group,
        version=names.version,
        kind=names.kind,
        plural=names.plural,
        namespaced=names.namespaced,
        singular=names.singular,
        short_names=names.short_names,
        categories=names.categories,
        verbs=names.verbs,
        subresources=tuple(_subresource(sub, b) for sub in names.subresources),
        columns=b.columns,
        cells=b.cells,
        internal_annotations=b.internal_annotations,
        row_conditions=b.row_conditions,
        selectable_fields=b.selectable_fields,
        has_status=has_status and not b.keeps_status,
        prepare_create=_prepare_create(b, _empty_status(names) if has_status and not b.keeps_status else None),
        prepare_update=_prepare_update(b, has_status),
        validate_name=b.validate_name,
        validate_on_update=b.validate_on_update,
        deprecation=b.deprecation,
        stored=names.stored,
        event_like=b.event_like,
        create_on_update=b.create_on_update,
        unconditional_update=b.unconditional_update,
        storage_version=b.storage_version,
        stored_fields=b.stored_fields,
        **optional,
    )


def _empty_status(names: Names) -> Callable[[], Object]:
    """Makes what upstream's encoding shows of a status that nothing was written to yet (`{"replicas": 0}`)."""

    @cache
    def encoded() -> bytes:
        api_version = f"{names.group}/{names.version}" if names.group else names.version
        blank = {"apiVersion": api_version, "kind": names.kind, "metadata": {}}
        return orjson.dumps(codec(api_version, names.kind).default(blank).get("status", {}))

    def make() -> Object:
        status: Object = orjson.loads(encoded())
        return status

    return make


def _prepare_create(b: Behaviour, empty_status: Callable[[], Object] | None) -> Prepare:
    def prepare_create(obj: Object, change: Change) -> None:
        if empty_status is not None:
            obj["status"] = empty_status()
        if b.generation is not None and b.first_generation:
            obj["metadata"]["generation"] = b.first_generation
        if b.prepare_create is not None:
            b.prepare_create(obj, change)

    return prepare_create


def _prepare_update(b: Behaviour, has_status: bool) -> PrepareUpdate:
    def prepare_update(new: Object, old: Object, change: Change) -> None:
        if has_status:
            keep("status", new, old)
        changed = b.counts_all_sent and b.generation is not None and b.generation(new, old)
        if b.prepare_update is not None:
            b.prepare_update(new, old, change)
        _set_generation(b, new, old, changed or (b.counts_empties and change.has_empties()))

    return prepare_update


def _set_generation(b: Behaviour, new: Object, old: Object, changed: bool) -> None:
    keep("generation", new["metadata"], old["metadata"])
    if b.generation is not None and (changed or b.generation(new, old)):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def _subresource(sub: SubresourceNames, b: Behaviour) -> Subresource:
    if sub.name == "status":
        hooks = SubresourceBehaviour(prepare_update=_prepare_status(b), validate_update=b.validate_status)
    else:
        hooks = b.subresources.get(sub.name, SubresourceBehaviour())
    optional: dict[str, Any] = {}
    if hooks.prepare_update is not None:
        optional["prepare_update"] = hooks.prepare_update
    if hooks.validate_update is not None:
        optional["validate_update"] = hooks.validate_update
    return Subresource(sub.name, sub.verbs, sub.kind, **optional)


def _prepare_status(b: Behaviour) -> PrepareUpdate:
    def prepare_update(new: Object, old: Object, change: Change) -> None:
        for key in (new.keys() | old.keys()) - _NOT_DESIRED:
            keep(key, new, old)
        keep("generation", new["metadata"], old["metadata"])
        if b.prepare_status is not None:
            b.prepare_status(new, old, change)

    return prepare_update
