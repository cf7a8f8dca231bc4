"""NodeRestriction: a kubelet writes its own node, the Pods on it, its leases, and nothing else.

Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
"""

from kybern.api.resource import Object
from kybern.apiserver.admission.api_references import needed
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.certificates import common_name
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.service_account import MIRROR
from kybern.apiserver.admission.token_audiences import is_named
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import NODE_USER_PREFIX

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
LEASES = "kube-node-lease"
_KUBELET_SIGNERS = ("kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet")


class NodeRestriction(Plugin):
    def __init__(self, lookup: Lookup, authorizer: Authorizer) -> None:
        self._lookup = lookup
        self._authorizer = authorizer

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        """Requests for tokens are looked at before the server names the audience that they leave open."""
        node = attributes.user.node_name
        if node and attributes.subresource == "token" and attributes.group_resource == "serviceaccounts":
            self._token(attributes, node, obj)

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        node = attributes.user.node_name
        if not node:
            return
        match attributes.group_resource:
            case "nodes":
                self._node(attributes, node, obj, old)
            case "pods":
                self._pod(attributes, node, obj, old)
            case "persistentvolumeclaims":
                _claim(attributes, node, obj, old)
            case "leases.coordination.k8s.io":
                if attributes.namespace != LEASES:
                    raise attributes.forbidden(obj, f'can only access leases in the "{LEASES}" system namespace')
                if attributes.name != node:
                    why = "can only access node lease with the same name as the requesting node"
                    raise attributes.forbidden(obj, why)
            case "csinodes.storage.k8s.io":
                if attributes.name != node:
                    raise attributes.forbidden(obj, "can only access CSINode with the same name as the requesting node")
            case "resourceslices.resource.k8s.io" if old is None or obj is None:
                if ((obj or old or {}).get("spec") or {}).get("nodeName") != node:
                    verb = "create" if old is None else "delete"
                    why = f"can only {verb} ResourceSlice with the same NodeName as the requesting node"
                    raise attributes.forbidden(obj, why)
            case "certificatesigningrequests.certificates.k8s.io" if old is None and obj is not None:
                _request(attributes, node, obj)

    def _node(self, attributes: Attributes, node: str, obj: Object | None, old: Object | None) -> None:
        who = f'node "{node}" is not allowed to'
        if attributes.name != node:
            raise attributes.forbidden(obj, f'{who} modify node "{attributes.name}"')
        if obj is None:
            return
        before = ((old or {}).get("metadata") or {}).get("labels") or {}
        after = obj["metadata"].get("labels") or {}
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        forbidden = ", ".join(sorted(key for key in changed if _is_forbidden(key)))
        if old is None:
            if forbidden:
                raise attributes.forbidden(obj, f"{who} set the following labels: {forbidden}")
            return
        if ((obj.get("spec") or {}).get("taints") or []) != ((old.get("spec") or {}).get("taints") or []):
            raise attributes.forbidden(obj, f"{who} modify taints")
        if (obj["metadata"].get("ownerReferences") or []) != (old["metadata"].get("ownerReferences") or []):
            raise attributes.forbidden(obj, f"{who} modify ownerReferences")
        if forbidden:
            raise attributes.forbidden(obj, f"is not allowed to modify labels: {forbidden}")

    def _pod(self, attributes: Attributes, node: str, obj: Object | None, old: Object | None) -> None:
        match attributes.subresource:
            case "" if old is None and obj is not None:
                self._mirror(attributes, node, obj)
            case "" if obj is None and old is not None:
                if old["spec"].get("nodeName") != node:
                    why = f'node "{node}" can only delete pods with spec.nodeName set to itself'
                    raise attributes.forbidden(obj, why)
            case "":
                why = f'unexpected operation "UPDATE", node "{node}" can only create and delete mirror pods'
                raise attributes.forbidden(obj, why)
            case "status":
                assert obj is not None
                assert old is not None
                _pod_status(attributes, node, obj, old)
            case "eviction":
                pod = self._lookup.get("pods", attributes.name, attributes.namespace)
                if pod is None or pod["spec"].get("nodeName") != node:
                    raise attributes.forbidden(obj, f"node {node} can only evict pods with spec.nodeName set to itself")
            case other:
                why = f"unexpected pod subresource \"{other}\", only 'status' and 'eviction' are allowed"
                raise attributes.forbidden(obj, why)

    def _mirror(self, attributes: Attributes, node: str, pod: Object) -> None:
        who, metadata = f'node "{node}"', pod["metadata"]
        if MIRROR not in (metadata.get("annotations") or {}):
            raise attributes.forbidden(
                pod, f'pod does not have "{MIRROR}" annotation, {who} can only create mirror pods'
            )
        if pod["spec"].get("nodeName") != node:
            raise attributes.forbidden(pod, f"{who} can only create pods with spec.nodeName set to itself")
        owners = metadata.get("ownerReferences") or []
        if len(owners) > 1:
            raise attributes.forbidden(pod, f"{who} can only create pods with a single owner reference set to itself")
        owner = owners[0] if owners else {}
        if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) != ("v1", "Node", node):
            raise attributes.forbidden(pod, f"{who} can only create pods with an owner reference set to itself")
        if not owner.get("controller"):
            why = f"{who} can only create pods with a controller owner reference set to itself"
            raise attributes.forbidden(pod, why)
        if owner.get("blockOwnerDeletion"):
            raise attributes.forbidden(pod, f"{who} must not set blockOwnerDeletion on an owner reference")
        found = self._lookup.get("nodes", node)
        uid = found["metadata"]["uid"] if found is not None else ""
        if owner.get("uid") != uid:
            why = f"node {node} UID mismatch: expected {owner.get('uid')} got {uid}"
            raise attributes.forbidden(pod, why)
        referenced = needed(pod["spec"])
        if referenced:
            raise attributes.forbidden(pod, f"{who} can not create pods that reference {referenced}")

    def _token(self, attributes: Attributes, node: str, request: Object) -> None:
        spec = request.get("spec") or {}
        ref = spec.get("boundObjectRef") or {}
        if (ref.get("apiVersion"), ref.get("kind")) != ("v1", "Pod") or not ref.get("name"):
            raise attributes.forbidden(request, "node requested token not bound to a pod")
        if not ref.get("uid"):
            raise attributes.forbidden(request, "node requested token with a pod binding without a uid")
        pod = self._lookup.get("pods", ref["name"], attributes.namespace)
        if pod is None or pod["metadata"]["uid"] != ref["uid"]:
            why = (
                f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. The object "
                "might have been deleted and then recreated"
            )
            raise attributes.forbidden(request, why)
        if pod["spec"].get("nodeName") != node:
            raise attributes.forbidden(request, "node requested token bound to a pod scheduled on a different node")
        self._audience(attributes, request, pod)

    def _audience(self, attributes: Attributes, request: Object, pod: Object) -> None:
        audiences = request["spec"].get("audiences") or []
        if len(audiences) > 1:
            raise attributes.forbidden(request, "node may only request 0 or 1 audiences")
        audience = audiences[0] if audiences else ""
        if is_named(self._lookup, pod, audience):
            return
        verb = "request-serviceaccounts-token-audience"
        info = RequestInfo(True, verb, "", "", "v1", attributes.namespace, audience, "", attributes.name)
        if not self._authorizer.allows(attributes.user, info):
            why = (
                f'audience "{audience}" not found in pod spec volume, {attributes.user.name} is not authorized to '
                "request tokens for this audience"
            )
            raise attributes.forbidden(request, why)


