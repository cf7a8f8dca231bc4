"""`/metrics/cadvisor`: what containers use, under the names that dashboards know. Pure.

Source: https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md, as far as the CRI tells it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from kybern.api.types.core_v1 import ContainerStatus, Pod
from kybern.kubelet.labels import CONTAINER_NAME, POD_UID
from kybern.kubelet.runtime.views import ContainerStats
from kybern.kubelet.server.usage import NANOSECONDS, NodeUsage

Value = Callable[[ContainerStats], float | None]


def _seconds(stats: ContainerStats) -> float | None:
    return None if stats.cpu_nanoseconds is None else stats.cpu_nanoseconds / NANOSECONDS


FAMILIES: Final[Mapping[str, tuple[str, str, str, Value]]] = {
    "container_cpu_usage_seconds_total": (
        "counter",
        "Cumulative cpu time consumed in seconds.",
        ',cpu="total"',
        _seconds,
    ),
    "container_fs_usage_bytes": (
        "gauge",
        "Number of bytes that are consumed by the container on this filesystem.",
        ',device=""',
        lambda stats: stats.writable_layer_bytes,
    ),
    "container_last_seen": (
        "gauge",
        "Last time a container was seen by the exporter",
        "",
        lambda stats: stats.timestamp_ns // NANOSECONDS,
    ),
    "container_memory_rss": ("gauge", "Size of RSS in bytes.", "", lambda stats: stats.rss_bytes),
    "container_memory_usage_bytes": (
        "gauge",
        "Current memory usage in bytes, including all memory regardless of when it was accessed",
        "",
        lambda stats: stats.usage_bytes,
    ),
    "container_memory_working_set_bytes": (
        "gauge",
        "Current working set in bytes.",
        "",
        lambda stats: stats.working_set_bytes,
    ),
}
"""Kind, help, labels of its own, value."""


def cadvisor_metrics(node: NodeUsage, pods: Sequence[Pod], stats: Sequence[ContainerStats]) -> str:
    """In the text format of Prometheus, with times in milliseconds."""
    known = {pod.metadata.uid: pod for pod in pods}
    rows = [(each, _labels(known[each.labels[POD_UID]], each)) for each in stats if each.labels.get(POD_UID) in known]
    lines = []
    for name, (kind, text, own, value) in FAMILIES.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        for each, labels in rows:
            number = value(each)
            if number is not None:
                lines.append(f"{name}{{{labels}{own}}} {number:.15g} {each.timestamp_ns // 1_000_000}")
    for name, text, number in (
        ("machine_cpu_cores", "Number of logical CPU cores.", os.cpu_count() or 1),
        ("machine_memory_bytes", "Amount of memory installed on the machine.", node.memory_bytes),
    ):
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {number}"]
    return "\n".join(lines) + "\n"


def _labels(pod: Pod, stats: ContainerStats) -> str:
    name = stats.labels.get(CONTAINER_NAME, "")
    labels = {
        "container": name,
        "id": f"/kubepods/pod{pod.metadata.uid}/{stats.id}",
        "image": next((each.image_id for each in _statuses(pod) if each.name == name), ""),
        "name": stats.id,
        "namespace": pod.metadata.namespace,
        "pod": pod.metadata.name,
    }
    return ",".join(f'{label}="{value}"' for label, value in labels.items())


def _statuses(pod: Pod) -> Sequence[ContainerStatus]:
    status = pod.status
    return (*status.container_statuses, *status.init_container_statuses, *status.ephemeral_container_statuses)
