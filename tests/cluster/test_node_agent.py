"""A node's own word about itself, on a real API server: nobody else's stands against it."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kybern.api.types.core_v1 import ContainerImage, Event, Node
from kybern.base.clock import SystemClock
from kybern.base.errors import NotFound
from kybern.client.client import Client, PatchType
from kybern.client.events import EventRecorder
from kybern.client.informer import Informer
from kybern.kubelet.events import NodeEvents
from kybern.kubelet.node.agent import NodeAgent, Observed
from kybern.kubelet.node.machine import Machine
from kybern.kubelet.node.status import Health, Identity

from .machine import plane

MACHINE = Machine("amd64", "6.1", "Debian", "m", "u", "b", 2, 4 << 30, 0, 100 << 30, 32768)


async def health() -> Health:
    return Health("containerd://1.6.20")


async def images() -> Sequence[ContainerImage]:
    return ()


async def ready(client: Client) -> bool:
    try:
        node = await client.get(Node, "n1")
    except NotFound:
        return False
    return any((each.type, each.status) == ("Ready", "True") for each in node.status.conditions)


@asynccontextmanager
async def voice(client: Client, directory: Path) -> AsyncIterator[None]:
    """A node n1 that speaks for itself."""
    clock = SystemClock()
    recorder = EventRecorder(client, "kubelet", "n1", clock=clock)
    nodes = Informer(client, Node, clock=clock, source=random.Random(3))
    observed, identity = Observed(health, images), Identity("n1", ["10.9.0.1"])
    agent = NodeAgent(client, identity, MACHINE, directory, observed, NodeEvents(recorder, "n1"), clock)
    nodes.subscribe(lambda _, node, __: agent.was_deleted() if node is None else agent.seen(node))
    tasks = [asyncio.create_task(each) for each in (recorder.run(), nodes.run(), agent.run())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def say(client: Client, status: dict[str, Any]) -> None:
    """Another than the node writes its status."""
    await client.patch(Node, "n1", "", {"status": status}, content_type=PatchType.STRATEGIC, subresource="status")


async def test_a_node_that_was_called_silent_speaks_up(tmp_path: Path) -> None:
    async with plane(("namespace-controller",)) as world, voice(world.client, tmp_path):
        await world.until(lambda: told_ready(world.client, 1))
        unknown = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "silent"}
        await say(world.client, {"conditions": [unknown]})
        await world.until(lambda: ready(world.client))
        await world.until(lambda: told_ready(world.client, 2))


async def test_what_others_advertise_can_be_asked_for(tmp_path: Path) -> None:
    """https://kubernetes.io/docs/tasks/administer-cluster/extended-resource-node/"""
    async with plane(("namespace-controller",)) as world, voice(world.client, tmp_path):

        async def offered(amount: str | None) -> bool:
            return (await world.client.get(Node, "n1")).status.allocatable.get("example.com/dongle") == amount

        await world.until(lambda: ready(world.client))
        for amount in ("4", "2", None):
            await say(world.client, {"capacity": {"example.com/dongle": amount}})
            await world.until(lambda amount=amount: offered(amount))
        await say(world.client, {"allocatable": {"example.com/dongle": "7"}})
        await world.until(lambda: offered(None))


async def told_ready(client: Client, count: int) -> bool:
    events = (await client.list(Event)).items
    return sum(each.count or 1 for each in events if each.reason == "NodeReady") == count
