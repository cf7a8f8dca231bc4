"""The informer: what is in its cache follows the server whatever happens to watches."""

import asyncio
import random
from collections.abc import Callable

import pytest

from kybern.api.types.core_v1 import ConfigMap
from kybern.base.clock import SystemClock
from kybern.client.client import Client
from kybern.client.informer import PAGE_SIZE, Informer
from kybern.client.inprocess import InProcessTransport
from kybern.client.objects import Key
from kybern.transport.exchange import Request, Response

from .tiny_api import TinyApi, status

BASE = "/api/v1/namespaces/default/configmaps"
PATIENCE_SECONDS = 60.0


class HurriedClock(SystemClock):
    """Nobody waits long between two attempts."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 100)


class World:
    """An API and an informer that follows it."""

    def __init__(self) -> None:
        self.api = TinyApi()
        client = Client(InProcessTransport(self.api.handle, Request))
        self.informer = Informer(client, ConfigMap, clock=HurriedClock(), source=random.Random(1))
        self.told: list[tuple[str, str]] = []
        self.informer.subscribe(
            lambda event, new, old: self.told.append((event, (new or old).metadata.name if new or old else ""))
        )

    async def put(self, name: str, value: str = "", uid: str = "u") -> None:
        meta = {"name": name, "namespace": "default", "uid": uid}
        event = "MODIFIED" if f"{BASE}/{name}" in self.api.objects else "ADDED"
        await self.api.put(f"{BASE}/{name}", {"metadata": meta, "data": {"v": value}}, event)

    def seen(self) -> dict[str, str]:
        return {each.metadata.name: each.data["v"] for each in self.informer.list()}

    async def until(self, condition: Callable[[], bool]) -> None:
        done = asyncio.Event()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # Any state of the world may be waited for.
                self.informer.when(condition, done.set)
                await asyncio.sleep(0.005)

    async def sees(self, expected: dict[str, str]) -> None:
        await self.until(lambda: self.seen() == expected)


@pytest.fixture
async def world():  # type: ignore[no-untyped-def]
    world = World()
    await world.put("a", "1")
    await world.put("b", "1")
    task = asyncio.create_task(world.informer.run())
    await asyncio.wait_for(world.informer.synced(), PATIENCE_SECONDS)
    yield world
    task.cancel()


async def test_lists_and_follows(world: World) -> None:
    assert world.seen() == {"a": "1", "b": "1"}
    await world.put("a", "2")
    await world.put("c", "1")
    await world.api.remove(f"{BASE}/b")
    await world.sees({"a": "2", "c": "1"})
    assert world.told == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("ADDED", "c"), ("DELETED", "b")]
    assert world.informer.revision == world.api.revision


async def test_resumes_where_the_watch_ended(world: World) -> None:
    await world.api.end_watches()
    await world.put("a", "2")
    await world.sees({"a": "2", "b": "1"})
    lists = [path for method, path in world.api.requests if method == "GET"]
    assert world.told.count(("ADDED", "a")) == 1
    assert len(lists) >= 2


async def test_lists_anew_when_history_is_gone(world: World) -> None:
    await world.api.end_watches()
    await world.put("a", "2")
    await world.api.remove(f"{BASE}/b")
    await world.put("c", "1")
    await world.api.forget()
    await world.sees({"a": "2", "c": "1"})
    assert ("DELETED", "b") in world.told


async def test_a_refusing_server_is_asked_again(world: World) -> None:
    world.api.faults += [status(503, "ServiceUnavailable", "starting")] * 3
    await world.api.end_watches()
    await world.put("a", "3")
    await world.sees({"a": "3", "b": "1"})


@pytest.mark.parametrize("torn", [b'{"type":"MODIFIED","object":{"meta', b"<html>", b'{"type":"MODIFIED"}\n'])
async def test_a_watch_that_tears_within_an_event_is_begun_anew(world: World, torn: bytes) -> None:
    world.api.faults.append(Response(200, torn))
    await world.api.end_watches()
    await world.put("a", "2")
    await world.sees({"a": "2", "b": "1"})


async def test_never_steps_back(world: World) -> None:
    await world.put("a", "2")
    await world.sees({"a": "2", "b": "1"})
    old = {"metadata": {"name": "a", "namespace": "default", "uid": "u", "resourceVersion": "11"}, "data": {"v": "1"}}
    world.api.revision += 1
    await world.api._tell("MODIFIED", f"{BASE}/a", old)
    await world.put("b", "2")
    await world.sees({"a": "2", "b": "2"})


async def test_another_object_of_the_same_name_is_a_deletion_and_an_addition(world: World) -> None:
    await world.put("a", "2", uid="other")
    await world.sees({"a": "2", "b": "1"})
    assert world.told[2:] == [("DELETED", "a"), ("ADDED", "a")]


async def test_index(world: World) -> None:
    world.informer.add_index("value", lambda each: [each.data["v"]])
    assert len(world.informer.by_index("value", "1")) == 2
    await world.put("a", "2")
    await world.sees({"a": "2", "b": "1"})
    assert [each.metadata.name for each in world.informer.by_index("value", "1")] == ["b"]
    assert world.informer.get(Key("default", "a")) in world.informer.by_index("value", "2")


async def test_pages() -> None:
    world = World()
    for number in range(PAGE_SIZE * 2 + 1):
        await world.put(f"n{number}", "1")
    task = asyncio.create_task(world.informer.run())
    await asyncio.wait_for(world.informer.synced(), PATIENCE_SECONDS)
    task.cancel()
    assert len(world.informer.list()) == PAGE_SIZE * 2 + 1
    assert len([path for method, path in world.api.requests]) >= 3


async def test_a_store_that_was_restored_from_a_backup_counts(world: World) -> None:
    for _ in range(10):
        await world.put("a", "9")
    await world.sees({"a": "9", "b": "1"})
    world.api.objects.clear()
    world.api.history.clear()
    world.api.revision = 5
    await world.put("a", "old")
    await world.api.end_watches()
    await world.sees({"a": "old"})
    await world.put("a", "new")
    await world.sees({"a": "new"})
