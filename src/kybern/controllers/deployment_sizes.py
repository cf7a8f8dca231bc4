"""How many Pods each ReplicaSet of a Deployment shall have: pure arithmetic (pkg/controller/deployment/util).

Sizes are moved on copies of the ReplicaSets; `changes` tells which of them to write.
"""

from collections.abc import Iterable, Sequence
from math import ceil, floor

import msgspec

from kybern.api.types.apps_v1 import Deployment, ReplicaSet, RollingUpdateDeployment

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"


def wanted(deployment: Deployment) -> int:
    return 1 if deployment.spec.replicas is None else deployment.spec.replicas


def size(replica_set: ReplicaSet) -> int:
    """The Pods that it is told to have."""
    return 1 if replica_set.spec.replicas is None else replica_set.spec.replicas


def sizes(replica_sets: Iterable[ReplicaSet]) -> int:
    return sum(size(each) for each in replica_sets)


def available(replica_set: ReplicaSet) -> int:
    return replica_set.status.available_replicas or 0


def is_rolling(deployment: Deployment) -> bool:
    return deployment.spec.strategy is None or deployment.spec.strategy.type in ("", "RollingUpdate")


def scaled_value(bound: int | str | None, total: int, *, up: bool) -> int:
    """An IntOrString bound: a number, or a percentage of `total`, rounded up or down."""
    if bound is None:
        return 0
    if isinstance(bound, int):
        return bound
    share = int(bound.removesuffix("%")) * total / 100
    return ceil(share) if up else floor(share)


def bounds(deployment: Deployment) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) as numbers of Pods. Both 0 would never move: then one may be unavailable."""
    if not is_rolling(deployment):
        return 0, 0
    strategy = deployment.spec.strategy
    rolling = (strategy and strategy.rolling_update) or RollingUpdateDeployment(max_surge="25%", max_unavailable="25%")
    replicas = wanted(deployment)
    surge = scaled_value(rolling.max_surge, replicas, up=True)
    unavailable = scaled_value(rolling.max_unavailable, replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, replicas)


def resized(replica_set: ReplicaSet, replicas: int, deployment: Deployment) -> ReplicaSet:
    """A copy with another size and with the annotations that proportional scaling reads later."""
    annotations = replica_set.metadata.annotations | size_annotations(deployment)
    return msgspec.structs.replace(
        replica_set,
        metadata=msgspec.structs.replace(replica_set.metadata, annotations=annotations),
        spec=msgspec.structs.replace(replica_set.spec, replicas=replicas),
    )


def size_annotations(deployment: Deployment) -> dict[str, str]:
    surge, _ = bounds(deployment)
    return {DESIRED_REPLICAS: str(wanted(deployment)), MAX_REPLICAS: str(wanted(deployment) + surge)}


def annotated(replica_set: ReplicaSet, name: str) -> int | None:
    """An annotation's number."""
    text = replica_set.metadata.annotations.get(name, "")
    return int(text) if text.isdecimal() else None


def is_scaling(deployment: Deployment, replica_sets: Iterable[ReplicaSet]) -> bool:
    """Whether spec.replicas changed since the ReplicaSets were sized."""
    return any(
        size(each) > 0 and annotated(each, DESIRED_REPLICAS) not in (None, wanted(deployment)) for each in replica_sets
    )


def new_size(deployment: Deployment, new: ReplicaSet | None, everything: Sequence[ReplicaSet]) -> int:
    """The size that the newest ReplicaSet may grow to now."""
    if not is_rolling(deployment):
        return wanted(deployment)
    current = size(new) if new is not None else 0
    surge, _ = bounds(deployment)
    room = wanted(deployment) + surge - sizes(everything)
    if room <= 0:
        return current
    return current + min(room, wanted(deployment) - current)


def shrink_old(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """The old ReplicaSets with the sizes to which a rolling update may take them now.

    Pods that are not available go first, for their loss costs nothing; then as many as leave the minimum available.
    """
    _, max_unavailable = bounds(deployment)
    minimum = wanted(deployment) - max_unavailable
    budget = sizes(old) + size(new) - minimum - (size(new) - available(new))
    if sizes(old) == 0 or budget <= 0:
        return [*old]
    oldest_first = sorted(old, key=_age)
    cleaned = []
    for each in oldest_first:
        idle = min(budget, max(size(each) - available(each), 0))
        budget -= idle
        cleaned.append(resized(each, size(each) - idle, deployment) if idle else each)
    spare = sum(available(each) for each in (*cleaned, new)) - minimum
    result = []
    for each in cleaned:
        step = min(size(each), max(spare, 0))
        spare -= step
        result.append(resized(each, size(each) - step, deployment) if step else each)
    return result


def proportional(
    deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]
) -> tuple[ReplicaSet | None, list[ReplicaSet]]:
    """Sizes after spec.replicas changed, or while paused: without moving a rollout on.

    One active ReplicaSet takes it all; a finished rollout empties the old ones; in the middle of a rolling update each
    gets its share, the largest what rounding leaves.
    """
    everything = [*old, *([new] if new is not None else [])]
    active = [each for each in everything if size(each) > 0]
    if len(active) <= 1:
        chosen = active[0] if active else new or max(old, key=_age, default=None)
        target = {chosen.metadata.uid: wanted(deployment)} if chosen is not None else {}
    elif new is not None and _is_saturated(deployment, new):
        target = {each.metadata.uid: 0 for each in old}
    elif is_rolling(deployment):
        target = _shares(deployment, active)
    else:
        target = {}

    def at_target(each: ReplicaSet) -> ReplicaSet:
        replicas = target.get(each.metadata.uid)
        sized = each if replicas is None else resized(each, replicas, deployment)
        return each if sized == each else sized

    return at_target(new) if new is not None else None, [at_target(each) for each in old]


def _shares(deployment: Deployment, active: Sequence[ReplicaSet]) -> dict[str, int]:
    surge, _ = bounds(deployment)
    allowed = wanted(deployment) + surge if wanted(deployment) > 0 else 0
    to_add = allowed - sizes(active)
    # By size; of equal ones the newer grow first and the older shrink first.
    ordered = sorted(active, key=_age, reverse=to_add > 0)
    ordered.sort(key=size, reverse=True)
    shares = {}
    added = 0
    for each in ordered:
        share = 0
        if to_add and to_add != added:
            fraction = _fraction(deployment, each, surge)
            share = min(fraction, to_add - added) if to_add > 0 else max(fraction, to_add - added)
        shares[each.metadata.uid] = size(each) + share
        added += share
    if to_add:
        largest = ordered[0].metadata.uid
        shares[largest] = max(shares[largest] + to_add - added, 0)
    return shares


def _fraction(deployment: Deployment, replica_set: ReplicaSet, surge: int) -> int:
    """By how many Pods a ReplicaSet grows (or shrinks) to keep its share."""
    if wanted(deployment) == 0:
        return -size(replica_set)
    before = annotated(replica_set, MAX_REPLICAS) or deployment.status.replicas or 0
    if before == 0:
        return 0
    return floor(size(replica_set) * (wanted(deployment) + surge) / before + 0.5) - size(replica_set)


def _is_saturated(deployment: Deployment, new: ReplicaSet) -> bool:
    return annotated(new, DESIRED_REPLICAS) == size(new) == available(new) == wanted(deployment)


def _age(replica_set: ReplicaSet) -> tuple[str, str]:
    """Oldest first."""
    return replica_set.metadata.creation_timestamp, replica_set.metadata.name
