"""NodeRestriction: a kubelet writes its own node, the Pods on it, its leases, and nothing else.

Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
"""

from kybern.api.resource import Object
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.service_account import MIRROR
from kybern.base.errors import Forbidden

_OWN_LABELS = frozenset(
    (
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "beta.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
    )
)
_OWN_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")
RESTRICTED = "node-restriction.kubernetes.io"


class NodeRestriction(Plugin):
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        node = attributes.user.node_name
        if not node:
            return
        match attributes.group_resource:
            case "nodes":
                self._node(attributes, node, obj, old)
            case "pods":
                self._pod(attributes, node, obj, old)
            case "leases.coordination.k8s.io":
                if attributes.namespace != "kube-node-lease" or attributes.name != node:
                    raise _refuse(attributes, "can only access node lease with the same name as the requesting node")
            case "csinodes.storage.k8s.io":
                if attributes.name != node:
                    raise _refuse(attributes, "can only access CSINode with the same name as the requesting node")
            case "serviceaccounts" if attributes.subresource == "token" and obj is not None:
                self._token(attributes, node, obj)

    def _node(self, attributes: Attributes, node: str, obj: Object | None, old: Object | None) -> None:
        if attributes.name != node:
            raise _refuse(attributes, f'node "{node}" is not allowed to modify node "{attributes.name}"')
        if obj is None:
            raise _refuse(attributes, f'node "{node}" is not allowed to delete node "{attributes.name}"')
        before = ((old or {}).get("metadata") or {}).get("labels") or {}
        after = obj["metadata"].get("labels") or {}
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        forbidden = sorted(key for key in changed if _is_forbidden(key))
        if forbidden:
            why = f'node "{node}" is not allowed to modify labels: {", ".join(forbidden)}'
            raise _refuse(attributes, f"is {why}" if old is None else why)
        if old is None or attributes.subresource:
            return
        if (obj.get("spec") or {}).get("taints") != (old.get("spec") or {}).get("taints"):
            raise _refuse(attributes, f'node "{node}" is not allowed to modify taints')

    def _pod(self, attributes: Attributes, node: str, obj: Object | None, old: Object | None) -> None:
        if attributes.subresource == "eviction":
            pod = self._lookup.get("pods", attributes.name, attributes.namespace)
            if pod is None or pod["spec"].get("nodeName") != node:
                raise _refuse(attributes, f'node "{node}" can only evict pods with spec.nodeName set to itself')
        elif attributes.subresource == "status" or old is not None:
            assert old is not None
            if old["spec"].get("nodeName") != node:
                verb = "delete" if obj is None else "update pod status for"
                raise _refuse(attributes, f'node "{node}" can only {verb} pods with spec.nodeName set to itself')
        elif obj is not None:
            if MIRROR not in (obj["metadata"].get("annotations") or {}):
                raise _refuse(
                    attributes, f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
                )
            if obj["spec"].get("nodeName") != node:
                raise _refuse(attributes, f'node "{node}" can only create pods with spec.nodeName set to itself')

    def _token(self, attributes: Attributes, node: str, request: Object) -> None:
        ref = (request.get("spec") or {}).get("boundObjectRef")
        if not ref:
            raise _refuse(attributes, "node requested token not bound to a pod")
        if ref.get("kind") != "Pod" or not ref.get("uid"):
            raise _refuse(attributes, "node requested token bound to something else than a pod")
        pod = self._lookup.get("pods", ref.get("name", ""), attributes.namespace)
        if pod is None or pod["metadata"]["uid"] != ref["uid"]:
            raise _refuse(attributes, "the UID in the bound object reference does not match the pod")
        if pod["spec"].get("nodeName") != node:
            raise _refuse(attributes, "node requested token bound to a pod scheduled on a different node")


def _is_forbidden(label: str) -> bool:
    domain = label.partition("/")[0] if "/" in label else ""
    if domain == RESTRICTED or domain.endswith("." + RESTRICTED):
        return True
    if label in _OWN_LABELS or any(domain == own or domain.endswith("." + own) for own in _OWN_PREFIXES):
        return False
    return any(domain == own or domain.endswith("." + own) for own in ("kubernetes.io", "k8s.io"))


def _refuse(attributes: Attributes, why: str) -> Forbidden:
    return status.forbidden(attributes.resource, attributes.name, why)
