"""NodeUnschedulable: a cordoned node takes only Pods that tolerate it."""

from kybern.scheduler.columns import Mask
from kybern.scheduler.filters.taint_toleration import tolerates
from kybern.scheduler.nodes import UNSCHEDULABLE_TAINT, NodeTable
from kybern.scheduler.shape import Shape

REASON = "node(s) were unschedulable"


def mask(shape: Shape, table: NodeTable) -> Mask:
    """True where the node is open, or the Pod tolerates node.kubernetes.io/unschedulable:NoSchedule."""
    if any(tolerates(toleration, UNSCHEDULABLE_TAINT) for toleration in shape.tolerations):
        return table.live.copy()
    return ~table.unschedulable
