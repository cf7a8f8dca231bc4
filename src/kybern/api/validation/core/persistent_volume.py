"""PersistentVolume and PersistentVolumeClaim."""

from collections.abc import Iterator, Sequence

from kybern.api import quantity
from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.affinity import validate_node_selector
from kybern.api.validation.core.paths import no_backsteps
from kybern.api.validation.core.quantities import validate_amount
from kybern.api.validation.core.volume_sources import LEGACY, Check, needs, validate_csi_driver_name
from kybern.api.validation.core.volumes import validate_host_path
from kybern.api.validation.field import (
    IMMUTABLE,
    each_invalid,
    forbidden,
    immutable,
    invalid,
    not_supported,
    required,
)
from kybern.api.validation.metadata import validate_annotations, validate_label_selector, validate_labels
from kybern.api.validation.unified_diff import unified_diff

_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_RECLAIM = ("Delete", "Recycle", "Retain")
_VOLUME_MODES = ("Block", "Filesystem")
_NOT_POSITIVE = "must be greater than zero"
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


def _access_modes(modes: Sequence[str], path: str) -> Iterator[FieldError]:
    for mode in modes:
        if mode not in _ACCESS_MODES:
            yield not_supported(path, mode, _ACCESS_MODES)
    known = {mode for mode in modes if mode in _ACCESS_MODES}
    if "ReadWriteOncePod" in known and len(known) > 1:
        yield forbidden(path, "may not use ReadWriteOncePod with other access modes")


def _class_name(name: str | None, path: str) -> Iterator[FieldError]:
    if name:
        yield from each_invalid(path, name, names.dns_subdomain(name))


def validate_volume(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required("spec.accessModes")
    yield from _access_modes(modes, "spec.accessModes")
    yield from _capacity(spec.get("capacity") or {})
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM:
        yield not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM)
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        if affinity.get("required") is None:
            yield required("spec.nodeAffinity.required", "must specify required node constraints")
        else:
            yield from validate_node_selector(affinity["required"], "spec.nodeAffinity.required")
    yield from _volume_source(spec)
    host = spec.get("hostPath")
    if host is not None and policy == "Recycle" and not (host.get("path") or "x").strip("/"):
        yield forbidden("spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'")
    yield from _class_name(spec.get("storageClassName"), "spec.storageClassName")
    yield from _volume_mode(spec)
    yield from _attributes_class(spec)


def _volume_mode(spec: Object) -> Iterator[FieldError]:
    mode = spec.get("volumeMode")
    if mode is not None and mode not in _VOLUME_MODES:
        yield not_supported("spec.volumeMode", mode, _VOLUME_MODES)


def _attributes_class(spec: Object) -> Iterator[FieldError]:
    name = spec.get("volumeAttributesClassName")
    if name is None:
        return
    if not name:
        yield required("spec.volumeAttributesClassName", "an empty string is disallowed")
    yield from _class_name(name, "spec.volumeAttributesClassName")
    if spec.get("csi") is None:
        yield required("spec.csi", "has to be specified when using volumeAttributesClassName")


def _capacity(capacity: Object) -> Iterator[FieldError]:
    if not capacity:
        yield required("spec.capacity")
    if "storage" not in capacity or len(capacity) > 1:
        yield not_supported("spec.capacity", capacity or None, ("storage",))
    for name, amount in capacity.items():
        at = f"spec.capacity[{name}]"
        if quantity.value(amount) < 0:
            yield invalid(at, quantity.value(amount), "must be a valid resource quantity")
        if quantity.parse(amount) <= 0:
            yield invalid(at, amount, _NOT_POSITIVE)


def _volume_source(spec: Object) -> Iterator[FieldError]:
    given = [key for key in _ORDER if spec.get(key) is not None]
    if not given:
        yield required("spec", "must specify a volume type")
    if given:
        yield from _CHECKS[given[0]](spec[given[0]], f"spec.{_CHECKED_AS.get(given[0], given[0])}")
    for key in given[1:]:
        yield forbidden(f"spec.{_FORBIDDEN_AS.get(key, key)}", "may not specify more than 1 volume type")
    if given[:1] == ["local"] and spec.get("nodeAffinity") is None:
        yield required("spec.nodeAffinity", "Local volume requires node affinity")


def _local(source: Object, path: str) -> Iterator[FieldError]:
    if not source.get("path"):
        yield required(f"{path}.path")
    else:
        yield from no_backsteps(source["path"], f"{path}.path")


