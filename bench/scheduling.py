"""Upstream's scheduling workloads, by their names: deciding alone, or through any API server.

    python bench/scheduling.py                                  deciding alone, all workloads
    python bench/scheduling.py SchedulingBasic --scale 0.1      one, smaller
    python bench/scheduling.py --api SchedulingBasic            through `kybern apiserver` and `kybern scheduler`
    python bench/scheduling.py --kubeconfig FILE …              through any API server (`scheduling_through_api.py` says how)

Deciding alone counts CPU seconds of placing (and preempting) the measured Pods, decoded requests in, choices out.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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


def through_api(names: list[str], args: argparse.Namespace) -> None:
    """The workloads one after the other, each with a scheduler of its own where the bench starts it."""
    from scheduling_through_api import Ground, Load, kybern_scheduler, schedule
    from target import data_directory, own_server, read_kubeconfig

    def run(ground: Ground) -> None:
        for name in names:
            workload, scale = WORKLOADS[name], args.scale
            load = Load(
                [node(index, workload.zones) for index in range(int(workload.nodes * scale))],
                [workload.first(-index - 1) for index in range(int(workload.initial * scale))],
                [workload.make(index) for index in range(int(workload.measured * scale))],
            )
            print(f"{name}: {len(load.nodes)} nodes, {len(load.initial)} Pods there already", flush=True)
            asyncio.run(schedule(ground, load, args.while_creating))

    if args.kubeconfig:
        pids = [[int(pid) for pid in given.split(",") if pid] for given in (args.pids, args.scheduler_pids)]
        run(Ground(read_kubeconfig(Path(args.kubeconfig), pids[0]), args.scheduler, pids[1]))
        return
    with data_directory() as folder, own_server(folder) as target:
        run(Ground(target, args.scheduler or kybern_scheduler(target.kubeconfig)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []], help="all by default")
    parser.add_argument("--scale", type=float, default=1.0, help="of nodes and Pods")
    parser.add_argument(
        "--api", action="store_true", help="through an API server and a scheduler that are started here"
    )
    parser.add_argument("--kubeconfig", default="", help="through this API server")
    parser.add_argument("--pids", default="", help="its processes, with commas")
    parser.add_argument("--scheduler", default="", help="the command of a scheduler to start once the Pods are there")
    parser.add_argument("--scheduler-pids", default="", help="the processes of one that runs already, with commas")
    parser.add_argument("--while-creating", action="store_true", help="measure while the Pods are created")
    args = parser.parse_args()
    names = args.workloads or [*WORKLOADS]
    if args.api or args.kubeconfig:
        through_api(names, args)
        return
    for name in names:
        placed, seconds = decide_workload(WORKLOADS[name], args.scale)
        rate = placed / max(seconds, 1e-9)
        print(
            f"{name:36} {placed:6} placed in {seconds:6.2f} s  {rate:8.0f}/s  (bar {WORKLOADS[name].bar})", flush=True
        )


if __name__ == "__main__":
    main()
