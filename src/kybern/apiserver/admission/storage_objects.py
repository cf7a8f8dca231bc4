"""StorageObjectInUseProtection and PersistentVolumeClaimResize: what storage in use needs of the API.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/
"""

from kybern.api import quantity
from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.defaults import OLD_STORAGE_CLASS, STORAGE_CLASSES
from kybern.apiserver.admission.lookup import Lookup

_FINALIZERS = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
    "volumeattributesclasses.storage.k8s.io": "kubernetes.io/vac-protection",
}


class StorageObjectInUseProtection(Plugin):
    """What is in use does not go before a controller takes the finalizer away."""

    about = frozenset(_FINALIZERS)

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        finalizer = _FINALIZERS.get(attributes.group_resource)
        if finalizer is None or attributes.subresource or old is not None:
            return
        metadata = obj["metadata"]
        finalizers = metadata.get("finalizers") or []
        if finalizer not in finalizers:
            metadata["finalizers"] = [*finalizers, finalizer]


class PersistentVolumeClaimResize(Plugin):
    """Only bound claims of a class that allows it grow."""

    about = ("persistentvolumeclaims",)

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if attributes.group_resource != "persistentvolumeclaims" or attributes.subresource:
            return
        if obj is None or old is None or not _grows(obj, old):
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise attributes.forbidden(obj, "Only bound persistent volume claims can be expanded")
        if not self._allows(obj):
            why = (
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
                "support resize"
            )
            raise attributes.forbidden(obj, why)

    def _allows(self, claim: Object) -> bool:
        annotations = claim["metadata"].get("annotations") or {}
        name = annotations.get(OLD_STORAGE_CLASS) or claim["spec"].get("storageClassName") or ""
        storage_class = self._lookup.get(STORAGE_CLASSES, name) if name else None
        return storage_class is not None and bool(storage_class.get("allowVolumeExpansion"))


def _grows(new: Object, old: Object) -> bool:
    sizes = [
        ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage") or "0" for claim in (new, old)
    ]
    return quantity.compare(sizes[0], sizes[1]) > 0
