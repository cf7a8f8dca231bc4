"""PersistentVolumeClaim, and templates of claims."""

from collections.abc import Iterator

from kybern.api import quantity
from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.persistent_volume import (
    NOT_POSITIVE,
    VOLUME_MODES,
    validate_access_modes,
    validate_class_name,
)
from kybern.api.validation.core.quantities import is_native, validate_amount
from kybern.api.validation.field import IMMUTABLE, each_invalid, forbidden, immutable, invalid, not_supported, required
from kybern.api.validation.metadata import validate_annotations, validate_label_selector, validate_labels
from kybern.api.validation.unified_diff import internal_diff

_NOT_OF_TEMPLATES = [
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "finalizers",
    "managedFields",
]
_CLASS = "volume.beta.kubernetes.io/storage-class"
_SPEC = "io.k8s.api.core.v1.PersistentVolumeClaimSpec"
_RESIZES = frozenset(
    (
        "ControllerResizeInProgress",
        "ControllerResizeInfeasible",
        "NodeResizePending",
        "NodeResizeInProgress",
        "NodeResizeInfeasible",
    )
)


def validate_claim(obj: Object) -> Iterator[FieldError]:
    yield from validate_claim_spec(obj.get("spec") or {}, "spec")


def validate_claim_template(template: Object, path: str) -> Iterator[FieldError]:
    """Of an ephemeral volume: labels and annotations are all that its metadata may hold."""
    metadata = template.get("metadata") or {}
    yield from validate_annotations(metadata.get("annotations"), f"{path}.metadata.annotations")
    yield from validate_labels(metadata.get("labels"), f"{path}.metadata.labels")
    for key in _NOT_OF_TEMPLATES:
        if metadata.get(key):
            shown = "uID" if key == "uid" else key  # Upstream lowers the first letter of its own field's name.
            yield forbidden(f"{path}.metadata.{shown}", "cannot be set")
    yield from validate_claim_spec(template.get("spec") or {}, f"{path}.spec")


