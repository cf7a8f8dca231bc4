"""PersistentVolume, and what it has in common with claims."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kybern.api import quantity
from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.affinity import validate_node_selector
from kybern.api.validation.core.paths import no_backsteps
from kybern.api.validation.core.persistent_sources import persistent_checks
from kybern.api.validation.core.volume_sources import Check, needs, validate_csi_driver_name, validate_host_path
from kybern.api.validation.field import (
    IMMUTABLE,
    each_invalid,
    forbidden,
    immutable,
    invalid,
    not_supported,
    required,
    sorted_map,
)
from kybern.api.validation.internal_form import internal_form
from kybern.api.validation.metadata import validate_kube_finalizers, validate_metadata
from kybern.api.validation.unified_diff import unified_diff

_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_RECLAIM = ("Delete", "Recycle", "Retain")
VOLUME_MODES = ("Block", "Filesystem")
NOT_POSITIVE = "must be greater than zero"


def validate_access_modes(modes: Sequence[str], path: str) -> Iterator[FieldError]:
    for mode in modes:
        if mode not in _ACCESS_MODES:
            yield not_supported(path, mode, _ACCESS_MODES)
    known = {mode for mode in modes if mode in _ACCESS_MODES}
    if "ReadWriteOncePod" in known and len(known) > 1:
        yield forbidden(path, "may not use ReadWriteOncePod with other access modes")


def validate_class_name(name: str | None, path: str) -> Iterator[FieldError]:
    if name:
        yield from each_invalid(path, name, names.dns_subdomain(name))


_INLINE = "in the context of inline volumes"


def validate_volume(obj: Object) -> Iterator[FieldError]:
    yield from _volume(obj.get("spec") or {}, obj["metadata"].get("name") or "")


def validate_inline_volume(spec: Object, path: str) -> Iterator[FieldError]:
    """A volume within a VolumeAttachment: it belongs to no claim and is a driver's."""
    if spec.get("claimRef") is not None:
        yield forbidden(f"{path}.claimRef", f"may not be specified {_INLINE}")
    if spec.get("capacity"):
        yield forbidden(f"{path}.capacity", f"may not be specified {_INLINE}")
    if spec.get("csi") is None:
        yield required(f"{path}.csi", f"has to be specified {_INLINE}")
    yield from _modes(spec, path)
    if (spec.get("persistentVolumeReclaimPolicy") or "Retain") != "Retain":
        yield forbidden(f"{path}.persistentVolumeReclaimPolicy", f"may only be Retain {_INLINE}")
    if spec.get("nodeAffinity") is not None:
        yield forbidden(f"{path}.nodeAffinity", f"may not be specified {_INLINE}")
    yield from _volume_source(spec, "", path)
    if spec.get("storageClassName"):
        yield forbidden(f"{path}.storageClassName", f"may not be specified {_INLINE}")
    if (spec.get("volumeMode", "Filesystem")) != "Filesystem":
        yield forbidden(f"{path}.volumeMode", f"may not specify volumeMode other than Filesystem {_INLINE}")


def _modes(spec: Object, path: str) -> Iterator[FieldError]:
    modes = spec.get("accessModes") or ()
    if not modes:
        yield required(f"{path}.accessModes")
    yield from validate_access_modes(modes, f"{path}.accessModes")


def _volume(spec: Object, name: str) -> Iterator[FieldError]:
    yield from _modes(spec, "spec")
    yield from _capacity(spec.get("capacity"))
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM:
        yield not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM)
    affinity = spec.get("nodeAffinity")
    if affinity is not None:
        if affinity.get("required") is None:
            yield required("spec.nodeAffinity.required", "must specify required node constraints")
        else:
            yield from validate_node_selector(affinity["required"], "spec.nodeAffinity.required")
    yield from _volume_source(spec, name, "spec")
    host = spec.get("hostPath")
    if host is not None and policy == "Recycle" and not (host.get("path") or "x").strip("/"):
        yield forbidden("spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'")
    yield from validate_class_name(spec.get("storageClassName"), "spec.storageClassName")
    yield from _volume_mode(spec)
    yield from _attributes_class(spec)


def _volume_mode(spec: Object) -> Iterator[FieldError]:
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        yield not_supported("spec.volumeMode", mode, VOLUME_MODES)


def _attributes_class(spec: Object) -> Iterator[FieldError]:
    name = spec.get("volumeAttributesClassName")
    if name is None:
        return
    if not name:
        yield required("spec.volumeAttributesClassName", "an empty string is disallowed")
    yield from validate_class_name(name, "spec.volumeAttributesClassName")
    if spec.get("csi") is None:
        yield required("spec.csi", "has to be specified when using volumeAttributesClassName")