def _pod_status(attributes: Attributes, node: str, new: Object, old: Object) -> None:
    who = f'node "{node}"'
    if old["spec"].get("nodeName") != node:
        why = f"{who} can only update pod status for pods with spec.nodeName set to itself"
        raise attributes.forbidden(new, why)
    if (new["metadata"].get("labels") or {}) != (old["metadata"].get("labels") or {}):
        raise attributes.forbidden(new, f"{who} cannot update labels through pod status")
    after, before = new.get("status") or {}, old.get("status") or {}
    if (after.get("resourceClaimStatuses") or []) != (before.get("resourceClaimStatuses") or []):
        raise attributes.forbidden(new, f"{who} cannot update resource claim statues")


_CLAIM_STATUS = ("capacity", "conditions", "allocatedResources", "allocatedResourceStatuses")


def _claim(attributes: Attributes, node: str, new: Object | None, old: Object | None) -> None:
    if attributes.subresource != "status" or new is None or old is None:
        raise attributes.forbidden(new, "may only update PVC status")

    def rest(claim: Object) -> Object:
        ignored = ("resourceVersion", "managedFields")
        metadata = {key: value for key, value in claim["metadata"].items() if key not in ignored}
        status = {key: value for key, value in (claim.get("status") or {}).items() if key not in _CLAIM_STATUS}
        return {**claim, "metadata": metadata, "status": status}

    if rest(new) != rest(old):
        why = f'node "{node}" is not allowed to update fields other than status.quantity and status.conditions'
        raise attributes.forbidden(new, why)


def _request(attributes: Attributes, node: str, request: Object) -> None:
    """A kubelet asks for certificates in its own name only."""
    if (request.get("spec") or {}).get("signerName") in _KUBELET_SIGNERS:
        name = f"{NODE_USER_PREFIX}{node}"
        if common_name(request) != name:
            raise attributes.forbidden(request, f"can only create a node CSR with CN={name}")


def _is_forbidden(label: str) -> bool:
    domain = label.partition("/")[0] if "/" in label else ""
    if domain == RESTRICTED or domain.endswith("." + RESTRICTED):
        return True
    if label in _OWN_LABELS or any(domain == own or domain.endswith("." + own) for own in _OWN_PREFIXES):
        return False
    return any(domain == own or domain.endswith("." + own) for own in ("kubernetes.io", "k8s.io"))
