"""Nodes that fall silent, daemons and endpoints, on a real API server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kybern.api.types.apps_v1 import ControllerRevision, DaemonSet, DaemonSetSpec
from kybern.api.types.coordination_v1 import Lease, LeaseSpec
from kybern.api.types.core_v1 import (
    Binding,
    Container,
    Endpoints,
    Event,
    Namespace,
    Node,
    ObjectReference,
    Pod,
    PodSpec,
    PodTemplateSpec,
    Service,
    ServicePort,
    ServiceSpec,
    Toleration,
)
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.api.types.meta_v1 import LabelSelector, ObjectMeta
from kybern.base.clock import SystemClock, format_micro_time
from kybern.base.errors import AlreadyExists, KybernError
from kybern.client.client import Client
from kybern.controllers.daemonset_nodes import target_node

from .machine import plane, ready_node

LABELS = {"app": "d"}
BEAT_SECONDS, TICK_SECONDS = 0.2, 0.05


def daemon_set(image: str) -> DaemonSet:
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels=LABELS), spec=PodSpec(containers=[Container(name="c", image=image)])
    )
    spec = DaemonSetSpec(selector=LabelSelector(match_labels=LABELS), template=template)
    return DaemonSet(metadata=ObjectMeta(name="d", namespace="default"), spec=spec)


async def bind(client: Client, pod: Pod, node_name: str) -> None:
    meta = ObjectMeta(name=pod.metadata.name, namespace=pod.metadata.namespace)
    binding = Binding(metadata=meta, target=ObjectReference(kind="Node", name=node_name))
    await client.post(Pod, pod.metadata.name, pod.metadata.namespace, "binding", binding)


@asynccontextmanager
async def beating(client: Client, name: str):  # type: ignore[no-untyped-def]
    """A node's Lease, renewed as long as the block lasts."""
    namespace = "kube-node-lease"
    try:
        await client.create(Namespace(metadata=ObjectMeta(name=namespace)))
    except AlreadyExists:
        pass
    await client.create(
        Lease(metadata=ObjectMeta(name=name, namespace=namespace), spec=LeaseSpec(holder_identity=name))
    )

    async def beat() -> None:
        while True:
            renewed = {"spec": {"renewTime": format_micro_time(SystemClock().now())}}
            await client.patch(Lease, name, namespace, renewed)
            await asyncio.sleep(BEAT_SECONDS)

    task = asyncio.create_task(beat())
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()


class AwakeClock(SystemClock):
    """Counts only the time in which this process runs: a machine that stands still makes no node silent."""

    def __init__(self) -> None:
        self._began = super().now()
        self._seconds = 0.0
        self._ticked = super().monotonic()

    def now(self) -> float:
        return self._began + self.monotonic()

    def monotonic(self) -> float:
        return self._seconds + min(super().monotonic() - self._ticked, TICK_SECONDS)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._seconds, self._ticked = self.monotonic(), super().monotonic()


@asynccontextmanager
async def awake() -> AsyncIterator[AwakeClock]:
    clock = AwakeClock()
    task = asyncio.create_task(clock.run())
    try:
        yield clock
    finally:
        task.cancel()


