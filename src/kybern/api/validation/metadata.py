"""metadata, alike for all kinds. Source: apimachinery api/validation/objectmeta.go, apis/meta/v1/validation."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, forbidden, immutable, invalid, non_negative, required, too_long

ANNOTATIONS_LIMIT_BYTES = 256 * 1024
FIELD_MANAGER_LIMIT_BYTES = 128
_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"

NameCheck = Callable[[str, bool], Sequence[str]]


def validate_metadata(
    metadata: Object, namespaced: bool, check_name: NameCheck = names.subdomain_name, path: str = "metadata"
) -> Iterator[FieldError]:
    """An object's metadata on creation, after a name was generated."""
    yield from validate_name(metadata, check_name, path)
    yield from _namespace(metadata.get("namespace") or "", namespaced, f"{path}.namespace")
    yield from non_negative(f"{path}.generation", metadata.get("generation"))
    yield from validate_labels(metadata.get("labels"), f"{path}.labels")
    yield from validate_annotations(metadata.get("annotations"), f"{path}.annotations")
    yield from validate_owner_references(metadata.get("ownerReferences"), f"{path}.ownerReferences")
    yield from validate_finalizers(metadata.get("finalizers"), f"{path}.finalizers")
    yield from _managed_fields(metadata.get("managedFields"), f"{path}.managedFields")


def validate_name(metadata: Object, check_name: NameCheck, path: str = "metadata") -> Iterator[FieldError]:
    """The name, and the prefix that it was generated from."""
    prefix = metadata.get("generateName")
    if prefix:
        yield from each_invalid(f"{path}.generateName", prefix, check_name(prefix, True))
    name = metadata.get("name")
    if not name:
        yield required(f"{path}.name", "name or generateName is required")
    else:
        yield from each_invalid(f"{path}.name", name, check_name(name, False))


def validate_metadata_update(new: Object, old: Object, path: str = "metadata") -> Iterator[FieldError]:
    """What changes may not do; the new metadata's own faults are `validate_metadata`'s."""
    if old.get("deletionTimestamp"):
        added = sorted(set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()))
        if added:
            detail = "no new finalizers can be added if the object is being deleted, found new finalizers "
            yield forbidden(f"{path}.finalizers", detail + go_strings(added))
    if not new.get("resourceVersion"):
        yield invalid(f"{path}.resourceVersion", new.get("resourceVersion") or "", "must be specified for an update")
    if (new.get("generation") or 0) < (old.get("generation") or 0):
        yield invalid(f"{path}.generation", new.get("generation") or 0, "must not be decremented")
    for key in ("name", "namespace", "uid"):
        yield from immutable(f"{path}.{key}", new.get(key) or "", old.get(key) or "")
    for key in ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        yield from immutable(f"{path}.{key}", new.get(key), old.get(key))
    yield from validate_labels(new.get("labels"), f"{path}.labels")
    yield from validate_annotations(new.get("annotations"), f"{path}.annotations")
    yield from validate_owner_references(new.get("ownerReferences"), f"{path}.ownerReferences")
    yield from _managed_fields(new.get("managedFields"), f"{path}.managedFields")


def _namespace(namespace: str, namespaced: bool, path: str) -> Iterator[FieldError]:
    if not namespaced:
        if namespace:
            yield forbidden(path, "not allowed on this type")
    elif not namespace:
        yield required(path)
    else:
        yield from each_invalid(path, namespace, names.dns_label(namespace))


def validate_labels(labels: Mapping[str, str] | None, path: str) -> Iterator[FieldError]:
    for key, value in (labels or {}).items():
        yield from each_invalid(path, key, names.qualified_name(key))
        yield from each_invalid(path, value, names.label_value(value))


def validate_annotations(annotations: Mapping[str, str] | None, path: str) -> Iterator[FieldError]:
    if not annotations:
        return
    for key in annotations:
        yield from each_invalid(path, key, names.qualified_name(key.lower()))
    if sum(names.size(key) + names.size(value) for key, value in annotations.items()) > ANNOTATIONS_LIMIT_BYTES:
        yield too_long(path, ANNOTATIONS_LIMIT_BYTES)


def validate_owner_references(references: Sequence[Object] | None, path: str) -> Iterator[FieldError]:
    controller = ""
    for reference in references or ():
        yield from _owner_reference(reference, path)
        if reference.get("controller"):
            current = f"{reference.get('kind')}/{reference.get('name')}"
            if controller:
                detail = 'Only one reference can have Controller set to true. Found "true" in references for '
                yield invalid(path, references, f"{detail}{controller} and {current}")
            controller = controller or current


