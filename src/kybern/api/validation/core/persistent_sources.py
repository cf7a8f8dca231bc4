"""Storage systems of PersistentVolumes, where their rules differ from those of a Pod's volume."""

from collections.abc import Iterator, Mapping
from functools import partial

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.volume_sources import LEGACY, Check, is_initiator
from kybern.api.validation.field import each_invalid, invalid, required

_BAD_INITIATOR = "must be valid format"
_PORTAL_CHARACTERS = 64


def _glusterfs(source: Object, path: str) -> Iterator[FieldError]:
    yield from LEGACY["glusterfs"](source, path)
    namespace, at = source.get("endpointsNamespace"), f"{path}.endpointsNamespace"
    if namespace == "":
        yield invalid(at, namespace, "if the endpointnamespace is set, it must be a valid namespace name")
    elif namespace is not None:
        yield from each_invalid(at, namespace, names.dns_label(namespace))


def _azure_file(source: Object, path: str) -> Iterator[FieldError]:
    yield from LEGACY["azureFile"](source, path)
    if source.get("secretNamespace") == "":
        yield required(f"{path}.secretNamespace")


def _cinder(source: Object, path: str) -> Iterator[FieldError]:
    yield from LEGACY["cinder"](source, path)
    yield from _secret_namespace(source, path)


def _storage_os(source: Object, path: str) -> Iterator[FieldError]:
    yield from LEGACY["storageos"](source, path)
    yield from _secret_namespace(source, path)


def _secret_namespace(source: Object, path: str) -> Iterator[FieldError]:
    if source.get("secretRef") is not None and not source["secretRef"].get("namespace"):
        yield required(f"{path}.secretRef.namespace")


def _iscsi(source: Object, path: str, volume: str) -> Iterator[FieldError]:
    portal, iqn, initiator = source.get("targetPortal") or "", source.get("iqn") or "", source.get("initiatorName")
    if not portal:
        yield required(f"{path}.targetPortal")
    if initiator is not None and names.size(f"{volume}:{portal}") > _PORTAL_CHARACTERS:
        detail = (
            f"Total length of <volume name>:<iscsi.targetPortal> must be under {_PORTAL_CHARACTERS} characters if "
            "iscsi.initiatorName is specified."
        )
        yield invalid(f"{path}.targetportal", portal, detail)
    if not iqn:
        yield required(f"{path}.iqn")
    elif not is_initiator(iqn):
        yield invalid(f"{path}.iqn", iqn, _BAD_INITIATOR)
    if not 0 <= (source.get("lun") or 0) <= 255:
        yield invalid(f"{path}.lun", source["lun"], names.between(0, 255))
    secret = source.get("secretRef")
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and secret is None:
        yield required(f"{path}.secretRef")
    if secret is not None and not secret.get("name"):
        yield required(f"{path}.secretRef.name")
    if initiator is not None and not is_initiator(initiator):
        yield invalid(f"{path}.initiatorname", initiator, _BAD_INITIATOR)


def persistent_checks(volume: str) -> Mapping[str, Check]:
    """`volume`: the PersistentVolume's name."""
    return {
        **LEGACY,
        "glusterfs": _glusterfs,
        "azureFile": _azure_file,
        "cinder": _cinder,
        "storageos": _storage_os,
        "iscsi": partial(_iscsi, volume=volume),
    }
