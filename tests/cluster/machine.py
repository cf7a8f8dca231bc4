"""A whole control plane in this process: the real API server in memory, the real controllers, and a node that only says
that it runs Pods."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from kybern.api.types.core_v1 import Namespace, Node, Pod
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.server import ApiServer
from kybern.base.clock import Clock, SystemClock, format_time
from kybern.base.errors import AlreadyExists, KybernError
from kybern.base.ids import RandomIds
from kybern.client.client import Client
from kybern.client.informer import Informer
from kybern.client.inprocess import InProcessTransport
from kybern.controllers.config import Config
from kybern.controllers.run import run_all
from kybern.storage.memory import MemoryBackend
from kybern.transport.exchange import Request

TIMEOUT_SECONDS = 90


class Machine:
    """The node: what it sees it says to run, what is deleted it lets go. Images ending in `broken` are never ready,
    `job` ends well at once, `fails` ends badly."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.pods = Informer(client, Pod, clock=SystemClock(), source=random.Random(2))
        self._changed: asyncio.Queue[Pod] = asyncio.Queue()
        self.pods.subscribe(lambda event, new, old: self._changed.put_nowait(new) if new is not None else None)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pods.run())
            while True:
                pod = await self._changed.get()
                try:
                    await self._settle(pod)
                except KybernError:
                    continue  # It is gone, or changed meanwhile: the next event tells.

    async def _settle(self, pod: Pod) -> None:
        meta = pod.metadata
        if meta.deletion_timestamp:
            if pod.status.phase not in ("Succeeded", "Failed"):
                await self._report(pod, "Failed")
            await self.client.delete(Pod, meta.name, meta.namespace, uid=meta.uid, grace_period_seconds=0)
        elif pod.status.phase in ("", "Pending"):
            image = pod.spec.containers[0].image
            phase = {"job": "Succeeded", "fails": "Failed"}.get(image, "Running")
            await self._report(pod, phase, ready=phase == "Running" and not image.endswith("broken"))

    async def _report(self, pod: Pod, phase: str, *, ready: bool = False) -> None:
        now = format_time(SystemClock().now())
        conditions = [{"type": "Ready", "status": str(ready), "lastTransitionTime": now}]
        status = {"phase": phase, "conditions": conditions, "podIP": "10.244.0.9", "podIPs": [{"ip": "10.244.0.9"}]}
        meta = pod.metadata
        await self.client.patch(Pod, meta.name, meta.namespace, {"status": status}, subresource="status")


class Plane:
    """What a test holds."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> None:
        """Wait for a state of the world."""
        last: Any = None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while True:
                    last = await condition()
                    if last:
                        return
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"never came true (last: {last!r})") from None

    async def count(self, kind: type[Any], **query: Any) -> int:
        return len((await self.client.list(kind, "default", **query)).items)


@asynccontextmanager
async def plane(
    controllers: Sequence[str] = ("*",), *, clock: Clock | None = None, **config: Any
) -> AsyncIterator[Plane]:
    """Server, controllers and node, until the block ends. `clock`: the controllers'."""
    server_clock, source = SystemClock(), random.Random(1)
    backend = MemoryBackend(server_clock)
    server = ApiServer(ApiServerConfig(authorization_mode=("AlwaysAllow",)), backend, server_clock, RandomIds(source))
    await server.start()
    client = Client(InProcessTransport(server, Request))
    for name in ("default", "kube-system"):
        try:
            await client.create(Namespace(metadata=ObjectMeta(name=name)))
        except AlreadyExists:
            continue
    chosen = Config(controllers=tuple(controllers), **config)
    tasks = [
        asyncio.create_task(run_all(chosen, client, clock or server_clock, RandomIds(source), source)),
        asyncio.create_task(Machine(client).run()),
    ]
    try:
        yield Plane(client)
        for task in tasks:
            assert not task.done(), task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop()
        await backend.close()


async def ready_node(client: Client, name: str) -> Node:
    """A Node that says it is Ready."""
    await client.create(Node(metadata=ObjectMeta(name=name)))
    now = format_time(SystemClock().now())
    condition = {"type": "Ready", "status": "True", "lastHeartbeatTime": now, "lastTransitionTime": now}
    return await client.patch(Node, name, "", {"status": {"conditions": [condition]}}, subresource="status")
