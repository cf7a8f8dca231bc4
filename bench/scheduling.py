"""Upstream's scheduling workloads, by their names: deciding alone, or through any API server.

    python bench/scheduling.py                                  deciding alone, all workloads
    python bench/scheduling.py SchedulingBasic --scale 0.1      one, smaller
    python bench/scheduling.py --kubeconfig FILE SchedulingBasic    creates nodes and Pods there and waits until bound

Deciding alone counts CPU seconds of placing (and preempting) the measured Pods, decoded requests in, choices out.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from kybern.api.types import convert
from kybern.api.types.core_v1 import Node, Pod
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.placing import Placer
from kybern.scheduler.pods import PodDecoder
from kybern.scheduler.preemption import Memory, preempt
from kybern.scheduler.reasons import Refusal

ZONE, HOSTNAME = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
Json = dict[str, Any]


def node(index: int, zones: int = 1) -> Json:
    """4 cores, 32 GiB, 110 Pods."""
    name = f"node-{index}"
    resources = {"cpu": "4", "memory": "32Gi", "pods": "110"}
    labels = {HOSTNAME: name, ZONE: f"zone{index % zones + 1}"}
    return {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": resources, "capacity": resources}}


def pod(name: str, cpu: str = "100m", labels: Json | None = None, **spec: Any) -> Json:
    """One container that asks for 100m and 500Mi."""
    resources = {"requests": {"cpu": cpu, "memory": "500Mi"}, "limits": {"cpu": cpu, "memory": "500Mi"}}
    container = {"name": "pause", "image": "registry.k8s.io/pause:3.10", "resources": resources}
    meta = {"name": name, "namespace": "default", "uid": name, "labels": labels or {}}
    return {"metadata": meta, "spec": {"containers": [container], **spec}}


def affinity(side: str, color: str, key: str, preferred: bool = False) -> Json:
    term = {"labelSelector": {"matchLabels": {"color": color}}, "topologyKey": key}
    if preferred:
        terms = [{"weight": 1, "podAffinityTerm": term}]
        return {"affinity": {side: {"preferredDuringSchedulingIgnoredDuringExecution": terms}}}
    return {"affinity": {side: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def node_affinity(kind: str, key: str, values: list[str]) -> Json:
    term = {kind: [{"key": key, "operator": "In", "values": values}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}}


def spread(when: str) -> Json:
    selector = {"matchLabels": {"color": "blue"}}
    one = {"maxSkew": 5, "topologyKey": ZONE, "whenUnsatisfiable": when, "labelSelector": selector}
    return {"topologySpreadConstraints": [one]}


Maker = Callable[[int], Json]


def plain(index: int) -> Json:
    return pod(f"pod-{index}")


def like(labels: Json | None = None, **spec: Any) -> Maker:
    return lambda index: pod(f"pod-{index}", labels=labels, **spec)


GREEN, BLUE = {"color": "green"}, {"color": "blue"}
APART = like(GREEN, **affinity("podAntiAffinity", "green", HOSTNAME))
TOGETHER = like(BLUE, **affinity("podAffinity", "blue", ZONE))
PREFER = like(BLUE, **affinity("podAffinity", "blue", HOSTNAME, preferred=True))
AVOID = like(BLUE, **affinity("podAntiAffinity", "blue", HOSTNAME, preferred=True))
IN_ZONE = like(**node_affinity("matchExpressions", ZONE, ["zone1", "zone2"]))


def daemon(index: int) -> Json:
    return pod(f"pod-{index}", cpu="10m", **node_affinity("matchFields", "metadata.name", [f"node-{index % 15000}"]))


def small(index: int) -> Json:
    return pod(f"low-{index}", cpu="900m", terminationGracePeriodSeconds=0)


def great(index: int) -> Json:
    return pod(f"high-{index}", cpu="3", priority=10)


@dataclass(frozen=True)
class Workload:
    nodes: int
    initial: int
    measured: int
    make: Maker
    first: Maker
    bar: int
    """Placements a second that it should reach."""
    zones: int = 1


WORKLOADS = {
    "SchedulingBasic": Workload(5000, 1000, 10_000, plain, plain, 10_000),
    "SchedulingNodeAffinity": Workload(5000, 5000, 10_000, IN_ZONE, plain, 1300),
    "SchedulingPodAntiAffinity": Workload(5000, 1000, 2000, APART, APART, 460),
    "SchedulingPodAffinity": Workload(5000, 5000, 5000, TOGETHER, TOGETHER, 240),
    "SchedulingPreferredPodAffinity": Workload(5000, 5000, 5000, PREFER, PREFER, 900),
    "SchedulingPreferredPodAntiAffinity": Workload(5000, 5000, 5000, AVOID, AVOID, 900),
    "TopologySpreading": Workload(5000, 5000, 5000, like(BLUE, **spread("DoNotSchedule")), plain, 640, 3),
    "PreferredTopologySpreading": Workload(5000, 5000, 5000, like(BLUE, **spread("ScheduleAnyway")), plain, 680, 3),
    "SchedulingDaemonset": Workload(15_000, 0, 30_000, daemon, plain, 3000),
    "PreemptionBasic": Workload(1000, 4000, 1000, great, small, 100),
    "PreemptionAsync": Workload(5000, 20_000, 5000, great, small, 400),
}


def decide_workload(workload: Workload, scale: float) -> tuple[int, float]:
    """(placements, CPU seconds) of the measured Pods."""
    random = Random(1)
    table, decoder = NodeTable(random), PodDecoder()
    for index in range(int(workload.nodes * scale)):
        table.set_node(convert(node(index, workload.zones), Node))
    placer, memory = Placer(table), Memory()
    for index in range(int(workload.initial * scale)):
        request = decoder.decode(convert(workload.first(-index - 1), Pod))
        choice = placer.decide(request)
        assert not isinstance(choice, Refusal), choice.message
        table.assign(request, choice[0])
    requests = [decoder.decode(convert(workload.make(index), Pod)) for index in range(int(workload.measured * scale))]
    placed, start = 0, time.process_time()
    for request in requests:
        choice = placer.decide(request)
        if isinstance(choice, Refusal):
            plan = preempt(request, choice, table, placer, (), random, None, memory)
            if plan.node is None:
                continue
            for victim in plan.victims:
                table.unassign(victim.key)
            choice = (plan.node, 0)
        table.assign(request, choice[0])
        placed += 1
    return placed, time.process_time() - start


async def through_server(workload: Workload, scale: float, kubeconfig: str) -> tuple[int, float]:
    """(placements, wall seconds) from the creation of the first measured Pod until the last is bound."""
    from kybern.client.kubeconfig import client_from_kubeconfig

    client = client_from_kubeconfig(kubeconfig, user_agent="bench-scheduling")
    for index in range(int(workload.nodes * scale)):
        await client.create(convert(node(index, workload.zones), Node))
    number = int(workload.measured * scale)

    async def create(first: int) -> None:
        for index in range(first, number, 16):
            await client.create(convert(workload.make(index), Pod))

    before = len((await client.list(Pod, field_selector="spec.nodeName!=")).items)
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for first in range(16):
            group.create_task(create(first))
    bound = 0
    while bound < number:
        await asyncio.sleep(0.2)
        bound = len((await client.list(Pod, field_selector="spec.nodeName!=")).items) - before
    return number, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []], help="all by default")
    parser.add_argument("--scale", type=float, default=1.0, help="of nodes and Pods")
    parser.add_argument("--kubeconfig", default="", help="go through this API server instead of deciding alone")
    args = parser.parse_args()
    for name in args.workloads or WORKLOADS:
        workload = WORKLOADS[name]
        if args.kubeconfig:
            placed, seconds = asyncio.run(through_server(workload, args.scale, args.kubeconfig))
        else:
            placed, seconds = decide_workload(workload, args.scale)
        rate = placed / max(seconds, 1e-9)
        print(f"{name:36} {placed:6} placed in {seconds:6.2f} s  {rate:8.0f}/s  (bar {workload.bar})", flush=True)


if __name__ == "__main__":
    main()
