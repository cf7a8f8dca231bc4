"""A plan's way to the server: what failed is told, what is gone is not."""

import asyncio
from collections.abc import Mapping

import pytest

from kybern.api.types.core_v1 import ConfigMap
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import SystemClock
from kybern.client.apply import Applier
from kybern.client.client import Client
from kybern.client.events import EventRecorder
from kybern.client.inprocess import InProcessTransport
from kybern.client.plan import Patch, Plan
from kybern.transport.exchange import Request

from .tiny_api import TinyApi, status

MAP = ConfigMap(metadata=ObjectMeta(name="m", namespace="default", uid="u"))
EVENTS = "/api/v1/namespaces/default/events"


@pytest.mark.parametrize(("code", "reason", "told"), [(403, "Forbidden", 1), (404, "NotFound", 0)])
async def test_a_patch_that_fails_is_told_unless_its_object_is_gone(code: int, reason: str, told: int) -> None:
    api, clock = TinyApi(), SystemClock()
    client = Client(InProcessTransport(api.handle, Request))
    events = EventRecorder(client, "test-controller", clock=clock)
    plan = Plan(MAP)
    plan.patches.append(Patch(MAP, {}, failed=plan.notice("Warning", "NotSet", "It can not be set: {error}")))
    api.faults += [status(code, reason, "no")]
    errors = await Applier(client, events, "test-controller").apply(plan)
    assert len(errors) == told
    plan = Plan(MAP)
    plan.event("Normal", "Last", "whatever came before is written")
    await Applier(client, events, "test-controller").apply(plan)
    task = asyncio.create_task(events.run())
    async with asyncio.timeout(60):
        while not (written := _reasons(api)) or "Last" not in written:
            await asyncio.sleep(0.005)
    task.cancel()
    assert written == {**({"NotSet": "It can not be set: no"} if told else {}), "Last": plan.events[0].message}


def _reasons(api: TinyApi) -> Mapping[str, str]:
    return {each["reason"]: each["message"] for path, each in api.objects.items() if path.startswith(EVENTS)}
