"""The loop: converges, never acts twice on one cause, tries again what failed."""

import asyncio
import random
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

from kybern.api.types.core_v1 import ConfigMap, Event, Secret
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import SystemClock
from kybern.base.ids import RandomIds
from kybern.client.client import Client
from kybern.client.cluster import Cluster
from kybern.client.inprocess import InProcessTransport
from kybern.client.objects import Key, controller_reference
from kybern.client.plan import Create, Delete, Done, Outcome, Plan
from kybern.client.reconciler import Controller, run_controllers
from kybern.client.watches import watch
from kybern.trace import ring
from kybern.transport.exchange import Request

from .tiny_api import TinyApi, status

MAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"
WATCHES = watch(ConfigMap).owns(Secret)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Keeps data.count Secrets alive."""
    owner = cluster.get(ConfigMap, key)
    if owner is None:
        return Done()
    return await cluster.apply(decide(owner, cluster.owned_by(owner, Secret)))


def decide(owner: ConfigMap, owned: list[Secret]) -> Plan:
    plan = Plan(owner)
    for _ in range(int(owner.data["count"]) - len(owned)):
        meta = ObjectMeta(generate_name="s-", namespace="default", owner_references=[controller_reference(owner)])
        done = plan.notice("Normal", "Created", "Created secret: {name}")
        plan.creates.append(Create(Secret(metadata=meta), done=done))
    for each in owned[int(owner.data["count"]) :]:
        plan.deletes.append(Delete(each))
    return plan


@asynccontextmanager
async def running(api: TinyApi):  # type: ignore[no-untyped-def]
    client = Client(InProcessTransport(api.handle, Request))
    source = random.Random(1)
    controller = Controller("test-controller", WATCHES, reconcile)
    task = asyncio.create_task(
        run_controllers(client, [controller], clock=SystemClock(), ids=RandomIds(source), source=source)
    )
    yield client
    assert not task.done(), task
    task.cancel()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # Any state of the world may be waited for.
            await asyncio.sleep(0.005)


def paths(api: TinyApi, prefix: str) -> list[str]:
    return [path for path in api.objects if path.startswith(prefix)]


async def set_count(api: TinyApi, count: int) -> None:
    meta = {"name": "m", "namespace": "default", "uid": "map"}
    event = "MODIFIED" if f"{MAPS}/m" in api.objects else "ADDED"
    await api.put(f"{MAPS}/m", {"metadata": meta, "data": {"count": str(count)}}, event)


async def test_converges_and_acts_once() -> None:
    api = TinyApi()
    api.lag_seconds["secrets"] = 0.1
    await set_count(api, 20)
    async with running(api):
        await until(lambda: len(paths(api, SECRETS)) == 20)
        await set_count(api, 20)  # Wakes the key while the cache does not show the Secrets yet.
        await asyncio.sleep(0.05)
        await until(lambda: len(paths(api, SECRETS)) == 20)
        await set_count(api, 3)
        await until(lambda: len(paths(api, SECRETS)) == 3)
        await api.remove(paths(api, SECRETS)[0])
        await until(lambda: len(paths(api, SECRETS)) == 3)
        await until(lambda: len(ring) and any("Converged" in key for key in ring._unshipped))
        created = [path for method, path in api.requests if method == "POST" and path == SECRETS]
        deleted = [path for method, path in api.requests if method == "DELETE"]
    assert len(created) == 21, "a stale cache made it act twice"
    assert len(deleted) == 17


async def test_a_failed_write_is_tried_again_and_others_are_not_tried_in_vain() -> None:
    api = TinyApi()
    async with running(api) as client:
        await until(lambda: len(api.requests) >= 4)  # Both kinds are listed and watched.
        api.faults += [status(403, "Forbidden", "exceeded quota")]
        await set_count(api, 8)
        await until(lambda: len(paths(api, SECRETS)) == 8)
        events = (await client.list(Event, "default")).items
    assert all(event.source and event.source.component == "test-controller" for event in events)


async def test_events_are_written_with_the_name_of_what_was_made() -> None:
    api = TinyApi()
    async with running(api) as client:
        await set_count(api, 1)
        await until(lambda: paths(api, "/api/v1/namespaces/default/events"))
        event = (await client.list(Event, "default")).items[0]
    name = paths(api, SECRETS)[0].rpartition("/")[2]
    assert (event.reason, event.message, event.involved_object.kind) == (
        "Created",
        f"Created secret: {name}",
        "ConfigMap",
    )
