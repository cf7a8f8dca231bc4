"""InterPodAffinity: required affinity and anti-affinity, in both directions."""

from kybern.scheduler.columns import Mask
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.shape import PodRequest

REASON_AFFINITY = "node(s) didn't match pod affinity rules"
REASON_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
REASON_EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"


def affinity_mask(request: PodRequest, table: NodeTable) -> Mask:
    """Each term's domain holds a Pod that matches all terms.

    The first Pod of a group that wants its own company may go anywhere that has the keys, or it could never start.
    """
    terms = request.shape.affinity
    counter = table.topology.counter(tuple(term.group for term in terms))
    keyed = table.live.copy()
    result = table.live.copy()
    found = False
    for term in terms:
        keyed &= table.label_column(term.topology_key) > 0
        around = counter.around(term.topology_key)
        found = found or bool(around.any())
        result &= around > 0
    if not found and all(table.topology.belongs(request.identity, term.group) for term in terms):
        return keyed
    return result


def anti_affinity_mask(request: PodRequest, table: NodeTable) -> Mask:
    """No term's domain holds a Pod that matches that term."""
    result = table.live.copy()
    for term in request.shape.anti_affinity:
        result &= table.topology.counter((term.group,)).around(term.topology_key) == 0
    return result


def existing_mask(request: PodRequest, table: NodeTable) -> Mask:
    """No Pod that runs in the domain has anti-affinity to this Pod."""
    result = table.live.copy()
    for term in table.topology.touching(request)[0]:
        result &= table.topology.forbidding(term) == 0
    return result
