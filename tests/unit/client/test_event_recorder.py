"""Events as they are written."""

import asyncio

from kybern.api.types.core_v1 import ConfigMap
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import SystemClock
from kybern.client.client import Client
from kybern.client.event_correlator import COMBINED_PREFIX, SIMILAR_LIMIT
from kybern.client.events import EventRecorder
from kybern.client.inprocess import InProcessTransport
from kybern.transport.exchange import Request

from .tiny_api import TinyApi

MAP = ConfigMap(metadata=ObjectMeta(name="m", namespace="default", uid="u"))
EVENTS = "/api/v1/namespaces/default/events"


async def test_a_combined_event_has_a_source_and_no_reporter() -> None:
    api, clock = TinyApi(), SystemClock()
    events = EventRecorder(Client(InProcessTransport(api.handle, Request)), "test-controller", clock=clock)
    for number in range(SIMILAR_LIMIT):
        events.event(MAP, "Warning", "Odd", f"m{number}")
    task = asyncio.create_task(events.run())
    async with asyncio.timeout(60):
        while len(written := [each for path, each in api.objects.items() if path.startswith(EVENTS)]) < SIMILAR_LIMIT:
            await asyncio.sleep(0.005)
    task.cancel()
    told = {each["message"]: (each["source"]["component"], each.get("reportingComponent", "")) for each in written}
    assert told["m0"] == ("test-controller", "test-controller")
    assert told[f"{COMBINED_PREFIX}m{SIMILAR_LIMIT - 1}"] == ("test-controller", "")
