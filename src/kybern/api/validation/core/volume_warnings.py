"""Volumes and claims that are accepted but old, without effect or at odds with themselves.

Source: pkg/api/pod/warnings.go, pkg/api/persistentvolume/util.go, pkg/api/persistentvolumeclaim/util.go.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kybern.api import quantity
from kybern.api.resource import Object
from kybern.api.validation.core.node_label_warnings import node_term_warnings
from kybern.api.validation.field import quote

_PHOTON = "deprecated in v1.11, non-functional in v1.16+"
_SCALE_IO = "deprecated in v1.16, non-functional in v1.22+"
_STORAGE_OS = "deprecated in v1.22, non-functional in v1.25+"
_GLUSTERFS = "deprecated in v1.25, non-functional in v1.26+"
_CEPH = "deprecated in v1.28, non-functional in v1.31+"
_VOLUMES = {
    "photonPersistentDisk": _PHOTON,
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": _SCALE_IO,
    "flocker": _STORAGE_OS,
    "storageos": _STORAGE_OS,
    "quobyte": _STORAGE_OS,
    "glusterfs": _GLUSTERFS,
    "cephfs": _CEPH,
    "rbd": _CEPH,
}
_PERSISTENT_VOLUMES = {
    "cephfs": _CEPH,
    "photonPersistentDisk": _PHOTON,
    "scaleIO": _SCALE_IO,
    "storageos": _STORAGE_OS,
    "glusterfs": _GLUSTERFS,
    "rbd": _CEPH,
}
_SHOWN_AS = {"storageos": "storageOS"}
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_BETA_OPTIONS = "volume.beta.kubernetes.io/mount-options"
_USE_CLASS = 'deprecated since v1.8; use "storageClassName" attribute instead'
_ANNOTATIONS = {
    _BETA_CLASS: _USE_CLASS,
    _BETA_OPTIONS: 'deprecated since v1.31; use "mountOptions" attribute instead',
}


def volume_warnings(volumes: Sequence[Object], path: str) -> Iterator[str]:
    """Of a Pod's or a template's `volumes`."""
    for index, volume in enumerate(volumes):
        for key, message in _VOLUMES.items():
            if key in volume:
                yield f"{path}[{index}].{_SHOWN_AS.get(key, key)}: {message}"
            if key == "glusterfs" and (template := (volume.get("ephemeral") or {}).get("volumeClaimTemplate")):
                yield from claim_spec_warnings(
                    template.get("spec") or {}, f"{path}[{index}].ephemeral.volumeClaimTemplate.spec"
                )
    for volume in volumes:
        yield from _overlaps(volume)


def claim_warnings(claim: Object) -> Iterator[str]:
    if _BETA_CLASS in (claim["metadata"].get("annotations") or {}):
        yield f"metadata.annotations[{_BETA_CLASS}]: {_USE_CLASS}"
    yield from claim_spec_warnings(claim.get("spec") or {}, "spec")


def claim_spec_warnings(spec: Object, path: str) -> Iterator[str]:
    resources = spec.get("resources") or {}
    for side in ("requests", "limits"):
        yield from fraction_warnings(resources.get(side) or {}, f"{path}.resources.{side}", ("storage",))


def fraction_warnings(amounts: Mapping[str, str], path: str, names: Iterable[str]) -> Iterator[str]:
    """Bytes come in whole numbers."""
    for name in names:
        if name in amounts and quantity.milli_value(amounts[name]) % 1000:
            yield f"{path}[{name}]: fractional byte value {quote(amounts[name])} is invalid, must be an integer"


def persistent_volume_warnings(obj: Object) -> Iterator[str]:
    spec = obj.get("spec") or {}
    for key, message in _ANNOTATIONS.items():
        if key in (obj["metadata"].get("annotations") or {}):
            yield f"metadata.annotations[{key}]: {message}"
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        message = "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning."
        yield f"spec.persistentVolumeReclaimPolicy: {message}"
    terms = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or ()
    for index, term in enumerate(terms):
        yield from node_term_warnings(term, f"spec.nodeAffinity.required.nodeSelectorTerms[{index}]")
    for key, message in _PERSISTENT_VOLUMES.items():
        if key in spec:
            yield f"spec.{_SHOWN_AS.get(key, key)}: {message}"


class _File(NamedTuple):
    """A path within a volume, and what puts a file there ("" where the volume has one source alone)."""

    path: str
    source: str

    def __str__(self) -> str:
        return f"{quote(self.path)} ({self.source})" if self.source else quote(self.path)


def _overlaps(volume: Object) -> Iterator[str]:
    name = volume.get("name") or ""
    for kind, of in (("configMap", "name"), ("secret", "secretName"), ("downwardAPI", "")):
        source = volume.get(kind) or {}
        shown = f"{_TITLES[kind]} {quote(source.get(of) or '')}" if of else _TITLES[kind]
        files = [_File(item.get("path") or "", "") for item in source.get("items") or ()]
        for overlap in _collisions(files):
            yield f"volume {quote(name)} ({shown}): overlapping paths: {overlap}"
    if "projected" in volume:
        sources = volume["projected"].get("sources") or ()
        for source in sources:
            if not source:
                yield f"volume {quote(name)} (Projected) has no sources provided"
        files = [file for source in sources for file in _projected_files(source)]
        for overlap in _collisions(files):
            yield f"volume {quote(name)} (Projected): overlapping paths: {overlap}"


_TITLES = {"configMap": "ConfigMap", "secret": "Secret", "downwardAPI": "DownwardAPI"}


def _projected_files(source: Object) -> Iterator[_File]:
    for kind, title in _TITLES.items():
        items = (source.get(kind) or {}).get("items")
        if items is not None:
            shown = title if kind == "downwardAPI" else f"{title} {quote(source[kind].get('name') or '')}"
            yield from (_File(item.get("path") or "", shown) for item in items)
            return
    if "serviceAccountToken" in source:
        yield _File(source["serviceAccountToken"].get("path") or "", "ServiceAccountToken")
    elif bundle := source.get("clusterTrustBundle"):
        title = bundle["name"] if "name" in bundle else bundle.get("signerName") or ""
        yield _File(bundle.get("path") or "", f"ClusterTrustBundle {quote(title)}")
    elif certificate := source.get("podCertificate"):
        for key, what in _CERTIFICATE_FILES.items():
            if certificate.get(key):
                yield _File(certificate[key], f"PodCertificate {what}")


_CERTIFICATE_FILES = {
    "certificateChainPath": "chain",
    "keyPath": "key",
    "credentialBundlePath": "credential bundle",
}


def _collisions(files: Sequence[_File]) -> Iterator[str]:
    """Pairs of which one is the other, or lies below it: neither could be written."""
    seen: list[_File] = []
    for each in files:
        file = each._replace(path=each.path.rstrip("/"))
        for other in seen:
            below = f"{other.path}/".startswith(f"{file.path}/") or f"{file.path}/".startswith(f"{other.path}/")
            if file.path and other.path and below:
                yield f"{file} with {other}"
        seen.append(file)
