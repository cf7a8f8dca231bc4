"""Sources that Pods and PersistentVolumes share; most are storage systems that have CSI drivers by now."""

import re
from collections.abc import Callable, Iterator, Mapping

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.paths import no_backsteps
from kybern.api.validation.field import each_invalid, invalid, not_supported, required, too_long

Check = Callable[[Object, str], Iterator[FieldError]]

_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_IQN = re.compile(r"iqn\.\d{4}-\d{2}\.([a-z0-9-.]+)(:[^,;*&$|\s]+)$").match
_EUI = re.compile(r"eui.[0-9a-fA-F]{16}$").match
_NAA = re.compile(r"naa.[0-9a-fA-F]{32}$").match
_INITIATORS = (("iqn", _IQN), ("eui", _EUI), ("naa", _NAA))
_HOST_PORTS = "must be a host:port pair or multiple pairs separated by commas"
_PARTITION = "must be between 1 and 255, inclusive"
_CACHING = ("None", "ReadOnly", "ReadWrite")
_DISKS = ("Dedicated", "Managed", "Shared")
_MANAGED_URI = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
_BLOB_URI = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"


def needs(*keys: str) -> Check:
    """Sources that only must not lack these fields."""

    def check(source: Object, path: str) -> Iterator[FieldError]:
        for key in keys:
            if not source.get(key):
                yield required(f"{path}.{key}")

    return check


def _disk(key: str) -> Check:
    def check(source: Object, path: str) -> Iterator[FieldError]:
        yield from needs(key)(source, path)
        if not 0 <= (source.get("partition") or 0) <= 255:
            yield invalid(f"{path}.partition", source["partition"], _PARTITION)

    return check


def _nfs(source: Object, path: str) -> Iterator[FieldError]:
    yield from needs("server", "path")(source, path)
    if not (source.get("path") or "").startswith("/"):
        yield invalid(f"{path}.path", source.get("path") or "", "must be an absolute path")


def _iscsi(source: Object, path: str) -> Iterator[FieldError]:
    yield from needs("targetPortal")(source, path)
    if not source.get("iqn"):
        yield required(f"{path}.iqn")
    else:
        yield from _initiator(source["iqn"], f"{path}.iqn")
    if not 0 <= (source.get("lun") or 0) <= 255:
        yield invalid(f"{path}.lun", source["lun"], names.between(0, 255))
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and source.get("secretRef") is None:
        yield required(f"{path}.secretRef")
    if source.get("initiatorName") is not None:
        yield from _initiator(source["initiatorName"], f"{path}.initiatorname")


def is_initiator(text: str) -> bool:
    """An iSCSI name in one of its three forms."""
    return any(text.startswith(prefix) and matches(text) for prefix, matches in _INITIATORS)


def _initiator(text: str, path: str) -> Iterator[FieldError]:
    for prefix, matches in _INITIATORS:
        if text.startswith(prefix):
            if not matches(text):
                yield invalid(path, text, "must be valid format")
            return
    yield invalid(path, text, "must be valid format starting with iqn, eui, or naa")


def _fibre_channel(source: Object, path: str) -> Iterator[FieldError]:
    names_given, ids = source.get("targetWWNs") or [], source.get("wwids") or []
    at = f"{path}.targetWWNs"
    if not names_given and not ids:
        yield required(at, "must specify either targetWWNs or wwids, but not both")
    if names_given and ids:
        yield invalid(at, names_given, "targetWWNs and wwids can not be specified simultaneously")
    if names_given:
        if source.get("lun") is None:
            yield required(f"{path}.lun", "lun is required if targetWWNs is specified")
        elif not 0 <= source["lun"] <= 255:
            yield invalid(f"{path}.lun", source["lun"], names.between(0, 255))