async def test_a_silent_node_is_unknown_and_loses_its_pods() -> None:
    ranges: dict[str, Any] = {"allocate_node_cidrs": True, "cluster_cidr": "10.244.0.0/16"}
    async with (
        awake() as clock,
        plane(clock=clock, node_monitor_grace_period_seconds=2.0, **ranges) as world,
        beating(world.client, "alive"),
    ):
        client = world.client
        for name in ("alive", "silent"):
            await ready_node(client, name)
        at_once = Toleration(
            key="node.kubernetes.io/unreachable", operator="Exists", effect="NoExecute", toleration_seconds=0
        )
        for name in ("alive", "silent"):
            spec = PodSpec(containers=[Container(name="c", image="web")], tolerations=[at_once])
            pod = await client.create(Pod(metadata=ObjectMeta(name=name, namespace="default"), spec=spec))
            await bind(client, pod, name)

        async def evicted() -> bool:
            pods = (await client.list(Pod, "default")).items
            return [pod.metadata.name for pod in pods] == ["alive"]

        await world.until(evicted)
        silent, alive = await client.get(Node, "silent"), await client.get(Node, "alive")
        ready = next(each for each in silent.status.conditions if each.type == "Ready")
        assert (ready.status, ready.reason, ready.message) == (
            "Unknown",
            "NodeStatusUnknown",
            "Kubelet stopped posting node status.",
        )
        assert {(each.key, each.effect) for each in silent.spec.taints} == {
            ("node.kubernetes.io/unreachable", "NoSchedule"),
            ("node.kubernetes.io/unreachable", "NoExecute"),
        }
        assert alive.spec.taints == []
        assert {silent.spec.pod_cidr, alive.spec.pod_cidr} == {"10.244.0.0/24", "10.244.1.0/24"}

        async def told() -> bool:
            events = [*(await client.list(Event, "default")).items]
            found = {(each.involved_object.kind, each.reason, each.message) for each in events}
            return {
                ("Node", "RegisteredNode", "Node silent event: Registered Node silent in Controller"),
                ("Node", "NodeNotReady", "Node silent status is now: NodeNotReady"),
                ("Pod", "TaintManagerEviction", "Marking for deletion Pod default/silent"),
            } <= found

        await world.until(told)


async def test_daemons_run_everywhere_and_roll() -> None:
    async with plane() as world:
        client = world.client
        for name in ("a", "b"):
            await ready_node(client, name)
        await client.create(daemon_set("v1"))

        async def rolled(image: str) -> bool:
            pods = (await client.list(Pod, "default")).items
            for pod in pods:
                if not pod.spec.node_name:
                    try:
                        await bind(client, pod, target_node(pod))
                    except KybernError:
                        continue
            status = (await client.get(DaemonSet, "d", "default")).status
            return status.updated_number_scheduled == status.number_available == 2 and {
                (pod.spec.node_name, pod.spec.containers[0].image) for pod in pods
            } == {("a", image), ("b", image)}

        await world.until(lambda: rolled("v1"))
        changed = await client.get(DaemonSet, "d", "default")
        changed.spec.template.spec.containers[0].image = "v2"
        await client.update(changed)
        await world.until(lambda: rolled("v2"))
        revisions = (await client.list(ControllerRevision, "default")).items
        assert sorted(each.revision for each in revisions) == [1, 2]


async def test_endpoints_follow_the_pods() -> None:
    async with plane() as world:
        client = world.client
        await ready_node(client, "a")
        ports = [ServicePort(name="http", port=80, target_port=8080)]
        service = Service(metadata=ObjectMeta(name="w", namespace="default"))
        service.spec = ServiceSpec(selector=LABELS, ports=ports)
        await client.create(service)
        meta = ObjectMeta(name="p", namespace="default", labels=LABELS)
        pod = await client.create(Pod(metadata=meta, spec=PodSpec(containers=[Container(name="c", image="web")])))
        await bind(client, pod, "a")

        async def addresses() -> list[list[str]]:
            slices = (await client.list(EndpointSlice, "default", label_selector="kubernetes.io/service-name=w")).items
            old = await client.list(Endpoints, "default", field_selector="metadata.name=w")
            return [
                [ip for each in slices for one in each.endpoints for ip in one.addresses],
                [one.ip for each in old.items for subset in each.subsets for one in subset.addresses],
            ]

        async def reached(expected: list[str]) -> bool:
            return await addresses() == [expected, expected]

        await world.until(lambda: reached(["10.244.0.9"]))
        await client.delete(Pod, "p", "default", grace_period_seconds=0)
        await world.until(lambda: reached([]))
        assert await world.count(EndpointSlice, label_selector="kubernetes.io/service-name=w") == 1