def _capacity(given: Object | None) -> Iterator[FieldError]:
    capacity = given or {}
    if not capacity:
        yield required("spec.capacity")
    if "storage" not in capacity or len(capacity) > 1:
        yield not_supported("spec.capacity", sorted_map(given), ("storage",))
    for name, amount in capacity.items():
        at = f"spec.capacity[{name}]"
        if quantity.value(amount) < 0:
            yield invalid(at, quantity.value(amount), "must be a valid resource quantity")
        if quantity.parse(amount) <= 0:
            yield invalid(at, amount, NOT_POSITIVE)


def _volume_source(spec: Object, name: str, path: str) -> Iterator[FieldError]:
    given = [key for key in _ORDER if spec.get(key) is not None]
    if not given:
        yield required(path, "must specify a volume type")
    if given:
        yield from _checks(name)[given[0]](spec[given[0]], f"{path}.{_CHECKED_AS.get(given[0], given[0])}")
    if given[:1] == ["local"] and spec.get("nodeAffinity") is None:
        yield required(f"{path}.nodeAffinity", "Local volume requires node affinity")
    for key in given[1:]:
        if key == "flexVolume":  # Upstream forgot to count it.
            yield from _checks(name)[key](spec[key], f"{path}.{key}")
            continue
        yield forbidden(f"{path}.{_FORBIDDEN_AS.get(key, key)}", "may not specify more than 1 volume type")


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


def _checks(name: str) -> Mapping[str, Check]:
    return {**persistent_checks(name), "hostPath": validate_host_path, "local": _local, "csi": _csi}


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
_SPEC = "io.k8s.api.core.v1.PersistentVolumeSpec"
_OF_NO_SOURCE = frozenset(
    (
        "Capacity",
        "AccessModes",
        "ClaimRef",
        "PersistentVolumeReclaimPolicy",
        "StorageClassName",
        "MountOptions",
        "VolumeMode",
        "NodeAffinity",
        "VolumeAttributesClassName",
    )
)


def _shown_source(source: Object) -> Object:
    return {key: part for key, part in (internal_form(_SPEC, source) or {}).items() if key not in _OF_NO_SOURCE}


_FORBIDDEN_AS = {"cephfs": "cephFS"}
_CHECKED_AS = {"gcePersistentDisk": "persistentDisk"}


def validate_volume_update(new: Object, old: Object) -> Iterator[FieldError]:
    """Upstream checks the whole volume here again: clients see such a cause twice."""
    yield from validate_metadata(new["metadata"], False, names.path_segment_name)
    yield from validate_kube_finalizers(new["metadata"].get("finalizers"), "metadata.finalizers")
    yield from validate_volume(new)
    after, before = new.get("spec") or {}, old.get("spec") or {}
    source, known = ({key: spec[key] for key in _ORDER if spec.get(key) is not None} for spec in (after, before))
    if "csi" in source and "csi" in known and known["csi"].get("controllerExpandSecretRef") is None:
        source["csi"] = {key: value for key, value in source["csi"].items() if key != "controllerExpandSecretRef"}
    if source != known:
        changes = unified_diff(_shown_source(known), _shown_source(source))
        detail = f"spec.persistentvolumesource is immutable after creation\n{changes}"
        yield forbidden("spec.persistentvolumesource", detail)
    yield from immutable("volumeMode", after.get("volumeMode"), before.get("volumeMode"))
    affinity = after.get("nodeAffinity")
    if before.get("nodeAffinity") is not None and not _same_affinity(affinity, before["nodeAffinity"]):
        detail = f"{IMMUTABLE}, except for updating from beta label to GA"
        yield invalid("nodeAffinity", _internal(affinity), detail)
    key = "volumeAttributesClassName"
    if before.get(key) is not None and after.get(key) is None:
        yield forbidden(f"spec.{key}", "update from non-nil value to nil is forbidden")


_STABLE_LABELS = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}


def _same_affinity(new: Any, old: Any) -> bool:
    """Equal, but for labels that got their final names."""
    if isinstance(new, dict) and isinstance(old, dict):
        key, known = new.get("key", ""), old.get("key", "")
        renamed = key != known and _STABLE_LABELS.get(known, "") == key  # Upstream finds "" for what has none.
        keys = (new.keys() | old.keys()) - ({"key"} if renamed else set())
        return all(_same_affinity(new.get(key), old.get(key)) for key in keys)
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return all(map(_same_affinity, new, old))
    return (new or None) == (old or None)


def _internal(affinity: Object | None) -> Object | None:
    """Upstream shows its internal VolumeNodeAffinity, which has no JSON names and leaves nothing out."""
    if affinity is None:
        return None
    needed = affinity.get("required")
    if needed is None:
        return {"Required": None}
    return {"Required": internal_form("io.k8s.api.core.v1.NodeSelector", needed)}
