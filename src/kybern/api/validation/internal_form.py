"""Objects as upstream's internal Go types print in messages: those have no JSON names and leave nothing out.

Where a field that may not change is a whole struct, its value in the message has this form.
"""

from collections.abc import Mapping
from typing import Any

from kybern.api.schema import structure, values

_INITIALISMS = {word.lower(): word for word in ("API", "AWS", "CEL", "CIDR", "CSI", "FC", "FS", "GCE", "IP", "ISCSI")}
_INITIALISMS |= {word.lower(): word for word in ("CephFS", "IPs", "NFS", "RBD", "StorageOS", "UID", "WWIDs")}
_INITIALISMS |= {
    word.lower(): word for word in ("DNS", "GMSA", "GRPC", "HTTP", "IQN", "OS", "PD", "SE", "SSL", "TCP", "TTY")
}
_RBD = {"image": "RBDImage", "monitors": "CephMonitors", "pool": "RBDPool", "user": "RadosUser"}
_ISCSI = {"chapAuthDiscovery": "DiscoveryCHAPAuth", "chapAuthSession": "SessionCHAPAuth"}
_GLUSTERFS = {"endpoints": "EndpointsName"}
_NAMES = {
    "AzureDiskVolumeSource": {"diskURI": "DataDiskURI"},
    "GlusterfsPersistentVolumeSource": _GLUSTERFS,
    "GlusterfsVolumeSource": _GLUSTERFS,
    "ISCSIPersistentVolumeSource": _ISCSI,
    "ISCSIVolumeSource": _ISCSI,
    "PhotonPersistentDiskVolumeSource": {"pdID": "PdID"},
    "RBDPersistentVolumeSource": _RBD,
    "RBDVolumeSource": _RBD,
}
"""class -> field -> Go's name, where the two have little in common."""
_METADATA = ["@", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]
_ORDERS = {
    "io.k8s.api.core.v1.PersistentVolumeSpec": (
        "capacity", "gcePersistentDisk", "awsElasticBlockStore", "hostPath", "glusterfs", "nfs", "rbd", "quobyte",
        "iscsi", "flexVolume", "cinder", "cephfs", "fc", "flocker", "azureFile", "vsphereVolume", "azureDisk",
        "photonPersistentDisk", "portworxVolume", "scaleIO", "local", "storageos", "csi", "accessModes", "claimRef",
        "persistentVolumeReclaimPolicy", "storageClassName", "mountOptions", "volumeMode", "nodeAffinity",
        "volumeAttributesClassName",
    ),
    "io.k8s.api.core.v1.PodSpec": (
        "volumes", "initContainers", "containers", "ephemeralContainers", "restartPolicy",
        "terminationGracePeriodSeconds", "activeDeadlineSeconds", "dnsPolicy", "nodeSelector", "serviceAccountName",
        "automountServiceAccountToken", "nodeName", "securityContext", "imagePullSecrets", "hostname", "subdomain",
        "setHostnameAsFQDN", "affinity", "schedulerName", "tolerations", "hostAliases", "priorityClassName", "priority",
        "preemptionPolicy", "dnsConfig", "readinessGates", "runtimeClassName", "overhead", "enableServiceLinks",
        "topologySpreadConstraints", "os", "schedulingGates", "resourceClaims", "resources", "hostnameOverride",
        "schedulingGroup",
    ),
    "io.k8s.api.core.v1.PodSecurityContext": (
        "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup", "runAsNonRoot", "supplementalGroups",
        "supplementalGroupsPolicy", "fsGroup", "fsGroupChangePolicy", "sysctls", "seccompProfile", "appArmorProfile",
        "seLinuxChangePolicy",
    ),
    "io.k8s.api.core.v1.Volume": (
        "name", "hostPath", "emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret", "nfs", "iscsi",
        "glusterfs", "persistentVolumeClaim", "rbd", "quobyte", "flexVolume", "cinder", "cephfs", "flocker",
        "downwardAPI", "fc", "azureFile", "configMap", "vsphereVolume", "azureDisk", "photonPersistentDisk",
        "projected", "portworxVolume", "scaleIO", "storageos", "csi", "ephemeral", "image",
    ),
}  # fmt: skip
"""Of internal types whose fields stand in another order than those of the API."""
_POD_SPEC = "io.k8s.api.core.v1.PodSpec"
_WITH_JSON_NAMES = "io.k8s.apimachinery."
"""What all groups share, label selectors among it, has no internal form."""
_NULLS = frozenset("BtuqxjrFD")
"""Letters of scalars that Go encodes as null when they are not there."""


def internal_form(definition: str, value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`definition` by its full name; None stays None, as a nil pointer."""
    if value is None:
        return None
    shown: dict[str, Any] = {}
    fields, names = structure.fields(definition), _NAMES.get(structure.class_of(definition), {})
    for key in _ORDERS.get(definition, fields):
        if fields[key]["t"] == _METADATA:
            # The only part with JSON names, of which nothing shows that is not set.
            metadata = value.get(key) or {}
            shown |= {each: metadata[each] for each in structure.fields(_METADATA[1]) if metadata.get(each)}
        else:
            shown[names.get(key) or go_name(key)] = _field(fields[key], value.get(key))
    if definition == _POD_SPEC and "securityContext" in value:
        shown["SecurityContext"] = _host_namespaces(value) | shown["SecurityContext"]
    return shown


def _host_namespaces(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Internally a Pod's security context has what the API has beside it."""
    shown = {go_name(key): spec.get(key, False) for key in ("hostNetwork", "hostPID", "hostIPC")}
    return shown | {go_name(key): spec.get(key) for key in ("shareProcessNamespace", "hostUsers")}


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
        return value if inner.startswith(_WITH_JSON_NAMES) else internal_form(inner, value)
    if mark == "[":
        return [_value(inner, one) for one in value]
    return {key: _value(inner, one) for key, one in sorted(value.items())}
