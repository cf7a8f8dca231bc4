"""Events about Pods, their containers and the node, in upstream's words. Without an API server they go nowhere but the trace."""

from typing import Any

from kybern.api.types.core_v1 import ObjectReference, Pod
from kybern.kubelet.pod_spec import reference_path
from kybern.kubelet.ports import EventSink

NORMAL, WARNING = "Normal", "Warning"


class NoEvents:
    """An EventSink for a kubelet that stands alone."""

    def event(self, subject: Any, type: str, reason: str, message: str) -> None:
        """There is nobody to tell."""


class NodeEvents:
    """Events about one node."""

    def __init__(self, sink: EventSink, node_name: str) -> None:
        self._sink = sink
        # Upstream's kubelet refers to its node by name in the place of the uid; `kubectl describe node` looks for that.
        self._reference = ObjectReference(kind="Node", name=node_name, uid=node_name)

    def normal(self, reason: str, message: str) -> None:
        self._sink.event(self._reference, NORMAL, reason, message)

    def warning(self, reason: str, message: str) -> None:
        self._sink.event(self._reference, WARNING, reason, message)


class PodEvents:
    """Events about one Pod; with a container's name, about that container."""

    def __init__(self, sink: EventSink, pod: Pod) -> None:
        self._sink = sink
        self._pod = pod

    def normal(self, reason: str, message: str, container: str = "") -> None:
        self._sink.event(self._reference(container), NORMAL, reason, message)

    def warning(self, reason: str, message: str, container: str = "") -> None:
        self._sink.event(self._reference(container), WARNING, reason, message)

    def _reference(self, container: str) -> ObjectReference:
        meta = self._pod.metadata
        return ObjectReference(
            api_version="v1",
            kind="Pod",
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resource_version=meta.resource_version,
            field_path=reference_path(self._pod, container) if container else "",
        )
