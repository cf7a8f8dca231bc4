"""Small plugins that fill in what the cluster has decided: default classes, taints of new nodes."""

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.pod_defaults import NOT_READY

STORAGE_CLASSES = "storageclasses.storage.k8s.io"
INGRESS_CLASSES = "ingressclasses.networking.k8s.io"
_DEFAULT_STORAGE = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_DEFAULT_INGRESS = ("ingressclass.kubernetes.io/is-default-class",)
OLD_STORAGE_CLASS = "volume.beta.kubernetes.io/storage-class"
_OLD_INGRESS_CLASS = "kubernetes.io/ingress.class"


def _default_class(classes: list[Object], annotations: tuple[str, ...]) -> str:
    """The newest class that is marked as the default; "" where there is none."""
    marked = [
        each["metadata"]
        for each in classes
        if any((each["metadata"].get("annotations") or {}).get(key) == "true" for key in annotations)
    ]
    if not marked:
        return ""
    newest = max(metadata["creationTimestamp"] for metadata in marked)
    return min(str(metadata["name"]) for metadata in marked if metadata["creationTimestamp"] == newest)


class DefaultStorageClass(Plugin):
    """Claims that name no class get the default one. Source: KEP-3333 and its documentation."""

    about = ("persistentvolumeclaims",)

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if attributes.group_resource != "persistentvolumeclaims" or attributes.subresource or old is not None:
            return
        if obj["spec"].get("storageClassName") is not None:
            return
        if OLD_STORAGE_CLASS in (obj["metadata"].get("annotations") or {}):
            return
        name = _default_class(self._lookup.list(STORAGE_CLASSES), _DEFAULT_STORAGE)
        if name:
            obj["spec"]["storageClassName"] = name


class DefaultIngressClass(Plugin):
    """Ingresses that name no class get the default one."""

    about = ("ingresses.networking.k8s.io",)

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if attributes.group_resource != "ingresses.networking.k8s.io" or attributes.subresource or old is not None:
            return
        spec = obj.get("spec") or {}
        if spec.get("ingressClassName") or _OLD_INGRESS_CLASS in (obj["metadata"].get("annotations") or {}):
            return
        name = _default_class(self._lookup.list(INGRESS_CLASSES), _DEFAULT_INGRESS)
        if name:
            obj["spec"] = {**spec, "ingressClassName": name}


class TaintNodesByCondition(Plugin):
    """A new node takes no Pods before it is ready."""

    about = ("nodes",)

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if attributes.group_resource != "nodes" or attributes.subresource or old is not None:
            return
        spec = obj.get("spec") or {}
        taints = spec.get("taints") or []
        if not any(taint["key"] == NOT_READY and taint["effect"] == "NoSchedule" for taint in taints):
            obj["spec"] = {**spec, "taints": [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]}
