"""How PersistentVolumes and claims show access modes and classes. Source: pkg/apis/core/helper."""

from kybern.api.resource import Object

_SHORT = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_CLASS = "volume.beta.kubernetes.io/storage-class"


def access_modes(modes: list[str] | None) -> str:
    return ",".join(short for mode, short in _SHORT.items() if mode in (modes or ()))


def storage_class(obj: Object) -> str:
    annotations = obj["metadata"].get("annotations") or {}
    if _CLASS in annotations:
        return str(annotations[_CLASS])
    return (obj.get("spec") or {}).get("storageClassName") or ""
