"""How a DaemonSet's Pods are replaced when its template changes: pure (pkg/controller/daemon/update).

Without surge an old Pod is deleted first, at most maxUnavailable at a time. With surge the new Pod comes first, at most
maxSurge at a time, and the old one goes when the new one is available.
"""

from collections.abc import Callable, Mapping, Sequence

from kybern.api.types.apps_v1 import DaemonSet, RollingUpdateDaemonSet
from kybern.api.types.core_v1 import Node, Pod
from kybern.controllers.daemonset_nodes import REVISION_HASH, fits
from kybern.controllers.deployment_sizes import scaled_value
from kybern.controllers.pods import available_in, is_terminating

Steps = tuple[list[str], list[Pod]]
"""Nodes that get a Pod, Pods that go."""

_Pairs = Mapping[str, tuple[Pod | None, Pod | None]]
"""By Node: its old and its new Pod."""
_IsUp = Callable[[Pod], bool]


def surge_and_unavailable(daemon_set: DaemonSet, nodes: Sequence[Node]) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) as numbers of Nodes, rounded up; (0, 0) where Pods are replaced by hand (OnDelete)."""
    strategy = daemon_set.spec.update_strategy
    if strategy is not None and strategy.type == "OnDelete":
        return 0, 0
    rolling = (strategy and strategy.rolling_update) or RollingUpdateDaemonSet(max_unavailable=1)
    if not rolling.max_surge and rolling.max_unavailable in (None, 1):
        return 0, 1
    desired = sum(fits(daemon_set, node)[0] for node in nodes)
    surge = scaled_value(rolling.max_surge, desired, up=True)
    unavailable = scaled_value(rolling.max_unavailable, desired, up=True)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def surplus(pods: Sequence[Pod], hash: str) -> list[Pod]:
    """Those beyond one old and one new Pod on a Node; `pods` with the oldest first."""
    new = [pod for pod in pods if pod.metadata.labels.get(REVISION_HASH) == hash]
    old = [pod for pod in pods if pod.metadata.labels.get(REVISION_HASH) != hash]
    return old[1:] + new[1:]


def decide_rollout(
    daemon_set: DaemonSet, by_node: Mapping[str, Sequence[Pod]], hash: str, now: float, surge: int, unavailable: int
) -> Steps:
    """The next steps, for Nodes that are otherwise as they should be. `hash`: what new Pods are labelled with."""
    min_ready = daemon_set.spec.min_ready_seconds or 0
    pairs: dict[str, tuple[Pod | None, Pod | None]] = {}
    for name in sorted(by_node):
        alive = [pod for pod in by_node[name] if not is_terminating(pod)]
        new = [pod for pod in alive if pod.metadata.labels.get(REVISION_HASH) == hash]
        old = [pod for pod in alive if pod.metadata.labels.get(REVISION_HASH) != hash]
        pairs[name] = (old[0] if old else None, new[0] if new else None)

    def is_up(pod: Pod) -> bool:
        return available_in(pod, min_ready, now) == 0

    if surge:
        return _surging(pairs, is_up, surge)
    return _replacing(pairs, is_up, unavailable) if unavailable else ([], [])


def _replacing(pairs: _Pairs, is_up: _IsUp, unavailable: int) -> Steps:
    down = sum(not any(pod is not None and is_up(pod) for pod in pair) for pair in pairs.values())
    broken: list[Pod] = []
    candidates: list[Pod] = []
    for old, new in pairs.values():
        if old is not None and new is None:
            (candidates if is_up(old) else broken).append(old)
    return [], broken + candidates[: max(0, unavailable - down)]


def _surging(pairs: _Pairs, is_up: _IsUp, surge: int) -> Steps:
    broken: list[str] = []
    candidates: list[str] = []
    done: list[Pod] = []
    surging = 0
    for name, (old, new) in pairs.items():
        if old is None:
            continue
        if new is None:
            (candidates if is_up(old) else broken).append(name)
        elif is_up(new) or not is_up(old):
            done.append(old)
        else:
            surging += 1
    return broken + candidates[: max(0, surge - surging)], done