def _flocker(source: Object, path: str) -> Iterator[FieldError]:
    name, uuid = source.get("datasetName") or "", source.get("datasetUUID") or ""
    if not name and not uuid:
        yield required(path, "one of datasetName and datasetUUID is required")
    if name and uuid:
        yield invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously")
    if "/" in name:
        yield invalid(f"{path}.datasetName", name, "must not contain '/'")


def _cinder(source: Object, path: str) -> Iterator[FieldError]:
    yield from needs("volumeID")(source, path)
    if source.get("secretRef") is not None and not source["secretRef"].get("name"):
        yield required(f"{path}.secretRef.name")


def _quobyte(source: Object, path: str) -> Iterator[FieldError]:
    registry = source.get("registry") or ""
    if not registry:
        yield required(f"{path}.registry", _HOST_PORTS)
    elif names.size(source.get("tenant") or "") >= 65:
        yield required(f"{path}.tenant", "must be a UUID and may not exceed a length of 64 characters")
    else:
        for pair in registry.split(","):
            if ":" not in pair:
                yield invalid(f"{path}.registry", registry, _HOST_PORTS)
    yield from needs("volume")(source, path)


def _flex(source: Object, path: str) -> Iterator[FieldError]:
    yield from needs("driver")(source, path)
    for key in source.get("options") or ():
        domain = f".{key.partition('/')[0].lower()}"
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            yield invalid(f"{path}.options[{key}]", key, detail)


def _azure_disk(source: Object, path: str) -> Iterator[FieldError]:
    yield from needs("diskName", "diskURI")(source, path)
    if source.get("cachingMode") is not None and source["cachingMode"] not in _CACHING:
        yield not_supported(f"{path}.cachingMode", source["cachingMode"], _CACHING)
    kind, uri = source.get("kind"), source.get("diskURI") or ""
    if kind is None:
        return
    if kind not in _DISKS:
        yield not_supported(f"{path}.kind", kind, _DISKS)
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        yield not_supported(f"{path}.diskURI", uri, (_MANAGED_URI,))
    if kind != "Managed" and not uri.startswith("https://"):
        yield not_supported(f"{path}.diskURI", uri, (_BLOB_URI,))


def _storage_os(source: Object, path: str) -> Iterator[FieldError]:
    yield from needs("volumeName")(source, path)
    for key in ("volumeName", "volumeNamespace"):
        if source.get(key):
            yield from each_invalid(f"{path}.{key}", source[key], names.dns_label(source[key]))
    if source.get("secretRef") is not None and not source["secretRef"].get("name"):
        yield required(f"{path}.secretRef.name")


def validate_csi_driver_name(name: str, path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
        return
    if names.size(name) > 63:
        yield too_long(path, 63)
    yield from each_invalid(path, name, names.dns_subdomain(name.lower()))


LEGACY: Mapping[str, Check] = {
    "gcePersistentDisk": _disk("pdName"),
    "awsElasticBlockStore": _disk("volumeID"),
    "nfs": _nfs,
    "iscsi": _iscsi,
    "glusterfs": needs("endpoints", "path"),
    "flocker": _flocker,
    "rbd": needs("monitors", "image"),
    "cinder": _cinder,
    "cephfs": needs("monitors"),
    "quobyte": _quobyte,
    "fc": _fibre_channel,
    "flexVolume": _flex,
    "azureFile": needs("secretName", "shareName"),
    "vsphereVolume": needs("volumePath"),
    "photonPersistentDisk": needs("pdID"),
    "portworxVolume": needs("volumeID"),
    "azureDisk": _azure_disk,
    "storageos": _storage_os,
    "scaleIO": needs("gateway", "system", "volumeName"),
}


def validate_host_path(source: Object, path: str) -> Iterator[FieldError]:
    if not source.get("path"):
        yield required(f"{path}.path")
        return
    yield from no_backsteps(source["path"], f"{path}.path")
    if source.get("type") is not None and source["type"] not in _HOST_PATH_TYPES:
        yield not_supported(f"{path}.type", source["type"], _HOST_PATH_TYPES)