def _owner_reference(reference: Object, path: str) -> Iterator[FieldError]:
    api_version = reference.get("apiVersion") or ""
    if not api_version.rpartition("/")[2] or api_version.count("/") > 1:
        yield invalid(f"{path}.apiVersion", api_version, "version must not be empty")
    for key in ("kind", "name", "uid"):
        if not reference.get(key):
            yield invalid(f"{path}.{key}", reference.get(key) or "", "must not be empty")
    if api_version == "v1" and reference.get("kind") == "Event":
        yield invalid(path, reference, "/v1, Kind=Event is disallowed from being an owner")


def validate_finalizers(finalizers: Sequence[str] | None, path: str) -> Iterator[FieldError]:
    for finalizer in finalizers or ():
        yield from each_invalid(path, finalizer, names.qualified_name(finalizer))
    if finalizers and _ORPHAN in finalizers and _FOREGROUND in finalizers:
        yield invalid(path, finalizers, f"finalizer {_ORPHAN} and {_FOREGROUND} cannot be both set")


STANDARD_FINALIZERS = ("kubernetes", _ORPHAN, _FOREGROUND)


def validate_kube_finalizers(finalizers: Sequence[str] | None, path: str) -> Iterator[FieldError]:
    """What most built-in kinds ask beyond the common rule: Kubernetes' own finalizers, or ones with a domain."""
    for index, finalizer in enumerate(finalizers or ()):
        yield from validate_kube_finalizer(finalizer, f"{path}[{index}]")


def validate_kube_finalizer(finalizer: str, path: str) -> Iterator[FieldError]:
    if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
        yield invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified")


def _managed_fields(entries: Sequence[Object] | None, path: str) -> Iterator[FieldError]:
    for index, entry in enumerate(entries or ()):
        at = f"{path}[{index}]"
        if entry.get("operation") not in ("Apply", "Update"):
            yield invalid(f"{at}.operation", entry.get("operation") or "", "must be `Apply` or `Update`")
        if entry.get("fieldsType") not in (None, "", "FieldsV1"):
            yield invalid(f"{at}.fieldsType", entry["fieldsType"], "must be `FieldsV1`")
        yield from validate_field_manager(entry.get("manager") or "", f"{at}.manager")
        if names.size(entry.get("subresource") or "") > 256:
            yield too_long(f"{at}.subresource", 256)


def validate_field_manager(manager: str, path: str = "fieldManager") -> Iterator[FieldError]:
    """Also the query parameter of writes."""
    if names.size(manager) > FIELD_MANAGER_LIMIT_BYTES:
        yield too_long(path, FIELD_MANAGER_LIMIT_BYTES)
    for position, rune in enumerate(manager):
        if not rune.isprintable():
            yield invalid(path, manager, f"invalid character U+{ord(rune):04X} (at position {position})")


def validate_label_selector(selector: Object | None, path: str) -> Iterator[FieldError]:
    """A metav1.LabelSelector; None selects nothing and is good."""
    if not selector:
        return
    yield from validate_labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for index, requirement in enumerate(selector.get("matchExpressions") or ()):
        at = f"{path}.matchExpressions[{index}]"
        yield from validate_requirement(requirement, at, "not a valid selector operator")


def validate_requirement(
    requirement: Object, path: str, bad_operator: str, *, comparing: bool = False, check_values: bool = True
) -> Iterator[FieldError]:
    """A key, an operator and values. `comparing`: Gt and Lt are operators too; `bad_operator`: what is said of others."""
    values: Sequence[str] = requirement.get("values") or ()
    match requirement.get("operator"):
        case "In" | "NotIn":
            if not values:
                yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        case "Exists" | "DoesNotExist":
            if values:
                yield forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        case "Gt" | "Lt" if comparing:
            if len(values) != 1:
                yield required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
        case operator:
            yield invalid(f"{path}.operator", operator or "", bad_operator)
    key = requirement.get("key") or ""
    yield from each_invalid(f"{path}.key", key, names.qualified_name(key))
    if check_values:
        for index, value in enumerate(values):
            yield from each_invalid(f"{path}.values[{index}]", value, names.label_value(value))


def go_strings(values: Iterable[Any]) -> str:
    """Go's %#v of a []string."""
    from kybern.api.validation.field import quote

    return "[]string{" + ", ".join(quote(value) for value in values) + "}"
