"""`/metrics`: the kubelet about itself, under upstream's names. Pure, but for what it reads of its own process."""

import os
import resource
from collections.abc import Sequence

from kybern import KUBERNETES_VERSION
from kybern.api.types.core_v1 import ContainerStatus, Pod


def kubelet_metrics(node_name: str, pods: Sequence[Pod], started_at: float) -> str:
    """In the text format of Prometheus. `started_at` is the process's start, seconds since the epoch."""
    states = {"created": 0, "running": 0, "exited": 0}
    running_pods = 0
    for pod in pods:
        found = [*map(_state, pod.status.container_statuses), *map(_state, pod.status.init_container_statuses)]
        running_pods += "running" in found
        for state in found:
            if state:
                states[state] += 1
    major, minor = KUBERNETES_VERSION.removeprefix("v").split(".")[:2]
    own = resource.getrusage(resource.RUSAGE_SELF)
    build = f'{{git_version="{KUBERNETES_VERSION}",major="{major}",minor="{minor}"}}'
    families: list[tuple[str, str, str, list[tuple[str, float]]]] = [
        ("kubelet_node_name", "gauge", "The node's name. The count is always 1.", [(f'{{node="{node_name}"}}', 1.0)]),
        ("kubelet_running_pods", "gauge", "Number of pods that have a running container", [("", running_pods)]),
        (
            "kubelet_running_containers",
            "gauge",
            "Number of containers by state",
            [(f'{{container_state="{state}"}}', count) for state, count in states.items()],
        ),
        ("kubernetes_build_info", "gauge", "A metric with the version as labels, always 1", [(build, 1)]),
        ("process_cpu_seconds_total", "counter", "CPU time of this process", [("", own.ru_utime + own.ru_stime)]),
        ("process_resident_memory_bytes", "gauge", "Resident memory of this process", [("", _resident_bytes())]),
        ("process_start_time_seconds", "gauge", "Start of this process since the epoch", [("", started_at)]),
    ]
    lines = []
    for name, kind, text, samples in families:
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{labels} {value:.15g}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _state(status: ContainerStatus) -> str:
    """ "" for one that does not exist yet."""
    if status.state is None or status.state.waiting is not None:
        return ""
    return "running" if status.state.running is not None else "exited" if status.state.terminated is not None else ""


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
