"""Informers against a server and a network that fail: dropped and torn watches, lost history, restarts, slow readers.

What client-go's reflectors rely on holds whatever happens: on the wire, versions only grow; told to handlers, no object is
added twice, none steps back; an informer that never had to list anew has been told of every single write; and in the
end everyone has what the server has. KYBERN_INFORMER_WRITES tells how many writes; a failure prints the seed.
"""

import asyncio
import os
import random
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from kybern.api.types.core_v1 import ConfigMap
from kybern.base.clock import SystemClock
from kybern.base.errors import Unreachable
from kybern.client.client import Client
from kybern.client.informer import Informer
from kybern.client.inprocess import InProcessTransport
from kybern.client.objects import revision_of
from kybern.client.transport import HttpAnswer, HttpRequest, HttpStream
from kybern.storage.sqlite.backend import SqliteBackend
from kybern.transport.exchange import Request
from tests.cluster.api_server import ADMIN, Api, api_server

WRITES = int(os.environ.get("KYBERN_INFORMER_WRITES", "2400"))
SEEDS = range(int(os.environ.get("KYBERN_INFORMER_SEEDS", "2")))
WRITERS = 20
KEYS = 40
WINDOW, LINES = 150, 30
PATIENCE_SECONDS = 90
MAPS = "/api/v1/namespaces/{}/configmaps"
SELECTIONS: list[dict[str, str]] = [
    {},
    {},
    {"namespace": "default"},
    {"label_selector": "side=left"},
    {"label_selector": "side!=left", "namespace": "default"},
    {"field_selector": "metadata.name=k3"},
]


