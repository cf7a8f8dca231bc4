"""What controllers ask of Nodes and their taints (component-helpers/scheduling/corev1, pkg/util/taints)."""

from collections.abc import Iterable

from kybern.api.types.core_v1 import Node, NodeCondition, Pod, Taint, Toleration

NODE_INDEX = "spec.nodeName"
"""Pods by the node that they are bound to."""

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


def node_index(pod: Pod) -> Iterable[str]:
    """The keys of NODE_INDEX."""
    return (pod.spec.node_name,) if pod.spec.node_name else ()


def node_condition(node: Node, type: str) -> NodeCondition | None:
    for each in node.status.conditions:
        if each.type == type:
            return each
    return None


def node_is_ready(node: Node) -> bool:
    ready = node_condition(node, "Ready")
    return ready is not None and ready.status == "True"


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether the toleration covers the taint: an empty effect is every effect, an empty key with Exists every key."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "" | "Equal":
            return bool(toleration.key) and toleration.value == taint.value
        case "Exists":
            return True
        case "Lt" | "Gt" as operator:
            return _compares(operator, toleration.value, taint.value)
        case _:
            return False


def _compares(operator: str, bound: str, value: str) -> bool:
    """KEP-5471: the taint's number is below (Lt) or above (Gt) the toleration's; what is no number never is."""
    try:
        left, right = int(value), int(bound)
    except ValueError:
        return False
    return left < right if operator == "Lt" else left > right


def matching_toleration(tolerations: Iterable[Toleration], taint: Taint) -> Toleration | None:
    """The first toleration that covers the taint: it is the one whose tolerationSeconds count."""
    for each in tolerations:
        if tolerates(each, taint):
            return each
    return None
