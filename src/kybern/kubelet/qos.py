"""Quality of service: a Pod's class and what the kernel is told of it. Pure."""

from kybern.api.quantity import milli_value, value
from kybern.api.types.core_v1 import Container, Pod
from kybern.kubelet.pod_spec import is_critical, is_sidecar

GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"
COUNTED = ("cpu", "memory")
MIN_SHARES, MAX_SHARES = 2, 262_144
SHARES_PER_CPU = 1024
PERIOD_MICROSECONDS = 100_000
MIN_QUOTA_MICROSECONDS = 1000
NODE_CRITICAL = "system-node-critical"
GUARANTEED_OOM_SCORE, BEST_EFFORT_OOM_SCORE = -997, 1000


def qos_class(pod: Pod) -> str:
    """Upstream's ComputePodQOS; resources of the Pod itself (KEP-2837) come before those of its containers."""
    spec = pod.spec
    holders = [container.resources for container in (*spec.containers, *spec.init_containers)]
    if spec.resources and (spec.resources.requests or spec.resources.limits):
        holders = [spec.resources]
    requests, limits, complete = False, False, True
    equal = True
    for resources in holders:
        asked = {k: v for k, v in (resources.requests if resources else {}).items() if k in COUNTED and value(v)}
        bound = {k: v for k, v in (resources.limits if resources else {}).items() if k in COUNTED and value(v)}
        requests, limits = requests or bool(asked), limits or bool(bound)
        complete = complete and set(bound) == set(COUNTED)
        asked = {**bound, **asked}
        equal = equal and {k: milli_value(v) for k, v in asked.items()} == {k: milli_value(v) for k, v in bound.items()}
    if not requests and not limits:
        return BEST_EFFORT
    return GUARANTEED if complete and equal else BURSTABLE


def cpu_shares(milli_cpus: int) -> int:
    """cgroup version 1's `cpu.shares`."""
    return min(MAX_SHARES, max(MIN_SHARES, milli_cpus * SHARES_PER_CPU // 1000))


def cpu_quota(milli_cpus: int) -> int:
    """Microseconds of CPU in each PERIOD_MICROSECONDS."""
    return max(MIN_QUOTA_MICROSECONDS, milli_cpus * PERIOD_MICROSECONDS // 1000)


def oom_score_adj(pod: Pod, container: Container, memory_bytes: int) -> int:
    """Who dies first when the node, which has so much memory, runs out of it."""
    if is_critical(pod) and pod.spec.priority_class_name == NODE_CRITICAL:
        return GUARANTEED_OOM_SCORE
    kind = qos_class(pod)
    if kind == GUARANTEED:
        return GUARANTEED_OOM_SCORE
    if kind == BEST_EFFORT:
        return BEST_EFFORT_OOM_SCORE
    share = _memory_share(pod)
    score = 1000 - 1000 * (_memory_request(container) + share) // memory_bytes
    if is_sidecar(container) and container in pod.spec.init_containers:
        # A sidecar is not to die before the containers that it serves.
        smallest = min((_memory_request(each) for each in pod.spec.containers), default=0)
        score = min(score, 1000 - 1000 * (smallest + share) // memory_bytes)
    return min(max(score, 1000 + GUARANTEED_OOM_SCORE), BEST_EFFORT_OOM_SCORE - 1)


def _memory_request(container: Container) -> int:
    resources = container.resources
    if resources is None:
        return 0
    return value(resources.requests.get("memory") or resources.limits.get("memory") or "0")


def _memory_share(pod: Pod) -> int:
    """Bytes that the Pod asks for beyond what its containers do, in equal parts for each (KEP-2837)."""
    asked = pod.spec.resources.requests.get("memory") if pod.spec.resources else None
    if not asked:
        return 0
    rest = value(asked) - (_sum(pod, "memory", limits=False) or 0)
    return rest // (len(pod.spec.containers) + len(pod.spec.init_containers))


def pod_resources(pod: Pod, limits: bool) -> dict[str, int]:
    """CPU (thousandths) and memory (bytes) that the Pod as a whole asks for, or may use; a limit is there only where
    every container has one. Sidecars add up with the regular containers; other init containers count as a maximum.
    """
    found = {name: _whole(pod, name, limits) for name in COUNTED}
    return {name: amount for name, amount in found.items() if amount is not None}


def pod_request(pod: Pod, name: str) -> int:
    """What the Pod as a whole asks for of any one resource, reckoned as by `pod_resources`."""
    return _whole(pod, name, limits=False) or 0


def _whole(pod: Pod, name: str, limits: bool) -> int | None:
    own = pod.spec.resources
    stated = (own.limits if limits else own.requests).get(name) if own else None
    amount = _amount(name, stated) if stated else _sum(pod, name, limits)
    overhead = pod.spec.overhead.get(name)
    return amount + _amount(name, overhead) if overhead and amount else amount


def _amount(name: str, text: str) -> int:
    return milli_value(text) if name == "cpu" else value(text)


def _sum(pod: Pod, name: str, limits: bool) -> int | None:
    def of(container: Container) -> int | None:
        resources = container.resources
        if resources is None:
            return None if limits else 0
        text = resources.limits.get(name) if limits else (resources.requests.get(name) or resources.limits.get(name))
        if not text:
            return None if limits else 0
        return _amount(name, text)

    total, sidecars, peak = 0, 0, 0
    for container in pod.spec.init_containers:
        amount = of(container)
        if amount is None:
            return None
        if is_sidecar(container):
            sidecars += amount
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + amount)
    for container in pod.spec.containers:
        amount = of(container)
        if amount is None:
            return None
        total += amount
    return max(total + sidecars, peak)
