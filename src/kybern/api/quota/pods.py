"""What a Pod counts as. Source: pkg/quota/v1/evaluator/core/pods.go."""

from collections.abc import Iterable

from kybern.api.quota.amounts import Amounts
from kybern.api.quota.pod_resources import is_pod_level, pod_amounts
from kybern.api.resource import Object
from kybern.base.clock import parse_time

COUNT = "count/pods"
_HUGE_PAGES = "hugepages-"
_REQUESTS, _LIMITS = "requests.", "limits."
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_NAMES = frozenset(
    (COUNT, "pods", *_COMPUTE, *(_REQUESTS + name for name in _COMPUTE), *(_LIMITS + name for name in _COMPUTE))
)
_DEMANDED = {
    "cpu": ("requests", "cpu"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
}
"""Where one of these is limited each container must say how much it wants, and there."""
_FINISHED = frozenset(("Failed", "Succeeded"))


def counts(name: str) -> bool:
    """Whether Pods use this resource of a quota."""
    return name in _NAMES or name.startswith((_HUGE_PAGES, _REQUESTS + _HUGE_PAGES)) or _is_extended_request(name)


def usage(pod: Object, now: float) -> Amounts:
    """`count/pods` while it is stored; everything else until it has finished. `now` in seconds since the epoch."""
    found = {COUNT: "1"}
    if not _is_alive(pod, now):
        return found
    spec = pod.get("spec") or {}
    return found | _amounts(pod_amounts(spec, "requests"), pod_amounts(spec, "limits"))


def handles(subresource: str, new: Object, old: Object | None) -> bool:
    """Creations, resizes, and updates that bring the Pod under another scope."""
    if old is None:
        return not subresource
    return subresource == "resize" or (not subresource and _is_limited(new) != _is_limited(old))


def _is_limited(pod: Object) -> bool:
    return (pod.get("spec") or {}).get("activeDeadlineSeconds") is not None


def missing(names: Iterable[str], pod: Object) -> str:
    """`must specify cpu for: c`, where a container leaves open what a quota limits; "" where none does."""
    spec = pod.get("spec") or {}
    if any(is_pod_level(name) for amounts in _resources(spec) for name in amounts):
        return ""  # KEP-2837: what the Pod asks for as a whole spares its containers.
    demanded = [(name, *_DEMANDED[name]) for name in names if name in _DEMANDED]
    lacking: dict[str, set[str]] = {}
    if demanded:
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
            resources = container.get("resources") or {}
            for name, side, key in demanded:
                if key not in (resources.get(side) or ()):
                    lacking.setdefault(name, set()).add(container.get("name") or "")
    if not lacking:
        return ""
    return "must specify " + "; ".join(f"{name} for: {','.join(sorted(lacking[name]))}" for name in sorted(lacking))


def _resources(holder: Object) -> tuple[Amounts, Amounts]:
    resources = holder.get("resources") or {}
    return resources.get("requests") or {}, resources.get("limits") or {}


def _amounts(requests: Amounts, limits: Amounts) -> dict[str, str]:
    found = {"pods": "1"}
    for name, amount in requests.items():
        if name in _COMPUTE or name.startswith(_HUGE_PAGES):
            found[name] = found[_REQUESTS + name] = amount
        elif "/" in name and "kubernetes.io/" not in name:
            found[_REQUESTS + name] = amount
    for name in _COMPUTE:
        if name in limits:
            found[_LIMITS + name] = limits[name]
    return found


def _is_extended_request(name: str) -> bool:
    return name.startswith(_REQUESTS) and "/" in name and "kubernetes.io/" not in name


def _is_alive(pod: Object, now: float) -> bool:
    if (pod.get("status") or {}).get("phase") in _FINISHED:
        return False
    metadata = pod["metadata"]
    grace = metadata.get("deletionGracePeriodSeconds")
    if metadata.get("deletionTimestamp") and grace is not None:
        return bool(now <= parse_time(metadata["deletionTimestamp"]) + grace)
    return True
