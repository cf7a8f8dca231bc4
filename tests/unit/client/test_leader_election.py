"""Leadership: one at a time, handed over when it is let go or grows old."""

import asyncio
import random

import pytest

from kybern.api.types.coordination_v1 import Lease
from kybern.base.clock import SystemClock
from kybern.client.client import Client
from kybern.client.inprocess import InProcessTransport
from kybern.client.leader_election import LeaderElector, LeadershipLost, LeaseTiming
from kybern.transport.exchange import Request

from .tiny_api import TinyApi, status

TIMING = LeaseTiming(lease_duration_seconds=1, renew_deadline_seconds=0.3, retry_period_seconds=0.05)


class World:
    def __init__(self) -> None:
        self.api = TinyApi()
        self.client = Client(InProcessTransport(self.api.handle, Request))
        self.leading: list[str] = []
        self.changed = asyncio.Event()

    def start(self, identity: str) -> asyncio.Task[None]:
        elector = LeaderElector(
            self.client, "lock", identity, clock=SystemClock(), source=random.Random(1), timing=TIMING
        )

        async def lead() -> None:
            self.leading.append(identity)
            self.changed.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.leading.remove(identity)

        return asyncio.create_task(elector.run(lead))

    async def led_by(self, identity: str) -> None:
        async with asyncio.timeout(10):
            while self.leading != [identity]:
                assert len(self.leading) <= 1
                self.changed.clear()
                await self.changed.wait()


async def test_one_leads_and_the_next_follows_at_once_when_it_stops() -> None:
    world = World()
    first = world.start("a")
    await world.led_by("a")
    second = world.start("b")
    await asyncio.sleep(0.2)
    assert world.leading == ["a"]
    first.cancel()
    await world.led_by("b")
    lease = await world.client.get(Lease, "lock", "kube-system")
    assert (lease.spec.holder_identity, lease.spec.lease_transitions) == ("b", 1)
    second.cancel()


async def test_a_lease_that_cannot_be_renewed_ends_the_work() -> None:
    world = World()
    task = world.start("a")
    await world.led_by("a")
    world.api.faults += [status(500, "InternalError", "down")] * 1000
    with pytest.raises(LeadershipLost):
        await asyncio.wait_for(task, 10)
    assert world.leading == []


async def test_the_lease_of_one_that_died_grows_old() -> None:
    world = World()
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 1, "leaseTransitions": 4}
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/lock"
    await world.api.put(path, {"metadata": {"name": "lock", "namespace": "kube-system"}, "spec": spec}, "ADDED")
    task = world.start("b")
    await asyncio.sleep(0.3)
    assert world.leading == []
    await world.led_by("b")
    task.cancel()
