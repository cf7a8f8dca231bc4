"""TaintToleration (weight 3), NodeAffinity (2) and ImageLocality (1): what a Pod prefers of nodes themselves."""

from kybern.scheduler.columns import Ints, Mask, np
from kybern.scheduler.filters.node_affinity import term_mask
from kybern.scheduler.filters.taint_toleration import untolerated
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.scores import MAX_SCORE
from kybern.scheduler.shape import Shape

MIB = 1024 * 1024
LEAST_IMAGE = 23 * MIB
"""Below it, having the image is worth nothing."""
MOST_IMAGE = 1000 * MIB
"""For each container; above it, having the image is worth 100."""


def taint_counts(shape: Shape, table: NodeTable) -> Ints:
    """How many PreferNoSchedule taints the Pod does not tolerate."""
    counts = [len(untolerated(shape, taints, ("PreferNoSchedule",))) for taints in table.taint_sets]
    result: Ints = np.array(counts, np.int64)[table.taints]
    return result


def affinity_weights(shape: Shape, table: NodeTable) -> Ints:
    """The sum of the weights of the preferred terms that match."""
    result = np.zeros(table.capacity, np.int64)
    for weight, term in shape.preferred_nodes:
        result += weight * term_mask(term, table)
    return result


def normalise(raw: Ints, feasible: Mask, reverse: bool = False) -> Ints:
    """To 0..100 by the largest among the feasible nodes, the most turned into the least when `reverse`."""
    highest = int(raw[feasible].max(initial=0))
    if highest == 0:
        return np.full(len(raw), MAX_SCORE if reverse else 0, np.int64)
    scaled: Ints = raw * MAX_SCORE // highest
    return MAX_SCORE - scaled if reverse else scaled


def image_locality(shape: Shape, table: NodeTable) -> Ints:
    """By the bytes of the Pod's images that a node has, each scaled by how many nodes have it."""
    result = np.zeros(table.capacity, np.int64)
    for image in shape.images:
        holders = table.images.get(_normalised(image))
        if holders:
            spread = len(holders) / max(len(table), 1)
            for row, size in holders.items():
                result[row] += int(size * spread)
    most = MOST_IMAGE * max(shape.containers, 1)
    clipped = np.clip(result, LEAST_IMAGE, most)
    scaled: Ints = MAX_SCORE * (clipped - LEAST_IMAGE) // (most - LEAST_IMAGE)
    return scaled


def _normalised(image: str) -> str:
    """Upstream adds `:latest` where a name has no tag, and compares the names as they are otherwise."""
    return image if ":" in image.rsplit("/", 1)[-1] else image + ":latest"
