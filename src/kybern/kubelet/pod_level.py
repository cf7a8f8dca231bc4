"""Resources of a Pod as a whole: what containers get of them, and what the Pod's status tells. Pure.

A Pod may say for all its containers together what it asks for and what it is limited to (KEP-2837); its status tells
what it was allocated and what it has, whether or not it says so (KEP-5419).
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec.structs import replace

from kybern.api import quantity
from kybern.api.quantity import NANO, Exact, format_nanos, milli_value, value
from kybern.api.types.core_v1 import Container, Pod, ResourceRequirements
from kybern.kubelet.pod_spec import is_sidecar
from kybern.kubelet.qos import COUNTED, MIN_SHARES, pod_resources

MIN_MILLI_CPU_LIMIT = 10
"""A smaller limit than the kernel's least quota says (upstream's MinMilliCPULimit)."""
_HUGE_PAGES = "hugepages-"
_MILLI = NANO // 1000

Side = Literal["requests", "limits"]


def effective(whole: ResourceRequirements | None, own: ResourceRequirements) -> ResourceRequirements:
    """What a container is given: where it has no limit of its own, its Pod's holds for it."""
    limits = whole.limits if whole else {}
    missing = {
        name: limits[name] for name in COUNTED if value(limits.get(name, "0")) and not value(own.limits.get(name, "0"))
    }
    return replace(own, limits={**own.limits, **missing}) if missing else own


def effective_of(pod: Pod, container: Container) -> ResourceRequirements:
    """The same for one of a Pod's containers."""
    return effective(pod.spec.resources, container.resources or ResourceRequirements())


def requests_of(pod: Pod) -> dict[str, str]:
    """Quantities of all that the Pod asks for: its own where it says so, else what its containers do; its overhead."""
    found = _aggregate(pod, "requests")
    for name, text in pod.spec.overhead.items():
        found[name] = quantity.total(found.get(name, _NOTHING), quantity.exact(text))
    return _written(found)


def limits_of(pod: Pod) -> dict[str, str]:
    """The same of limits: the sum of those that are said, even where another container has none."""
    found = _aggregate(pod, "limits")
    for name, text in pod.spec.overhead.items():
        if found.get(name, _NOTHING)[0]:
            found[name] = quantity.total(found[name], quantity.exact(text))
    return _written(found)


def status_resources(pod: Pod, actuated: Pod, phase: str) -> ResourceRequirements:
    """What the Pod has. `pod` has what it was allocated, `actuated` what its cgroup says.

    Before it runs, and after, it is what was allocated; what a cgroup cannot say exactly is told as it was allocated.
    """
    if phase != "Running":
        return ResourceRequirements(requests=requests_of(pod), limits=limits_of(pod))
    own = pod.spec.resources or ResourceRequirements()
    requests, limits = dict(own.requests), dict(own.limits)
    asked, bound = pod_resources(actuated, limits=False), pod_resources(actuated, limits=True)
    _tell_cpu(requests, asked.get("cpu"), MIN_SHARES)
    _tell_cpu(limits, bound.get("cpu"), MIN_MILLI_CPU_LIMIT)
    whole = requests_of(pod)
    if "memory" not in requests and "memory" in whole:
        requests["memory"] = whole["memory"]
    if bound.get("memory"):
        limits["memory"] = format_nanos(bound["memory"] * NANO, quantity.Family.BINARY)
    return ResourceRequirements(requests=requests, limits=limits)


_NOTHING: Exact = (0, quantity.Family.DECIMAL)


def _tell_cpu(told: dict[str, str], milli: int | None, least: int) -> None:
    """What the cgroup says, unless that and what was allocated are both too small for it to say."""
    if milli and (milli > least or milli_value(told.get("cpu", "0")) > least):
        told["cpu"] = format_nanos(milli * _MILLI)


def _aggregate(pod: Pod, side: Side) -> dict[str, Exact]:
    """Sidecars add up with the regular containers; other init containers count as a maximum; the Pod's own win."""
    found: dict[str, Exact] = {}
    sidecars: dict[str, Exact] = {}
    peak: dict[str, Exact] = {}
    for container in pod.spec.containers:
        _add(found, _side(container.resources, side))
    for container in pod.spec.init_containers:
        own = _side(container.resources, side)
        if is_sidecar(container):
            _add(found, own)
            _add(sidecars, own)
            own = sidecars
        else:
            own = dict(own)
            _add(own, sidecars)
        _raise(peak, own.items())
    _raise(found, peak.items())
    whole = _side(pod.spec.resources, side)
    return found | {name: each for name, each in whole.items() if name in COUNTED or name.startswith(_HUGE_PAGES)}


def _side(resources: ResourceRequirements | None, side: Side) -> dict[str, Exact]:
    texts: Mapping[str, str] = {}
    if resources is not None:
        texts = resources.requests if side == "requests" else resources.limits
    return {name: quantity.exact(text) for name, text in texts.items()}


def _add(sums: dict[str, Exact], more: Mapping[str, Exact]) -> None:
    for name, each in more.items():
        sums[name] = quantity.total(sums[name], each) if name in sums else each


def _raise(peak: dict[str, Exact], more: Iterable[tuple[str, Exact]]) -> None:
    for name, each in more:
        if name not in peak or each[0] > peak[name][0]:
            peak[name] = each


def _written(sums: Mapping[str, Exact]) -> dict[str, str]:
    return {name: format_nanos(*each) for name, each in sums.items()}
