"""Volumes of a Pod: exactly one source each."""

from collections.abc import Iterator, Mapping, Sequence

from kybern.api import quantity
from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.paths import descending
from kybern.api.validation.core.persistent_volume_claim import validate_claim_template
from kybern.api.validation.core.projected import (
    validate_downward_file,
    validate_key_to_path,
    validate_mode,
    validate_projected,
)
from kybern.api.validation.core.volume_sources import LEGACY, Check, validate_csi_driver_name, validate_host_path
from kybern.api.validation.field import duplicate, each_invalid, forbidden, invalid, not_supported, required

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def validate_volumes(
    volumes: Sequence[Object], metadata: Object | None, path: str, *, is_pod: bool
) -> tuple[Mapping[str, Object], Sequence[FieldError]]:
    """The good volumes by name, and the faults of the others. `metadata` is a Pod's, None for templates."""
    good: dict[str, Object] = {}
    errors: list[FieldError] = []
    pod_name = (metadata or {}).get("name") or ""
    created = {f"{pod_name}-{one.get('name')}" for one in volumes if one.get("ephemeral") is not None and pod_name}
    for index, volume in enumerate(volumes):
        at, name = f"{path}[{index}]", volume.get("name") or ""
        faults = list(_source(volume, at, pod_name, is_pod=is_pod))
        if not name:
            faults.append(required(f"{at}.name"))
        else:
            faults += each_invalid(f"{at}.name", name, names.dns_label(name))
        if name in good:
            faults.append(duplicate(f"{at}.name", name))
        if not faults:
            good[name] = volume
        errors += faults
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim in created:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            errors.append(invalid(f"{at}.persistentVolumeClaim.claimName", claim, detail))
    return good, errors


def _source(volume: Object, path: str, pod_name: str, *, is_pod: bool) -> Iterator[FieldError]:
    given = [key for key in _ORDER if volume.get(key) is not None]
    if not given:
        yield required(path, "must specify a volume type")
        return
    yield from _chosen(given[0], volume, path, pod_name, is_pod=is_pod)
    for key in given[1:]:
        # Upstream misspells one of the names.
        yield forbidden(f"{path}.{_FORBIDDEN_AS.get(key, key)}", "may not specify more than 1 volume type")


def _chosen(key: str, volume: Object, path: str, pod_name: str, *, is_pod: bool) -> Iterator[FieldError]:
    source = volume[key]
    if key == "ephemeral":
        yield from _ephemeral(source, volume.get("name") or "", pod_name, path)
    elif key == "image":
        yield from _image(source, f"{path}.image", is_pod=is_pod)
    else:
        yield from _CHECKS[key](source, f"{path}.{_CHECKED_AS.get(key, key)}")


def _empty_dir(source: Object, path: str) -> Iterator[FieldError]:
    limit = source.get("sizeLimit")
    if limit is not None and quantity.parse(limit) < 0:
        yield forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


def _git_repo(source: Object, path: str) -> Iterator[FieldError]:
    if not source.get("repository"):
        yield required(f"{path}.repository")
    yield from descending(source.get("directory") or "", f"{path}.directory")


def _keys(source: Object, path: str, name_key: str) -> Iterator[FieldError]:
    if not source.get(name_key):
        yield required(f"{path}.{name_key}")
    yield from validate_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for index, item in enumerate(source.get("items") or ()):
        yield from validate_key_to_path(item, f"{path}.items[{index}]")


def _secret(source: Object, path: str) -> Iterator[FieldError]:
    yield from _keys(source, path, "secretName")


def _config_map(source: Object, path: str) -> Iterator[FieldError]:
    yield from _keys(source, path, "name")


def _claim(source: Object, path: str) -> Iterator[FieldError]:
    if not source.get("claimName"):
        yield required(f"{path}.claimName")


def _downward(source: Object, path: str) -> Iterator[FieldError]:
    yield from validate_mode(source.get("defaultMode"), f"{path}.defaultMode")
    for item in source.get("items") or ():
        yield from validate_downward_file(item, path)


def _csi(source: Object, path: str) -> Iterator[FieldError]:
    yield from validate_csi_driver_name(source.get("driver") or "", f"{path}.driver")
    secret = source.get("nodePublishSecretRef")
    if secret is not None:
        if not secret.get("name"):
            yield required(f"{path}.nodePublishSecretRef.name")
        else:
            yield from each_invalid(f"{path}.name", secret["name"], names.dns_subdomain(secret["name"]))


def _ephemeral(source: Object, name: str, pod_name: str, path: str) -> Iterator[FieldError]:
    template = source.get("volumeClaimTemplate")
    if template is None:
        yield required(f"{path}.ephemeral.volumeClaimTemplate")
    else:
        yield from validate_claim_template(template, f"{path}.ephemeral.volumeClaimTemplate")
    if pod_name and name:
        claim = f"{pod_name}-{name}"
        for message in names.dns_subdomain(claim):
            yield invalid(f"{path}.name", name, f'PVC name "{claim}": {message}')


def _image(source: Object, path: str, *, is_pod: bool) -> Iterator[FieldError]:
    if is_pod and not source.get("reference"):
        yield required(f"{path}.reference")
    policy = source.get("pullPolicy")
    if not policy:
        yield required(f"{path}.pullPolicy")
    elif policy not in _PULL_POLICIES:
        yield not_supported(f"{path}.pullPolicy", policy, _PULL_POLICIES)


_CHECKS: Mapping[str, Check] = {
    **LEGACY,
    "emptyDir": _empty_dir,
    "hostPath": validate_host_path,
    "gitRepo": _git_repo,
    "secret": _secret,
    "configMap": _config_map,
    "persistentVolumeClaim": _claim,
    "downwardAPI": _downward,
    "projected": validate_projected,
    "csi": _csi,
}
_ORDER = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
]
_FORBIDDEN_AS = {"downwardAPI": "downwarAPI", "cephfs": "cephFS"}
_CHECKED_AS = {"gcePersistentDisk": "persistentDisk"}
