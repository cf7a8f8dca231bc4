"""The Node authoriser: a kubelet reads what its own Pods use, and writes what is its own.

Source: https://kubernetes.io/docs/reference/access-authn-authz/node/, plugin/pkg/auth/authorizer/node. What is left is
decided by the rules of the ClusterRole system:node, which is bound to nobody.
"""

from collections.abc import Callable, Iterator

from kybern.api.resource import Object
from kybern.apiserver.authorization.rules import compile_rules
from kybern.apiserver.bootstrap.cluster_roles import node_rules
from kybern.apiserver.cache.cache import Cache
from kybern.apiserver.cache.resource_cache import ResourceCache
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import User

LEASES = "kube-node-lease"
_READ = ("get", "list", "watch")
_OWN = ("get", "create", "update", "patch", "delete")

ALLOWED = None
Verdict = str | None
"""Why not; None: allowed."""


class NodeAuthorizer:
    """Looks at the Pods of a node when asked for one of their objects."""

    is_node = True
    """Its rules cannot be listed: they follow from the Pods."""

    def __init__(self, cache: Cache) -> None:
        self._pods = cache["pods"]
        self._volumes = cache["persistentvolumes"]
        self._attachments = cache["volumeattachments.storage.k8s.io"]
        self._slices = cache["resourceslices.resource.k8s.io"]
        self._rules = compile_rules(node_rules())
        self._decide: dict[tuple[str, str], Callable[[str, RequestInfo], Verdict]] = {
            ("", "secrets"): self._read_object,
            ("", "configmaps"): self._read_object,
            ("", "persistentvolumeclaims"): self._claim,
            ("", "persistentvolumes"): self._get,
            ("resource.k8s.io", "resourceclaims"): self._get,
            ("storage.k8s.io", "volumeattachments"): self._get,
            ("", "serviceaccounts"): self._service_account,
            ("coordination.k8s.io", "leases"): _lease,
            ("storage.k8s.io", "csinodes"): _csi_node,
            ("resource.k8s.io", "resourceslices"): self._slice,
            ("", "nodes"): _node,
            ("", "pods"): self._pod,
        }

    def remembers(self, user: User, info: RequestInfo) -> bool:
        """Whether a decision holds as long as no role changes: those on Pods' objects change with the Pods, and those
        on lists depend on their field selector."""
        if not user.node_name or (info.group, info.resource) not in self._decide:
            return True
        return info.resource in ("leases", "csinodes", "nodes") or (info.resource == "pods" and bool(info.subresource))

    def allows_any_name(self, user: User, info: RequestInfo) -> bool:
        """Never: what a node may do is about its own objects."""
        return False

    def allows(self, user: User, info: RequestInfo) -> bool:
        return bool(user.node_name) and self._verdict(user.node_name, info) is ALLOWED

    def reason(self, user: User, info: RequestInfo) -> str:
        return (self._verdict(user.node_name, info) or "") if user.node_name else ""

    def _verdict(self, node: str, info: RequestInfo) -> Verdict:
        if info.is_resource:
            decide = self._decide.get((info.group, info.resource))
            if decide is not None:
                return decide(node, info)
        return ALLOWED if any(rule.allows(info) for rule in self._rules) else ""

    def _read_object(self, node: str, info: RequestInfo) -> Verdict:
        if info.verb not in _READ:
            return "can only read resources of this type"
        if info.subresource:
            return "cannot read subresource"
        if not info.namespace:
            return "can only read namespaced object of this type"
        return self._related(node, info)

    def _get(self, node: str, info: RequestInfo) -> Verdict:
        if info.verb != "get":
            return "can only get individual resources of this type"
        if info.subresource:
            return "cannot get subresource"
        return self._related(node, info)

    def _claim(self, node: str, info: RequestInfo) -> Verdict:
        if info.subresource != "status":
            return self._get(node, info)
        if info.verb not in ("update", "patch"):
            return "can only get/update/patch this type"
        return self._related(node, info)

    def _service_account(self, node: str, info: RequestInfo) -> Verdict:
        if info.verb == "get" and not info.subresource:
            return self._read_object(node, info)
        if info.verb != "create" or not info.name:
            return "can only create tokens for individual service accounts"
        if info.subresource != "token":
            return "can only create token subresource of serviceaccount"
        return self._related(node, info)

    def _slice(self, node: str, info: RequestInfo) -> Verdict:
        if info.subresource:
            return "cannot authorize ResourceSlice subresources"
        if info.verb == "create":
            return ALLOWED
        if info.verb in ("get", "update", "patch", "delete"):
            return self._related(node, info)
        if info.verb in ("watch", "list", "deletecollection"):
            if _selects(info, "spec.nodeName", node):
                return ALLOWED
            return "can only list/watch/deletecollection resourceslices with nodeName field selector"
        return (
            "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, "
            "deletecollection"
        )

    def _pod(self, node: str, info: RequestInfo) -> Verdict:
        if info.subresource == "status":
            return ALLOWED if info.verb in ("update", "patch") else ""
        if info.subresource:
            return ALLOWED if (info.subresource, info.verb) == ("eviction", "create") else ""
        if info.verb in ("create", "delete"):
            return ALLOWED
        if info.verb == "get":
            return self._get(node, info)
        if info.verb in ("list", "watch"):
            if _selects(info, "spec.nodeName", node):
                return ALLOWED
            if info.name:
                return self._related(node, info)
            return "can only list/watch pods with spec.nodeName field selector"
        return ""

    def _related(self, node: str, info: RequestInfo) -> Verdict:
        """Whether a Pod of the node leads to the object."""
        if not info.name:
            return "No Object name found"
        if self._leads_to(node, info.resource, info.namespace, info.name):
            return ALLOWED
        return f"no relationship found between node '{node}' and this object"

    def _leads_to(self, node: str, resource: str, namespace: str, name: str) -> bool:
        match resource:
            case "pods":
                return _node_name(self._pods, f"{namespace}/{name}") == node
            case "volumeattachments":
                return _node_name(self._attachments, name) == node
            case "resourceslices":
                return _node_name(self._slices, name) == node
            case "persistentvolumes":
                return self._uses_volume(node, name)
            case "secrets" if self._mounts_secret(node, namespace, name):
                return True
        wanted = (_REFERENCED[resource], name)
        return any(wanted in references(pod) for pod in self._pods_of(node, namespace))

    def _pods_of(self, node: str, namespace: str = "") -> Iterator[Object]:
        for key in self._pods.keys_on_node(node):
            if not namespace or key.startswith(f"{namespace}/"):
                yield self._pods.objects[key].parse(self._pods.head)

    def _uses_volume(self, node: str, name: str) -> bool:
        volume = _parsed(self._volumes, name)
        claim = ((volume or {}).get("spec") or {}).get("claimRef") or {}
        return bool(claim) and self._leads_to(
            node, "persistentvolumeclaims", claim.get("namespace", ""), claim.get("name", "")
        )

    def _mounts_secret(self, node: str, namespace: str, name: str) -> bool:
        """Whether a volume that the node's Pods claim is mounted by the Secret."""
        for volume in (version.parse(self._volumes.head) for version in self._volumes.objects.values()):
            if (namespace, name) in set(_volume_secrets(volume)) and self._uses_volume(
                node, volume["metadata"]["name"]
            ):
                return True
        return False


