"""What node and containers use: `/stats/summary` and `/metrics/resource`. Pure, but for `read_node_usage`.

Source: https://kubernetes.io/docs/reference/instrumentation/node-metrics/
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kybern.api.types.core_v1 import Pod
from kybern.base.clock import format_time, parse_time
from kybern.kubelet.labels import CONTAINER_NAME, POD_UID
from kybern.kubelet.runtime.views import ContainerStats

NANOSECONDS: Final = 1_000_000_000
SHORTEST_NS: Final = NANOSECONDS
"""Samples that are closer together give no rate."""

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """The machine at one moment; bytes and nanoseconds."""

    time_ns: int
    boot_seconds: float
    """When the machine started, seconds since the epoch."""
    cpu_ns: int
    """Of all processors since the start."""
    memory_bytes: int
    usage_bytes: int
    working_set_bytes: int
    disk_bytes: int
    disk_available_bytes: int
    inodes: int
    inodes_free: int


def read_node_usage(directory: Path, now: float, proc: Path = Path("/proc")) -> NodeUsage:
    """`directory` lies on the file system that Pods' data uses. Blocking, but cheap."""
    memory = {}
    for line in (proc / "meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        memory[name] = int(rest.split()[0]) * (1024 if rest.endswith("kB") else 1)
    stat = (proc / "stat").read_text().splitlines()
    user, nice, system, _idle, _wait, irq, soft, steal = (int(text) for text in stat[0].split()[1:9])
    booted = next((int(line.split()[1]) for line in stat if line.startswith("btime ")), 0)
    disk = os.statvfs(directory)
    used = memory["MemTotal"] - memory["MemFree"]
    return NodeUsage(
        time_ns=int(now * NANOSECONDS),
        boot_seconds=booted,
        cpu_ns=(user + nice + system + irq + soft + steal) * (NANOSECONDS // _TICKS),
        memory_bytes=memory["MemTotal"],
        usage_bytes=used,
        working_set_bytes=max(0, used - memory.get("Inactive(file)", 0)),
        disk_bytes=disk.f_blocks * disk.f_frsize,
        disk_available_bytes=disk.f_bavail * disk.f_frsize,
        inodes=disk.f_files,
        inodes_free=disk.f_favail,
    )


class Rates:
    """Nanocores from two samples of a counter. Keeps one sample for each name of the latest round."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int, int | None]] = {}
        """Time, counter, and the rate that it had."""

    def take(self, samples: Mapping[str, tuple[int, int]]) -> dict[str, int]:
        """The rates of names that were there before; samples are (time, counter), in nanoseconds."""
        known: dict[str, tuple[int, int, int | None]] = {}
        for name, (time, counter) in samples.items():
            before = self._known.get(name)
            if before is None or counter < before[1]:
                known[name] = (time, counter, None)
            elif time - before[0] < SHORTEST_NS:
                known[name] = before
            else:
                known[name] = (time, counter, (counter - before[1]) * NANOSECONDS // (time - before[0]))
        self._known = known
        return {name: rate for name, (_, _, rate) in known.items() if rate is not None}


def summary(
    node_name: str, node: NodeUsage, pods: Sequence[Pod], stats: Sequence[ContainerStats], rates: Rates
) -> dict[str, Any]:
    """The Summary of `k8s.io/kubelet/pkg/apis/stats/v1alpha1`, of what the CRI tells."""
    samples = {each.id: (each.timestamp_ns, each.cpu_nanoseconds) for each in stats if each.cpu_nanoseconds is not None}
    found = rates.take({**samples, "": (node.time_ns, node.cpu_ns)})
    disk = {
        "time": _time(node.time_ns),
        "availableBytes": node.disk_available_bytes,
        "capacityBytes": node.disk_bytes,
        "usedBytes": node.disk_bytes - node.disk_available_bytes,
        "inodesFree": node.inodes_free,
        "inodes": node.inodes,
        "inodesUsed": node.inodes - node.inodes_free,
    }
    memory = {
        "time": _time(node.time_ns),
        "availableBytes": node.memory_bytes - node.working_set_bytes,
        "usageBytes": node.usage_bytes,
        "workingSetBytes": node.working_set_bytes,
    }
    return {
        "node": {
            "nodeName": node_name,
            "startTime": format_time(node.boot_seconds),
            "cpu": _cpu(node.time_ns, node.cpu_ns, found.get("")),
            "memory": memory,
            "fs": disk,
            "runtime": {"imageFs": disk},
        },
        "pods": [_pod(pod, own, found) for pod, own in _by_pod(pods, stats)],
    }


def resource_metrics(node: NodeUsage, pods: Sequence[Pod], stats: Sequence[ContainerStats]) -> str:
    """Upstream's resource metrics in the text format of Prometheus, with times in milliseconds."""
    at = node.time_ns // 1_000_000
    families: dict[str, list[str]] = {name: [] for name in _RESOURCE_METRICS}

    def add(name: str, labels: str, value: float | None, time: int = at) -> None:
        if value is not None:
            families[name].append(f"{name}{labels} {value:.9g} {time}" if time else f"{name}{labels} {value:.9g}")

    add("node_cpu_usage_seconds_total", "", node.cpu_ns / NANOSECONDS)
    add("node_memory_working_set_bytes", "", node.working_set_bytes)
    for pod, own in _by_pod(pods, stats):
        where = f'namespace="{pod.metadata.namespace}",pod="{pod.metadata.name}"'
        for each in own:
            time = each.timestamp_ns // 1_000_000
            labels = f'{{container="{each.labels[CONTAINER_NAME]}",{where}}}'
            seconds = each.cpu_nanoseconds / NANOSECONDS if each.cpu_nanoseconds is not None else None
            add("container_cpu_usage_seconds_total", labels, seconds, time)
            add("container_memory_working_set_bytes", labels, each.working_set_bytes, time)
            add("container_start_time_seconds", labels, _started(pod, each), 0)
        add("pod_cpu_usage_seconds_total", f"{{{where}}}", _sum(each.cpu_nanoseconds for each in own) / NANOSECONDS)
        add("pod_memory_working_set_bytes", f"{{{where}}}", _sum(each.working_set_bytes for each in own))
    add("resource_scrape_error", "", 0, 0)
    lines = []
    for name, (kind, text) in _RESOURCE_METRICS.items():
        if families[name]:
            lines += [f"# HELP {name} [STABLE] {text}", f"# TYPE {name} {kind}", *families[name]]
    return "\n".join(lines) + "\n"


_RESOURCE_METRICS: Final = {
    "container_cpu_usage_seconds_total": ("counter", "Cumulative cpu time consumed by the container in core-seconds"),
    "container_memory_working_set_bytes": ("gauge", "Current working set of the container in bytes"),
    "container_start_time_seconds": ("gauge", "Start time of the container since unix epoch in seconds"),
    "node_cpu_usage_seconds_total": ("counter", "Cumulative cpu time consumed by the node in core-seconds"),
    "node_memory_working_set_bytes": ("gauge", "Current working set of the node in bytes"),
    "pod_cpu_usage_seconds_total": ("counter", "Cumulative cpu time consumed by the pod in core-seconds"),
    "pod_memory_working_set_bytes": ("gauge", "Current working set of the pod in bytes"),
    "resource_scrape_error": ("gauge", "1 if there was an error while getting container metrics, 0 otherwise"),
}


def _by_pod(pods: Sequence[Pod], stats: Sequence[ContainerStats]) -> list[tuple[Pod, list[ContainerStats]]]:
    """Each Pod that has containers that run, with their figures."""
    found: dict[str, list[ContainerStats]] = {}
    for each in stats:
        if CONTAINER_NAME in each.labels:
            found.setdefault(each.labels.get(POD_UID, ""), []).append(each)
    return [(pod, found[pod.metadata.uid]) for pod in pods if pod.metadata.uid in found]


def _pod(pod: Pod, stats: Sequence[ContainerStats], rates: Mapping[str, int]) -> dict[str, Any]:
    meta = pod.metadata
    time = max(each.timestamp_ns for each in stats)
    known = [rates[each.id] for each in stats if each.id in rates]
    told: dict[str, Any] = {
        "podRef": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "startTime": pod.status.start_time or None,
        "containers": [_container(pod, each, rates) for each in stats],
        "cpu": _cpu(time, _sum(each.cpu_nanoseconds for each in stats), sum(known) if known else None),
        "memory": {
            "time": _time(time),
            "usageBytes": _sum(each.usage_bytes for each in stats),
            "workingSetBytes": _sum(each.working_set_bytes for each in stats),
            "rssBytes": _sum(each.rss_bytes for each in stats),
        },
    }
    return told


def _container(pod: Pod, stats: ContainerStats, rates: Mapping[str, int]) -> dict[str, Any]:
    started = _started(pod, stats)
    memory = {
        "time": _time(stats.timestamp_ns),
        "usageBytes": stats.usage_bytes,
        "workingSetBytes": stats.working_set_bytes,
        "rssBytes": stats.rss_bytes,
    }
    told: dict[str, Any] = {
        "name": stats.labels[CONTAINER_NAME],
        "startTime": format_time(started) if started is not None else None,
        "cpu": _cpu(stats.timestamp_ns, stats.cpu_nanoseconds, rates.get(stats.id)),
        "memory": {name: value for name, value in memory.items() if value is not None},
    }
    if stats.writable_layer_bytes is not None:
        told["rootfs"] = {"time": _time(stats.timestamp_ns), "usedBytes": stats.writable_layer_bytes}
    return told


def _cpu(time_ns: int, counter: int | None, rate: int | None) -> dict[str, Any]:
    told: dict[str, Any] = {"time": _time(time_ns)}
    if rate is not None:
        told["usageNanoCores"] = rate
    if counter is not None:
        told["usageCoreNanoSeconds"] = counter
    return told


def _started(pod: Pod, stats: ContainerStats) -> float | None:
    status = pod.status
    for each in (*status.container_statuses, *status.init_container_statuses, *status.ephemeral_container_statuses):
        running = each.state.running if each.state is not None else None
        if each.container_id.endswith(stats.id) and running is not None and running.started_at:
            return parse_time(running.started_at)
    return None


def _sum(values: Iterable[int | None]) -> int:
    return sum(value for value in values if value is not None)


def _time(time_ns: int) -> str:
    return format_time(time_ns / NANOSECONDS)
