"""Which fields Go's types have from a type embedded in them: its decoder names that type on the way to the field.

`json: cannot unmarshal bool into Go struct field Probe.spec.containers.livenessProbe.ProbeHandler.exec of type …`
"""

from collections.abc import Callable

from kybern.api.schema import structure

_REFERENCE = {"name": "LocalObjectReference"}
_TYPE_META = {"kind": "TypeMeta", "apiVersion": "TypeMeta"}
_DEVICES = {"opaque": "DeviceConfiguration"}

_SOME: dict[str, dict[str, str]] = {
    "Probe": dict.fromkeys(("exec", "httpGet", "tcpSocket", "grpc"), "ProbeHandler"),
    "SecretProjection": _REFERENCE,
    "ConfigMapVolumeSource": _REFERENCE,
    "ConfigMapProjection": _REFERENCE,
    "ConfigMapKeySelector": _REFERENCE,
    "SecretKeySelector": _REFERENCE,
    "ConfigMapEnvSource": _REFERENCE,
    "SecretEnvSource": _REFERENCE,
    "IngressRule": {"http": "IngressRuleValue"},
    "DeviceClaimConfiguration": _DEVICES,
    "DeviceAllocationConfiguration": _DEVICES,
    "DeviceClassConfiguration": _DEVICES,
}
"""class -> field -> embedded type."""

_OWN_OF_PERSISTENT_VOLUME = (
    "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy",
    "storageClassName", "volumeAttributesClassName", "volumeMode",
)  # fmt: skip
_ALL_BUT: dict[str, tuple[str, tuple[str, ...]]] = {
    "Volume": ("VolumeSource", ("name",)),
    "PersistentVolumeSpec": ("PersistentVolumeSource", _OWN_OF_PERSISTENT_VOLUME),
    "EphemeralContainer": ("EphemeralContainerCommon", ("targetContainerName",)),
    "RuleWithOperations": ("Rule", ("operations",)),
    "NamedRuleWithOperations": ("RuleWithOperations.Rule", ("operations", "resourceNames")),
}
"""class -> (embedded type, the fields that are its own)."""


def owner(name: str) -> Callable[[str], str]:
    """For a definition: field -> the embedded type that has it, "" for the definition's own."""
    some = _SOME.get(structure.class_of(name)) or (_TYPE_META if "k" in structure.definitions()[name] else {})
    everything, own = _ALL_BUT.get(structure.class_of(name), ("", ()))
    if name.endswith(".NamedRuleWithOperations"):
        some = {"operations": "RuleWithOperations"}
    return lambda field: some.get(field) or ("" if field in own else everything)
