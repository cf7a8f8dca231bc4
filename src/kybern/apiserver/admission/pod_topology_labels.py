"""PodTopologyLabels: a Pod that is bound gets its node's topology labels (KEP-4742)."""

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup

LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class PodTopologyLabels(Plugin):
    """Bindings carry labels to the Pod; a Pod that names its node at once gets them itself."""

    about = ("pods",)

    def __init__(self, lookup: Lookup) -> None:
        self._nodes = lookup.cache("nodes")

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if old is not None or attributes.group_resource != "pods":
            return
        if attributes.subresource == "binding":
            target = obj.get("target") or {}
            if target.get("kind") == "Node":
                self._label(obj, target.get("name") or "")
        elif not attributes.subresource and obj["spec"].get("nodeName"):
            self._label(obj, obj["spec"]["nodeName"])

    def _label(self, obj: Object, node_name: str) -> None:
        """What the object says itself stays."""
        node = self._nodes.objects.get(node_name)
        if node is None:
            return
        found = {key: node.labels[key] for key in LABELS if key in node.labels}
        if found:
            obj["metadata"]["labels"] = {**found, **(obj["metadata"].get("labels") or {})}
