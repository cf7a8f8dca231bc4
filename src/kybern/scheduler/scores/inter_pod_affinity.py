"""InterPodAffinity's score (weight 2): the Pod's own preferences, and those of running Pods about it."""

from kybern.scheduler.columns import Ints, Mask, np
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.scores import MAX_SCORE
from kybern.scheduler.shape import PodRequest


def raw(request: PodRequest, table: NodeTable) -> Ints:
    """The sum of weight times Pods over all terms that touch this Pod."""
    result = np.zeros(table.capacity, np.int64)
    for weight, term in request.shape.preferences:
        result += weight * table.topology.counter((term.group,)).around(term.topology_key)
    for wish in table.topology.touching(request)[1]:
        result += wish.weight * table.topology.wishing(wish)
    return result


def normalise(scores: Ints, feasible: Mask) -> Ints:
    """Least to 0, most to 100; all 0 where they are equal."""
    among = scores[feasible]
    if not len(among):
        return scores
    least, most = int(among.min()), int(among.max())
    if most == least:
        return np.zeros(len(scores), np.int64)
    result: Ints = ((scores - least) * (MAX_SCORE / (most - least))).astype(np.int64)
    return result