class HastyClock(SystemClock):
    """Pauses take a hundredth of their time."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 100)


class Network:
    """A transport that fails as networks do, to a server that may be another one from one moment to the next."""

    def __init__(self, chance: random.Random, *, calm: bool = False) -> None:
        self.api: Api | None = None
        self.lists = 0
        self.calm = calm
        """Whether nothing but the server fails."""
        self._chance = chance

    def happens(self, probability: float) -> bool:
        return not self.calm and self._chance.random() < probability

    async def request(self, request: HttpRequest) -> HttpAnswer:
        answer = await self._transport().request(request)
        if self.happens(0.1):
            raise Unreachable("the answer was lost")
        self.lists += "continue" not in request.query
        return answer

    async def stream(self, request: HttpRequest) -> HttpStream:
        if self.happens(0.2):
            raise Unreachable("no connection")
        stream = await self._transport().stream(request)
        return Line(self, stream, int(request.query["resourceVersion"]))

    async def close(self) -> None:
        pass

    def _transport(self) -> InProcessTransport:
        if self.api is None:
            raise Unreachable("the server is down")
        return InProcessTransport(self.api.server, Request, context={"user": ADMIN})

    async def dawdle(self) -> None:
        """A slow reader: others come and write meanwhile."""
        for _ in range(self._chance.randrange(400)):
            await asyncio.sleep(0)

    def somewhere(self, piece: bytes) -> int:
        return self._chance.randrange(len(piece))


class Line:
    """One watch: versions only grow on it; it may tear in the middle of an event, with an end or with an error."""

    def __init__(self, network: Network, stream: HttpStream, after: int) -> None:
        self.status = stream.status
        self.headers = stream.headers
        self._network = network
        self._stream = stream
        self._after = after
        self._torn = False

    async def read(self) -> bytes:
        if self._torn:
            if self._network.happens(0.5):
                raise Unreachable("the connection broke")
            return b""
        if self._network.happens(0.05):
            await self._network.dawdle()
        piece = await self._stream.read()
        for line in piece.splitlines():
            self._check(orjson.loads(line))
        if piece and self._network.happens(0.02):
            self._torn = True
            return piece[: self._network.somewhere(piece)]
        return piece

    def _check(self, event: Any) -> None:
        if event["type"] == "ERROR":
            return
        version = int(event["object"]["metadata"]["resourceVersion"])
        assert version > self._after or (event["type"] == "BOOKMARK" and version == self._after), event
        self._after = version

    def close(self) -> None:
        self._stream.close()


class Follower:
    """An informer, and what its handler was told."""

    def __init__(self, seed: int, selection: dict[str, str], *, calm: bool) -> None:
        self.selection = selection
        self.network = Network(random.Random(seed), calm=calm)
        self.informer = Informer(
            Client(self.network), ConfigMap, clock=HastyClock(), source=random.Random(seed), **selection
        )
        self.known: dict[tuple[str, str], tuple[str, int]] = {}
        self.told: list[tuple[str, int]] = []
        self.faults: list[Any] = []
        """What an informer must not tell: an addition of what is there, a change of what is not, a step back."""
        self.revision = 0
        self.informer.subscribe(self.hear)

    def hear(self, event: str, new: ConfigMap | None, old: ConfigMap | None) -> None:
        obj = new or old
        assert obj is not None
        key = (obj.metadata.namespace, obj.metadata.name)
        known, version = self.known.get(key), revision_of(obj)
        fair = (known is None) == (event == "ADDED")
        if known is not None:
            fair &= event == "DELETED" or (known[0] == obj.metadata.uid and version > known[1])
        if not fair or self.informer.revision < self.revision:
            self.faults.append((event, key, version, known, self.informer.revision))
        self.revision = self.informer.revision
        self.told.append((event, version))
        if event == "DELETED":
            del self.known[key]
        else:
            self.known[key] = (obj.metadata.uid, version)

    def has(self) -> dict[str, str | None]:
        return {f"{each.metadata.namespace}/{each.metadata.name}": each.data.get("n") for each in self.informer.list()}

    async def converge(self, api: Api) -> None:
        namespace = self.selection.get("namespace")
        query = {"labelSelector": self.selection.get("label_selector", "")}
        query["fieldSelector"] = self.selection.get("field_selector", "")
        path = MAPS.format(namespace) if namespace else "/api/v1/configmaps"
        answer = await api("GET", path, **{key: value for key, value in query.items() if value})
        metadata = [each["metadata"] for each in answer.body["items"]]
        keys = [f"{each['namespace']}/{each['name']}" for each in metadata]
        expected = dict(zip(keys, [each["data"].get("n") for each in answer.body["items"]], strict=True))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.has() != expected:  # Torn connections have no event of their own to wait for.
                await asyncio.sleep(0.01)


class World:
    """A store that outlives its servers, writers, and followers."""

    def __init__(self, path: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.followers = [
            Follower(seed * 100 + number, selection, calm=number == 0) for number, selection in enumerate(SELECTIONS)
        ]
        self._path = path
        self._stack = AsyncExitStack()

    async def start(self) -> Api:
        backend = await SqliteBackend.open(self._path)
        self._stack.push_async_callback(backend.close)
        self.api = await self._stack.enter_async_context(api_server(backend))
        for follower in self.followers:
            follower.network.api = self.api
        return self.api

    async def stop(self) -> None:
        for follower in self.followers:
            follower.network.api = None
        await self._stack.aclose()

    async def write(self, number: int) -> None:
        name, namespace = f"k{self.chance.randrange(KEYS)}", self.chance.choice(("default", "other"))
        path = MAPS.format(namespace)
        labels = {"side": self.chance.choice(("left", "right"))}
        body = {"metadata": {"name": name, "labels": labels}, "data": {"n": str(number)}}
        if self.chance.random() < 0.2:
            answer = await self.api("DELETE", f"{path}/{name}")
        else:
            answer = await self.api.patch(f"{path}/{name}", body)
            if answer.status == 404:
                answer = await self.api("POST", path, body)
        assert answer.status in (200, 201, 404, 409), answer

    async def write_all(self, start: int, count: int) -> None:
        for first in range(start, start + count, WRITERS):
            await asyncio.gather(*(self.write(number) for number in range(first, first + WRITERS)))


@pytest.mark.parametrize("seed", SEEDS)
async def test_informers_converge_whatever_fails(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.cache.resource_cache.WINDOW_LIMIT", WINDOW)
    monkeypatch.setattr("kybern.apiserver.cache.watcher.LINES_LIMIT", LINES)
    world = World(tmp_path / "s.db", seed)
    api = await world.start()
    await api.create("/api/v1/namespaces", {"metadata": {"name": "other"}})
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follower.informer.run()) for follower in world.followers]
        for part in range(3):
            await world.write_all(part * WRITES // 3, WRITES // 3)
            if part < 2:
                await world.stop()
                api = await world.start()
        for follower in world.followers:
            await follower.converge(api)
        for task in tasks:
            task.cancel()
    await world.stop()
    assert [follower.faults for follower in world.followers] == [[]] * len(world.followers)
    assert all(len(follower.told) > 1 for follower in world.followers)
    assert sum(follower.network.lists for follower in world.followers) > len(SELECTIONS), "nothing was ever lost"


async def test_who_need_not_list_anew_is_told_of_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Watches tear all the time, but the server's window reaches back far enough."""
    monkeypatch.setattr("kybern.apiserver.cache.watcher.LINES_LIMIT", LINES)
    world = World(tmp_path / "s.db", 7)
    api = await world.start()
    await api.create("/api/v1/namespaces", {"metadata": {"name": "other"}})
    followers = [follower for follower in world.followers if not follower.selection]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follower.informer.run()) for follower in followers]
        for follower in followers:
            await follower.informer.synced()
        first = await api("GET", "/api/v1/configmaps")
        written: list[tuple[str, int]] = []
        api.server.cache["configmaps"].listen(lambda change: written.append((_kind(change), change.revision)))
        await world.write_all(0, min(WRITES, 2000))
        for follower in followers:
            await follower.converge(api)
        for task in tasks:
            task.cancel()
    await world.stop()
    after = int(first.body["metadata"]["resourceVersion"])
    for follower in followers:
        assert follower.faults == []
        assert follower.network.lists == 1
        assert [(event, version) for event, version in follower.told if version > after] == written


def _kind(change: Any) -> str:
    if change.new is None:
        return "DELETED"
    return "MODIFIED" if change.old is not None else "ADDED"
