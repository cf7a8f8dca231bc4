"""TaintToleration: every NoSchedule and NoExecute taint of the node must be tolerated."""

from kybern.scheduler.columns import Mask, np
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.shape import Shape, Taint, Toleration

REASON = "node(s) had untolerated taint(s)"


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Upstream's rule: an empty effect or key (with Exists) stands for all; Lt and Gt compare integers (KEP-5471)."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "" | "Equal":
            return toleration.value == taint.value and bool(toleration.key)
        case "Exists":
            return True
    return False


def untolerated(shape: Shape, taints: tuple[Taint, ...], effects: tuple[str, ...]) -> list[Taint]:
    """The taints with one of `effects` that no toleration covers."""
    return [
        taint
        for taint in taints
        if taint.effect in effects and not any(tolerates(each, taint) for each in shape.tolerations)
    ]


def mask(shape: Shape, table: NodeTable) -> Mask:
    """Each distinct set of taints is looked at once."""
    verdicts = [not untolerated(shape, taints, ("NoSchedule", "NoExecute")) for taints in table.taint_sets]
    result: Mask = np.array(verdicts, np.bool_)[table.taints]
    return result
