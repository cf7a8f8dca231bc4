"""The loops of endpoints and nodes at work on a small API: they converge, share out exactly, and then rest."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from kybern.api.types import to_dict
from kybern.api.types.core_v1 import (
    Namespace,
    NamespaceStatus,
    Node,
    NodeCondition,
    NodeStatus,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import SystemClock
from kybern.base.ids import RandomIds
from kybern.client.client import Client
from kybern.client.inprocess import InProcessTransport
from kybern.client.reconciler import controller_of_module, run_controllers
from kybern.controllers import (
    endpoints,
    endpointslice,
    node_ipam,
    node_lifecycle,
    pod_gc,
    root_ca,
    service_account,
    taint_eviction,
)
from kybern.controllers.node_ranges import Masks, ranges_of_flags
from kybern.transport.exchange import Request
from tests.unit.client.tiny_api import TinyApi

NODES, PODS = "/api/v1/nodes", "/api/v1/namespaces/default/pods"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


def ready_node(name: str) -> dict[str, Any]:
    ready = NodeStatus(conditions=[NodeCondition(type="Ready", status="True")])
    return to_dict(Node(metadata=ObjectMeta(name=name, uid=name), status=ready))


def ready_pod(number: int) -> dict[str, Any]:
    ip = f"10.244.0.{number + 2}"
    return to_dict(
        Pod(
            metadata=ObjectMeta(name=f"w{number}", namespace="default", uid=f"w{number}", labels={"app": "w"}),
            spec=PodSpec(node_name="n0"),
            status=PodStatus(
                phase="Running",
                pod_ip=ip,
                pod_ips=[PodIP(ip=ip)],
                conditions=[PodCondition(type="Ready", status="True", last_transition_time="2026-01-01T00:00:00Z")],
            ),
        )
    )


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # Any state of the world may be waited for.
            await asyncio.sleep(0.005)


async def test_they_converge_and_then_rest() -> None:
    api = TinyApi()
    namespace = Namespace(metadata=ObjectMeta(name="default", uid="ns"), status=NamespaceStatus(phase="Active"))
    await api.put("/api/v1/namespaces/default", to_dict(namespace), "ADDED")
    for number in range(30):
        await api.put(f"{NODES}/n{number}", ready_node(f"n{number}"), "ADDED")
    service = Service(
        metadata=ObjectMeta(name="w", namespace="default", uid="svc"),
        spec=ServiceSpec(cluster_ip="10.96.0.9", selector={"app": "w"}, ports=[ServicePort(port=80, target_port=8080)]),
    )
    await api.put("/api/v1/namespaces/default/services/w", to_dict(service), "ADDED")
    source = random.Random(1)
    loops = [
        *map(controller_of_module, (endpoints, endpointslice, service_account)),
        node_ipam.controller(node_ipam.Config(ranges_of_flags("10.244.0.0/16", Masks()))),
        node_lifecycle.controller(),
        pod_gc.controller(),
        root_ca.controller("PEM"),
        taint_eviction.controller(),
    ]
    task = asyncio.create_task(
        run_controllers(
            Client(InProcessTransport(api.handle, Request)),
            loops,
            clock=SystemClock(),
            ids=RandomIds(source),
            source=source,
        )
    )

    def cidrs() -> list[str]:
        nodes = [obj for path, obj in api.objects.items() if path.startswith(f"{NODES}/")]
        return [obj["spec"]["podCIDR"] for obj in nodes if obj.get("spec", {}).get("podCIDR")]

    def addresses() -> set[str]:
        slices = [obj for path, obj in api.objects.items() if path.startswith(f"{SLICES}/")]
        return {ip for each in slices for one in each.get("endpoints", ()) for ip in one["addresses"]}

    await until(lambda: len(cidrs()) == 30)
    assert sorted(cidrs(), key=lambda cidr: int(cidr.split(".")[2])) == [f"10.244.{each}.0/24" for each in range(30)]
    for number in range(5):
        await api.put(f"{PODS}/w{number}", ready_pod(number), "ADDED")
    await until(lambda: len(addresses()) == 5)
    await api.remove(f"{PODS}/w3")
    await until(lambda: addresses() == {f"10.244.0.{each + 2}" for each in (0, 1, 2, 4)})
    made = {
        f"/api/v1/namespaces/default/{name}"
        for name in ("serviceaccounts/default", "configmaps/kube-root-ca.crt", "endpoints/w")
    }
    await until(lambda: made <= api.objects.keys())
    out_of_service = ready_node("n0")
    out_of_service["spec"] = {"podCIDR": "10.244.0.0/24", "taints": [{"key": "x", "effect": "NoExecute"}]}
    await api.put(f"{NODES}/n0", out_of_service)
    await until(lambda: not [path for path in api.objects if path.startswith(f"{PODS}/")])
    await until(lambda: not addresses())
    before = -1
    async with asyncio.timeout(60):
        while before != len(api.requests):
            before = len(api.requests)
            await asyncio.sleep(0.3)
    assert not task.done(), task
    task.cancel()
