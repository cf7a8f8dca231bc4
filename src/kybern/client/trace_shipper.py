"""Takes this process' decisions to the API server, in batches, as a courtesy: it never blocks and never insists.

An API server other than Kybern's has no such resource; the ring then keeps the newest decisions in this process.
"""

import logging

import msgspec

from kybern.base.clock import Clock
from kybern.base.errors import Unreachable
from kybern.client.client import Client
from kybern.client.transport import HttpRequest
from kybern.trace import Decision, Ring, ring

log = logging.getLogger(__name__)

DECISIONS_PATH = "/apis/kybern.dev/v1/decisions"
BATCH_LIMIT = 200
"""Decisions in one request; about 100 kB."""

PERIOD_SECONDS = 1.0
UNAVAILABLE_PERIOD_SECONDS = 15.0
"""How long a server that cannot be reached, or knows no decisions, is left alone."""


async def ship_traces(client: Client, *, clock: Clock, source: Ring = ring) -> None:
    """Ship until cancelled. A batch that does not arrive is lost; the next is taken once the server takes any."""
    while True:
        await clock.sleep(PERIOD_SECONDS)
        if not len(source):
            continue
        accepted = await _send(client, [])
        while accepted and len(source):
            accepted = await _send(client, source.take(BATCH_LIMIT))
        if not accepted:
            await clock.sleep(UNAVAILABLE_PERIOD_SECONDS)


async def _send(client: Client, batch: list[Decision]) -> bool:
    try:
        body = msgspec.json.encode({"items": batch})
        answer = await client.transport.request(HttpRequest("POST", DECISIONS_PATH, body=body))
    except Unreachable as error:
        log.debug("decisions are lost: %s", error)
        return False
    return answer.status < 300