def _csi(source: Object, path: str) -> Iterator[FieldError]:
    yield from validate_csi_driver_name(source.get("driver") or "", f"{path}.driver")
    yield from needs("volumeHandle")(source, path)
    for side in ("controllerPublish", "controllerExpand", "nodePublish", "nodeExpand"):
        reference, at = source.get(f"{side}SecretRef"), f"{path}.{side}SecretRef"
        if reference is None:
            continue
        for key, check in (("name", names.dns_subdomain), ("namespace", names.dns_label)):
            if not reference.get(key):
                yield required(f"{at}.{key}")
            else:
                yield from each_invalid(f"{at}.{key}", reference[key], check(reference[key]))


_CHECKS: dict[str, Check] = {**LEGACY, "hostPath": validate_host_path, "local": _local, "csi": _csi}
_ORDER = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
]
_FORBIDDEN_AS = {"cephfs": "cephFS"}
_CHECKED_AS = {"gcePersistentDisk": "persistentDisk"}


def validate_volume_update(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    source, known = ({key: spec[key] for key in _ORDER if spec.get(key) is not None} for spec in (after, before))
    if "csi" in source and "csi" in known and known["csi"].get("controllerExpandSecretRef") is None:
        source["csi"] = {key: value for key, value in source["csi"].items() if key != "controllerExpandSecretRef"}
    if source != known:
        detail = f"spec.persistentvolumesource is immutable after creation\n{unified_diff(known, source)}"
        yield forbidden("spec.persistentvolumesource", detail)
    yield from immutable("volumeMode", after.get("volumeMode"), before.get("volumeMode"))
    if before.get("nodeAffinity") is not None:
        yield from immutable("nodeAffinity", after.get("nodeAffinity"), before["nodeAffinity"])
    key = "volumeAttributesClassName"
    if before.get(key) is not None and after.get(key) is None:
        yield forbidden(f"spec.{key}", "update from non-nil value to nil is forbidden")


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
    yield from _access_modes(modes, f"{path}.accessModes")
    amount = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    at = f"{path}.resources[storage]"
    if amount is None:
        yield required(at)
    elif quantity.parse(amount) <= 0:
        yield invalid(at, amount, _NOT_POSITIVE)
    else:
        yield from validate_amount("storage", amount, at)
    yield from _class_name(spec.get("storageClassName"), f"{path}.storageClassName")
    mode = spec.get("volumeMode")
    if mode is not None and mode not in _VOLUME_MODES:
        yield not_supported(f"{path}.volumeMode", mode, _VOLUME_MODES)
    yield from _data_sources(spec, path)
    yield from _class_name(spec.get("volumeAttributesClassName"), f"{path}.volumeAttributesClassName")


def _data_sources(spec: Object, path: str) -> Iterator[FieldError]:
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    for key, one in (("dataSource", source), ("dataSourceRef", reference)):
        if one is not None:
            yield from _data_source(one, f"{path}.{key}")
    if source is None or reference is None:
        return
    if reference.get("namespace"):
        detail = "may not be specified when dataSourceRef.namespace is specified"
        yield invalid(path, f"{path}.dataSource", detail)
    elif any((source.get(key) or "") != (reference.get(key) or "") for key in ("apiGroup", "kind", "name")):
        yield invalid(path, f"{path}.dataSource", "must match dataSourceRef")


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
    bound = (new.get("status") or {}).get("phase") == "Bound"
    annotations, known = (obj["metadata"].get("annotations") or {} for obj in (new, old))
    if annotations.get(_CLASS, "") != known.get(_CLASS, "") and after.get("storageClassName") != known.get(_CLASS):
        yield invalid(f"metadata.annotations.{_CLASS}", annotations.get(_CLASS, ""), IMMUTABLE)
    wanted = _comparable(after, before, bound=bound, class_named=_CLASS in annotations)
    if wanted != before:
        detail = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        yield forbidden("spec", f"{detail}\n{unified_diff(before, wanted)}")
    size, old_size = (
        ((spec.get("resources") or {}).get("requests") or {}).get("storage", "0") for spec in (after, before)
    )
    capacity = ((old.get("status") or {}).get("capacity") or {}).get("storage", "0")
    if quantity.compare(size, old_size) < 0 and quantity.compare(size, capacity) <= 0:
        yield forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")
    yield from immutable("volumeMode", after.get("volumeMode"), before.get("volumeMode"))
    yield from _attributes_change(after, before, old.get("status") or {})


def _comparable(after: Object, before: Object, *, bound: bool, class_named: bool) -> Object:
    """The new spec with everything set back that may change."""
    wanted = dict(after)
    if not before.get("volumeName") and "volumeName" in wanted:
        del wanted["volumeName"]
    if before.get("storageClassName") is None and after.get("storageClassName") and not class_named:
        del wanted["storageClassName"]
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