def validate_claim_spec(spec: Object, path: str) -> Iterator[FieldError]:
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required(f"{path}.accessModes", "at least 1 access mode is required")
    yield from validate_label_selector(spec.get("selector"), f"{path}.selector")
    yield from validate_access_modes(modes, f"{path}.accessModes")
    amount = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    at = f"{path}.resources[storage]"
    if amount is None:
        yield required(at)
    elif quantity.parse(amount) <= 0:
        yield invalid(at, amount, NOT_POSITIVE)
    else:
        yield from validate_amount("storage", amount, at)
    yield from validate_class_name(spec.get("storageClassName"), f"{path}.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        yield not_supported(f"{path}.volumeMode", mode, VOLUME_MODES)
    yield from _data_sources(spec, path)
    yield from validate_class_name(spec.get("volumeAttributesClassName"), f"{path}.volumeAttributesClassName")


def _data_sources(spec: Object, path: str) -> Iterator[FieldError]:
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    for key, one in (("dataSource", source), ("dataSourceRef", reference)):
        if one is not None:
            yield from _data_source(one, f"{path}.{key}")
    if source is None or reference is None:
        return
    if reference.get("namespace"):
        detail = "may not be specified when dataSourceRef.namespace is specified"
        yield invalid(path, {}, detail)  # Upstream shows a path, which has no JSON.
    elif any((source.get(key) or "") != (reference.get(key) or "") for key in ("apiGroup", "kind", "name")):
        yield invalid(path, {}, "must match dataSourceRef")


def _data_source(source: Object, path: str) -> Iterator[FieldError]:
    for key in ("name", "kind"):
        if not source.get(key):
            yield required(f"{path}.{key}")
    group, kind = source.get("apiGroup") or "", source.get("kind") or ""
    if not group and kind != "PersistentVolumeClaim":
        yield invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
    if group:
        yield from each_invalid(f"{path}.apiGroup", group, names.dns_subdomain(group))
    if source.get("namespace"):
        yield from each_invalid(f"{path}.namespace", source["namespace"], names.dns_label(source["namespace"]))


def validate_claim_update(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    annotations, known = (obj["metadata"].get("annotations") or {} for obj in (new, old))
    given = after.get("storageClassName") if before.get("storageClassName") is None else None
    named, was_named = annotations.get(_CLASS, ""), known.get(_CLASS, "")
    if named != was_named and not (given is not None and _CLASS in known and given == was_named and not named):
        yield invalid(f"metadata.annotations.{_CLASS}", named, IMMUTABLE)
    wanted = _comparable(after, before, bound=(new.get("status") or {}).get("phase") == "Bound")
    if given is not None and given == known.get(_CLASS, given):
        del wanted["storageClassName"]
    if "volumeName" in after and not before.get("volumeName"):
        before = {**before, "volumeName": after["volumeName"]}
    if wanted != before:
        detail = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        yield forbidden("spec", f"{detail}\n{internal_diff(_SPEC, before, wanted)}")
    size, old_size = (
        ((spec.get("resources") or {}).get("requests") or {}).get("storage", "0") for spec in (after, before)
    )
    capacity = ((old.get("status") or {}).get("capacity") or {}).get("storage", "0")
    if quantity.compare(size, old_size) < 0 and quantity.compare(size, capacity) <= 0:
        yield forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")
    yield from immutable("volumeMode", after.get("volumeMode"), before.get("volumeMode"))
    yield from _attributes_change(after, before, old.get("status") or {})


def _comparable(after: Object, before: Object, *, bound: bool) -> Object:
    """The new spec with what may change of a bound claim set back."""
    wanted = dict(after)
    if bound:
        requests = (before.get("resources") or {}).get("requests") or {}
        resources = dict(wanted.get("resources") or {})
        if "storage" in requests and "requests" in resources:
            resources["requests"] = {**resources["requests"], "storage": requests["storage"]}
            wanted["resources"] = resources
        wanted.pop("volumeAttributesClassName", None)
        if "volumeAttributesClassName" in before:
            wanted["volumeAttributesClassName"] = before["volumeAttributesClassName"]
    return wanted


def _attributes_change(after: Object, before: Object, status: Object) -> Iterator[FieldError]:
    key = "volumeAttributesClassName"
    if after.get(key) == before.get(key) or status.get("currentVolumeAttributesClassName") is None:
        return
    current = "is forbidden when status.currentVolumeAttributesClassName is not nil"
    if after.get(key) is None:
        yield forbidden(f"spec.{key}", f"update to nil {current}")
    elif not after[key]:
        yield forbidden(f"spec.{key}", f"update to empty string {current}")


def validate_claim_status(new: Object, old: Object) -> Iterator[FieldError]:
    if not (new.get("spec") or {}).get("accessModes"):
        yield required("Spec.accessModes")
    status = new.get("status") or {}
    for name, amount in (status.get("capacity") or {}).items():
        yield from _basic(amount, f"status.capacity[{name}]")
    path = "status.allocatedResourceStatuses"
    for name, state in (status.get("allocatedResourceStatuses") or {}).items():
        yield from _allocated(name, path)
        if state not in _RESIZES:
            yield not_supported(path, name, sorted(_RESIZES))
    path = "status.allocatedResources"
    for name, amount in (status.get("allocatedResources") or {}).items():
        yield from [*_allocated(name, path)] or _basic(amount, f"{path}[{name}]")


def _allocated(name: str, path: str) -> Iterator[FieldError]:
    """Of Kubernetes' own resources only storage is a claim's."""
    faults = each_invalid(path, name, names.qualified_name(name))
    yield from faults
    if not faults and is_native(name) and name != "storage":
        yield not_supported(path, name, ["storage"])


def _basic(amount: str, path: str) -> Iterator[FieldError]:
    whole = quantity.value(amount)
    if whole < 0:
        yield invalid(path, whole, "must be a valid resource quantity")
