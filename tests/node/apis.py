"""An API server in this process, and the Pods that a kubelet under test takes from it."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

from kybern.api.types import convert
from kybern.api.types.core_v1 import Event, Namespace, Node, Pod, ServiceAccount
from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.server import ApiServer
from kybern.base.clock import SystemClock
from kybern.base.errors import AlreadyExists, NotFound
from kybern.base.ids import RandomIds
from kybern.client.client import Client
from kybern.client.inprocess import InProcessTransport
from kybern.storage.memory import MemoryBackend
from kybern.transport.exchange import Request

from .kubelets import NODE, TIMEOUT_SECONDS


@contextlib.asynccontextmanager
async def api() -> AsyncIterator[Client]:
    clock = SystemClock()
    server = ApiServer(
        ApiServerConfig(authorization_mode=("AlwaysAllow",)),
        MemoryBackend(clock),
        clock,
        RandomIds(random.SystemRandom()),  # Each test's Pods have uids of their own: containerd is shared.
    )
    await server.start()
    client = Client(InProcessTransport(server, Request))
    try:
        account = ServiceAccount(automount_service_account_token=False)
        account.metadata.namespace = "default"
        for made, name in ((Namespace(), "default"), (Node(), NODE), (account, "default")):
            made.metadata.name = name
            with contextlib.suppress(AlreadyExists):
                await client.create(made)
        yield client
    finally:
        await server.stop()


def pod(name: str, **spec: Any) -> Pod:
    plain = {"metadata": {"name": name, "namespace": "default"}, "spec": {"nodeName": NODE, **spec}}
    return convert(plain, Pod)


async def wait_for(client: Client, name: str, **expected: str) -> Pod:
    """Until the Pod's status has the expected words."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            found = await client.get(Pod, name, "default")
            conditions = {condition.type: condition.status for condition in found.status.conditions}
            if all({**conditions, "phase": found.status.phase}.get(key) == value for key, value in expected.items()):
                return found
            await asyncio.sleep(0.05)


async def wait_gone(client: Client, name: str) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        with contextlib.suppress(NotFound):
            while True:
                await client.get(Pod, name, "default")
                await asyncio.sleep(0.05)


async def events_of(client: Client, name: str, reason: str) -> list[str]:
    """The messages of the events about a Pod that have this reason."""
    found = (await client.list(Event, "default")).items
    return [each.message for each in found if each.involved_object.name == name and each.reason == reason]


async def wait_event(client: Client, name: str, reason: str, part: str) -> str:
    """Until there is an event of this reason whose message holds `part`; the message."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                for message in await events_of(client, name, reason):
                    if part in message:
                        return message
                await asyncio.sleep(0.05)
    except TimeoutError as late:
        events = (await client.list(Event, "default")).items
        told = [f"{each.involved_object.name}: {each.reason}: {each.message}" for each in events]
        raise AssertionError(f"no event {reason} about {name} with {part!r} among:\n" + "\n".join(told)) from late
