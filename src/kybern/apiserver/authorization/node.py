"""The Node authoriser: a kubelet reads what its own Pods use, and writes what is its own.

Source: https://kubernetes.io/docs/reference/access-authn-authz/node/. What is left is decided by the rules of the
ClusterRole system:node, which is bound to nobody.
"""

from collections.abc import Iterator

from kybern.api.resource import Object
from kybern.apiserver.authorization.rules import compile_rules
from kybern.apiserver.bootstrap.cluster_roles import node_rules
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import User

_LEASES = "kube-node-lease"
_POD_INDEX = "spec.nodeName"


class NodeAuthorizer:
    """Looks at the Pods of a node when asked for one of their objects."""

    def __init__(self, cache: Cache) -> None:
        self._pods = cache["pods"]
        self._volumes = cache["persistentvolumes"]
        self._claims = cache["persistentvolumeclaims"]
        self._attachments = cache["volumeattachments.storage.k8s.io"]
        self._rules = compile_rules(node_rules())

    def remembers(self, user: User, info: RequestInfo) -> bool:
        """Whether a decision holds as long as no role changes: those on Pods' objects change with the Pods."""
        return not (user.node_name and info.resource in _REFERENCED)

    def allows(self, user: User, info: RequestInfo) -> bool:
        node = user.node_name
        if not node or not info.is_resource:
            return False
        if not any(rule.allows(info) for rule in self._rules):
            return False
        if info.group == "":
            return self._allows_core(node, info)
        if info.group == "coordination.k8s.io" and info.resource == "leases":
            return info.namespace == _LEASES and (info.verb == "create" or info.name == node)
        if info.group == "storage.k8s.io" and info.resource == "csinodes":
            return info.verb == "create" or info.name == node
        if info.group == "storage.k8s.io" and info.resource == "volumeattachments":
            return self._is_attached(node, info.name)
        return True

    def reason(self, user: User, info: RequestInfo) -> str:
        node = user.node_name
        if not node or not info.is_resource:
            return ""
        if info.resource in ("secrets", "configmaps", "persistentvolumeclaims", "serviceaccounts"):
            return f"no relationship found between node '{node}' and this object"
        return ""

    def _allows_core(self, node: str, info: RequestInfo) -> bool:
        resource = info.resource
        if resource in ("secrets", "configmaps"):
            if info.verb in ("list", "watch") and not info.name:
                return False
            return info.verb in ("get", "list", "watch") and self._uses(node, info.namespace, resource, info.name)
        if resource == "persistentvolumeclaims":
            return bool(info.name) and self._uses(node, info.namespace, resource, info.name)
        if resource == "persistentvolumes":
            return self._uses_volume(node, info.name)
        if resource == "serviceaccounts" and info.subresource == "token":
            return self._uses(node, info.namespace, resource, info.name)
        if resource == "nodes" and info.verb in ("update", "patch"):
            return info.name == node
        return True

    def _pods_of(self, node: str) -> Iterator[Object]:
        for key in self._pods.keys_on_node(node):
            yield self._pods.objects[key].parse(self._pods.head)

    def _uses(self, node: str, namespace: str, resource: str, name: str) -> bool:
        kind = _REFERENCED[resource]
        for pod in self._pods_of(node):
            if pod["metadata"]["namespace"] == namespace and (kind, name) in set(references(pod)):
                return True
        return False

    def _uses_volume(self, node: str, name: str) -> bool:
        version = self._volumes.objects.get(name)
        if version is None:
            return False
        claim = (version.parse(self._volumes.head).get("spec") or {}).get("claimRef") or {}
        return self._uses(node, claim.get("namespace", ""), "persistentvolumeclaims", claim.get("name", ""))

    def _is_attached(self, node: str, name: str) -> bool:
        version = self._attachments.objects.get(name)
        return version is not None and version.parse(self._attachments.head)["spec"].get("nodeName") == node


_REFERENCED = {
    "secrets": "Secret",
    "configmaps": "ConfigMap",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "persistentvolumes": "PersistentVolume",
    "serviceaccounts": "ServiceAccount",
}


def references(pod: Object) -> Iterator[tuple[str, str]]:
    """(kind, name) of everything in its namespace that a Pod needs to run."""
    spec = pod["spec"]
    yield "ServiceAccount", spec.get("serviceAccountName") or "default"
    for secret in spec.get("imagePullSecrets") or ():
        yield "Secret", secret.get("name", "")
    for volume in spec.get("volumes") or ():
        yield from _of_volume(volume, pod["metadata"]["name"])
    for key in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(key) or ():
            yield from _of_container(container)


def _of_container(container: Object) -> Iterator[tuple[str, str]]:
    for source in container.get("envFrom") or ():
        if "configMapRef" in source:
            yield "ConfigMap", source["configMapRef"].get("name", "")
        if "secretRef" in source:
            yield "Secret", source["secretRef"].get("name", "")
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        if "configMapKeyRef" in source:
            yield "ConfigMap", source["configMapKeyRef"].get("name", "")
        if "secretKeyRef" in source:
            yield "Secret", source["secretKeyRef"].get("name", "")


def _of_volume(volume: Object, pod_name: str) -> Iterator[tuple[str, str]]:
    if "secret" in volume:
        yield "Secret", volume["secret"].get("secretName", "")
    if "configMap" in volume:
        yield "ConfigMap", volume["configMap"].get("name", "")
    if "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", volume["persistentVolumeClaim"].get("claimName", "")
    if "ephemeral" in volume:
        yield "PersistentVolumeClaim", f"{pod_name}-{volume['name']}"
    csi = volume.get("csi") or {}
    if csi.get("nodePublishSecretRef"):
        yield "Secret", csi["nodePublishSecretRef"].get("name", "")
    for source in (volume.get("projected") or {}).get("sources") or ():
        if "secret" in source:
            yield "Secret", source["secret"].get("name", "")
        if "configMap" in source:
            yield "ConfigMap", source["configMap"].get("name", "")
