"""Objects as upstream's internal Go types print in messages: those have no JSON names and leave nothing out.

Where a field that may not change is a whole struct, its value in the message has this form.
"""

from collections.abc import Mapping
from typing import Any

from kybern.api.schema import structure, values

_INITIALISMS = {word.lower(): word for word in ("API", "AWS", "CEL", "CIDR", "CSI", "FC", "FS", "GCE", "IP", "ISCSI")}
_INITIALISMS |= {word.lower(): word for word in ("CephFS", "IPs", "NFS", "RBD", "StorageOS", "UID")}
_METADATA = ["@", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]
_ORDERS = {
    "io.k8s.api.core.v1.PersistentVolumeSpec": (
        "capacity", "gcePersistentDisk", "awsElasticBlockStore", "hostPath", "glusterfs", "nfs", "rbd", "quobyte",
        "iscsi", "flexVolume", "cinder", "cephfs", "fc", "flocker", "azureFile", "vsphereVolume", "azureDisk",
        "photonPersistentDisk", "portworxVolume", "scaleIO", "local", "storageos", "csi", "accessModes", "claimRef",
        "persistentVolumeReclaimPolicy", "storageClassName", "mountOptions", "volumeMode", "nodeAffinity",
        "volumeAttributesClassName",
    )
}  # fmt: skip
"""Of internal types whose fields stand in another order than those of the API."""
_NULLS = frozenset("BtuqxjrFD")
"""Letters of scalars that Go encodes as null when they are not there."""


def internal_form(definition: str, value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`definition` by its full name; None stays None, as a nil pointer."""
    if value is None:
        return None
    shown: dict[str, Any] = {}
    fields = structure.fields(definition)
    for key in _ORDERS.get(definition, fields):
        if fields[key]["t"] == _METADATA:
            # The only part with JSON names, of which nothing shows that is not set.
            metadata = value.get(key) or {}
            shown |= {each: metadata[each] for each in structure.fields(_METADATA[1]) if metadata.get(each)}
        else:
            shown[go_name(key)] = _field(fields[key], value.get(key))
    return shown


def go_name(wire: str) -> str:
    """`apiGroup` -> `APIGroup`."""
    head = next((at for at, letter in enumerate(wire) if letter.isupper()), len(wire))
    first, rest = wire[:head], wire[head:]
    return (_INITIALISMS.get(first) or first[:1].upper() + first[1:]) + rest


def _field(field: Mapping[str, Any], value: Any) -> Any:
    kind = field["t"]
    if value is not None:
        return _value(kind, value)
    if "*" in field.get("m", "") or (kind[0] in "[{" if isinstance(kind, list) else kind in _NULLS):
        return None
    return internal_form(kind[1], {}) if isinstance(kind, list) else values.ZEROS[kind]


def _value(kind: Any, value: Any) -> Any:
    if isinstance(kind, str):
        return value
    mark, inner = kind
    if mark == "@":
        return internal_form(inner, value)
    if mark == "[":
        return [_value(inner, one) for one in value]
    return {key: _value(inner, one) for key, one in value.items()}
