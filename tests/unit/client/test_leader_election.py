"""Leadership: one at a time, handed over when it is let go or grows old."""

import asyncio
import random

import pytest

from kybern.api.types.coordination_v1 import Lease
from kybern.client.client import Client
from kybern.client.inprocess import InProcessTransport
from kybern.client.leader_election import LeaderElector, LeadershipLost, LeaseTiming
from kybern.transport.exchange import Request
from tests.unit.hand_clock import HandClock, settle

from .tiny_api import TinyApi, status

TIMING = LeaseTiming(lease_duration_seconds=15, renew_deadline_seconds=10, retry_period_seconds=2)


class World:
    def __init__(self) -> None:
        self.api = TinyApi()
        self.client = Client(InProcessTransport(self.api.handle, Request))
        self.leading: list[str] = []
        self.clock = HandClock()

    def start(self, identity: str) -> asyncio.Task[None]:
        elector = LeaderElector(self.client, "lock", identity, clock=self.clock, source=random.Random(1), timing=TIMING)

        async def lead() -> None:
            self.leading.append(identity)
            try:
                await asyncio.Event().wait()
            finally:
                self.leading.remove(identity)

        return asyncio.create_task(elector.run(lead))

    async def pass_by(self, seconds: int) -> None:
        """Let time pass: in each second all do what they have to do."""
        for _ in range(seconds):
            await self.clock.turn(1)
            await settle()
            assert len(self.leading) <= 1

    async def led_by(self, identity: str, *, within: int = 0) -> None:
        """It leads, after so many seconds at the latest."""
        await settle()
        while self.leading != [identity] and within:
            within -= 1
            await self.pass_by(1)
        assert self.leading == [identity]


async def test_one_leads_and_the_next_follows_at_once_when_it_stops() -> None:
    world = World()
    first = world.start("a")
    await world.led_by("a")
    second = world.start("b")
    await world.pass_by(60)
    assert world.leading == ["a"]
    first.cancel()
    await world.led_by("b", within=5)
    lease = await world.client.get(Lease, "lock", "kube-system")
    assert (lease.spec.holder_identity, lease.spec.lease_transitions) == ("b", 1)
    second.cancel()


async def test_a_lease_that_cannot_be_renewed_ends_the_work() -> None:
    world = World()
    task = world.start("a")
    await world.led_by("a")
    world.api.faults += [status(500, "InternalError", "down")] * 1000
    await world.pass_by(9)
    assert world.leading == ["a"], "what is down for a moment takes nobody's lease away"
    await world.pass_by(3)
    with pytest.raises(LeadershipLost):
        await task
    assert world.leading == []


async def test_the_lease_of_one_that_died_grows_old() -> None:
    world = World()
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 15, "leaseTransitions": 4}
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/lock"
    await world.api.put(path, {"metadata": {"name": "lock", "namespace": "kube-system"}, "spec": spec}, "ADDED")
    task = world.start("b")
    await settle()
    await world.pass_by(14)
    assert world.leading == []
    await world.led_by("b", within=6)
    task.cancel()