def _node(node: str, info: RequestInfo) -> Verdict:
    if info.subresource == "status":
        return ALLOWED if info.verb in ("update", "patch") else ""
    if info.subresource:
        return ""
    if info.verb in ("create", "update", "patch"):
        return ALLOWED
    if info.verb not in _READ:
        return ""
    if info.name == node:
        return ALLOWED
    if not info.name:
        return f"node '{node}' cannot read all nodes, only its own Node object"
    return f"node '{node}' cannot read '{info.name}', only its own Node object"


def _lease(node: str, info: RequestInfo) -> Verdict:
    if info.verb not in _OWN:
        return "can only get, create, update, patch, or delete a node lease"
    if info.namespace != LEASES:
        return f'can only access leases in the "{LEASES}" system namespace'
    if info.verb != "create" and info.name != node:
        return "can only access node lease with the same name as the requesting node"
    return ALLOWED


def _csi_node(node: str, info: RequestInfo) -> Verdict:
    if info.verb not in _OWN:
        return "can only get, create, update, patch, or delete a CSINode"
    if info.subresource:
        return "cannot authorize CSINode subresources"
    if info.verb != "create" and info.name != node:
        return "can only access CSINode with the same name as the requesting node"
    return ALLOWED


def _selects(info: RequestInfo, field: str, value: str) -> bool:
    """Whether the field selector holds the equality, in either of its two spellings."""
    terms = [term.strip() for term in info.field_selector.split(",")]
    return f"{field}={value}" in terms or f"{field}=={value}" in terms


