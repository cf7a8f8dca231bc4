"""The scheduler on a real API server: what it binds, what it says of it, and what it does when another was quicker."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kybern.api.types import convert
from kybern.api.types.core_v1 import Binding, Node, Pod, ServiceAccount
from kybern.api.types.events_v1 import Event
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.server import ApiServer
from kybern.base.clock import SystemClock
from kybern.base.errors import NotFound
from kybern.base.ids import RandomIds
from kybern.client.client import Client
from kybern.client.inprocess import InProcessTransport
from kybern.scheduler.config import SchedulerConfig
from kybern.scheduler.run import run
from kybern.storage.memory import MemoryBackend
from kybern.transport.exchange import Request

from .machine import Plane

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


@asynccontextmanager
async def scheduled() -> AsyncIterator[Plane]:
    """A server and a scheduler, until the block ends."""
    clock, source = SystemClock(), random.Random(1)
    backend = MemoryBackend(clock)
    server = ApiServer(ApiServerConfig(authorization_mode=("AlwaysAllow",)), backend, clock, RandomIds(source))
    await server.start()
    client = Client(InProcessTransport(server, Request))
    await client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
    task = asyncio.create_task(run(SchedulerConfig(host="here", seed=1), client))
    try:
        yield Plane(client)
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.stop()
        await backend.close()


async def add_node(client: Client, name: str, cpu: str = "4", zone: str = "") -> None:
    resources = {"cpu": cpu, "memory": "8Gi", "pods": "110"}
    status = {"allocatable": resources, "capacity": resources}
    metadata = {"name": name, "labels": {HOSTNAME: name} | ({ZONE: zone} if zone else {})}
    await client.create(convert({"metadata": metadata, "status": status}, Node))
    # Admission taints a new node as not ready; no kubelet and no controller is here to take that back.
    await client.patch(Node, name, "", {"spec": {"taints": None}})


def pod(name: str, cpu: str = "100m", labels: dict[str, str] | None = None, **spec: Any) -> Pod:
    container = {"name": "main", "image": "image", "resources": {"requests": {"cpu": cpu}}}
    metadata = {"name": name, "namespace": "default", "labels": labels or {}}
    return convert({"metadata": metadata, "spec": {"containers": [container], **spec}}, Pod)


async def bound(world: Plane, name: str) -> Pod:
    """The Pod, once it has a node."""

    async def there() -> bool:
        return bool((await world.client.get(Pod, name, "default")).spec.node_name)

    await world.until(there)
    return await world.client.get(Pod, name, "default")


async def event_of(world: Plane, name: str, reason: str) -> Event:
    """The Pod's event of that reason, once it is written."""
    found: list[Event] = []

    async def there() -> bool:
        every = (await world.client.list(Event, "default")).items
        found[:] = [each for each in every if each.regarding and each.regarding.name == name and each.reason == reason]
        return bool(found)

    await world.until(there)
    return found[0]


async def test_binds_and_says_so_of_every_pod() -> None:
    async with scheduled() as world:
        await add_node(world.client, "a", cpu="8", zone="east")
        await asyncio.gather(*(world.client.create(pod(f"p{index}")) for index in range(60)))
        found = await bound(world, "p59")
        assert (found.spec.node_name, found.metadata.labels) == ("a", {ZONE: "east"})
        (condition,) = found.status.conditions
        assert (condition.type, condition.status) == ("PodScheduled", "True")

        async def told() -> bool:
            return await world.count(Event) == 60

        await world.until(told)
        event = await event_of(world, "p7", "Scheduled")
        assert event.note == "Successfully assigned default/p7 to a"
        assert (event.type, event.action) == ("Normal", "Binding")
        assert (event.reporting_controller, event.reporting_instance) == ("default-scheduler", "default-scheduler-here")


async def test_says_why_a_pod_has_no_node_and_binds_it_once_there_is_room() -> None:
    async with scheduled() as world:
        await add_node(world.client, "a", cpu="1")
        await world.client.create(pod("large", "2"))
        event = await event_of(world, "large", "FailedScheduling")
        assert event.note == (
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are "
            "available: 1 Preemption is not helpful for scheduling."
        )
        (condition,) = (await world.client.get(Pod, "large", "default")).status.conditions
        assert (condition.status, condition.reason, condition.message) == ("False", "Unschedulable", event.note)
        assert condition.observed_generation == 1
        await add_node(world.client, "b")
        assert (await bound(world, "large")).spec.node_name == "b"


async def test_a_pod_waits_for_the_one_that_it_follows() -> None:
    term = {"labelSelector": {"matchLabels": {"role": "leader"}}, "topologyKey": HOSTNAME}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    async with scheduled() as world:
        await add_node(world.client, "a")
        await add_node(world.client, "b")
        await world.client.create(pod("follower", affinity=affinity))
        await event_of(world, "follower", "FailedScheduling")
        await world.client.create(pod("leader", labels={"role": "leader"}))
        leader = await bound(world, "leader")
        assert (await bound(world, "follower")).spec.node_name == leader.spec.node_name


async def test_preempts_and_says_for_whom() -> None:
    async with scheduled() as world:
        await add_node(world.client, "a", cpu="1")
        await world.client.create(pod("low", "800m", terminationGracePeriodSeconds=0))
        await bound(world, "low")
        await world.client.create(pod("high", "800m", priorityClassName="system-node-critical"))
        high = await bound(world, "high")

        async def gone() -> bool:
            try:
                await world.client.get(Pod, "low", "default")
            except NotFound:
                return True
            return False

        await world.until(gone)
        event = await event_of(world, "low", "Preempted")
        assert event.note == f"Preempted by pod {high.metadata.uid} on node a"


async def test_another_scheduler_was_quicker() -> None:
    async with scheduled() as world:
        await add_node(world.client, "a", cpu="1")
        await add_node(world.client, "b", cpu="1")
        await world.client.create(pod("p", "800m", schedulerName="other"))
        binding = {"metadata": {"name": "p", "namespace": "default"}, "target": {"kind": "Node", "name": "a"}}
        await world.client.post(Pod, "p", "default", "binding", convert(binding, Binding))
        await world.client.create(pod("q", "800m"))
        assert (await bound(world, "q")).spec.node_name == "b"