def _parsed(cache: ResourceCache, key: str) -> Object | None:
    version = cache.objects.get(key)
    return None if version is None else version.parse(cache.head)


def _node_name(cache: ResourceCache, key: str) -> str:
    return ((_parsed(cache, key) or {}).get("spec") or {}).get("nodeName") or ""


_REFERENCED = {
    "secrets": "Secret",
    "configmaps": "ConfigMap",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "serviceaccounts": "ServiceAccount",
    "resourceclaims": "ResourceClaim",
}


def references(pod: Object) -> set[tuple[str, str]]:
    """(kind, name) of everything in its namespace that a Pod needs to run."""
    return set(_references(pod))


def _references(pod: Object) -> Iterator[tuple[str, str]]:
    spec = pod["spec"]
    yield "ServiceAccount", spec.get("serviceAccountName") or "default"
    for secret in spec.get("imagePullSecrets") or ():
        yield "Secret", secret.get("name", "")
    for volume in spec.get("volumes") or ():
        yield from _of_volume(volume, pod["metadata"]["name"])
    for key in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(key) or ():
            yield from _of_container(container)
    for claim in spec.get("resourceClaims") or ():
        yield "ResourceClaim", claim.get("resourceClaimName", "")
    for state in (pod.get("status") or {}).get("resourceClaimStatuses") or ():
        yield "ResourceClaim", state.get("resourceClaimName", "")


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
    for source in ("csi", "cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos", "azureFile", "cinder"):
        part = volume.get(source) or {}
        reference = part.get("nodePublishSecretRef") or part.get("secretRef")
        if reference:
            yield "Secret", reference.get("name", "")
        elif part.get("secretName"):
            yield "Secret", part["secretName"]
    for source in (volume.get("projected") or {}).get("sources") or ():
        if "secret" in source:
            yield "Secret", source["secret"].get("name", "")
        if "configMap" in source:
            yield "ConfigMap", source["configMap"].get("name", "")


def _volume_secrets(volume: Object) -> Iterator[tuple[str, str]]:
    """(namespace, name) of the Secrets by which a PersistentVolume is mounted."""
    spec = volume.get("spec") or {}
    namespace = (spec.get("claimRef") or {}).get("namespace", "")
    csi = spec.get("csi") or {}
    references = [csi.get(key) for key in ("nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef")]
    references += [
        (spec.get(key) or {}).get("secretRef") for key in ("cephfs", "flexVolume", "iscsi", "rbd", "scaleIO")
    ]
    for each in filter(None, references):
        yield each.get("namespace") or namespace, each.get("name", "")
    file = spec.get("azureFile") or {}
    if file.get("secretName"):
        yield file.get("secretNamespace") or namespace, file["secretName"]
