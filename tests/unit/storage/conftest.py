"""Every backend under one name, and what tests of stores need: a clock that tests turn, a watch that they read."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kybern.apiserver.encryption.configuration import Key, Provider, Rule
from kybern.apiserver.encryption.encrypted_backend import EncryptedBackend
from kybern.apiserver.encryption.keyring import Keyrings
from kybern.storage.backend import Backend, Event
from kybern.storage.etcd import EtcdBackend
from kybern.storage.etcd.layout import Moved
from kybern.storage.memory import MemoryBackend
from kybern.storage.sqlite import SqliteBackend

from .etcd_server import etcd_server, needs_etcd

EVERYTHING = Rule(("*.*",), (Provider("aesgcm", (Key("first", b"k" * 32),)),))
"""Encrypts all."""
PATIENCE_SECONDS = 60.0


class HandClock:
    """A clock that stands until a test turns it."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.time + seconds, self._count, future))
        await future

    async def turn(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.time += seconds
        while self._sleepers and self._sleepers[0][0] <= self.time:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)
        await asyncio.sleep(0)


class Tape:
    """What a watch has told so far."""

    def __init__(self, source: AsyncIterator[Sequence[Event]]) -> None:
        self.events: list[Event] = []
        self._source = source

    async def until(self, count: int) -> list[Event]:
        """Read on until `count` events have come."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.events) < count:
                self.events += await anext(self._source)
        return self.events


Make = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def opened(kind: str, folder: Path, **options: Any) -> AsyncIterator[Backend]:
    """A store of a kind; a durable one is opened again from the same folder."""
    backend: Backend
    if kind == "memory":
        backend = MemoryBackend(options.get("clock"))
    elif kind == "encrypted":
        backend = EncryptedBackend(MemoryBackend(options.get("clock")), Keyrings([EVERYTHING]), lambda key: "secrets")
    elif kind == "etcd":
        async with etcd_server(folder) as url:
            backend = await EtcdBackend.open([url], clock=options.get("clock"), layout=Moved("/tests/"))
            try:
                yield backend
            finally:
                await backend.close()
        return
    else:
        backend = await SqliteBackend.open(folder / "store.db", **options)
    try:
        yield backend
    finally:
        await backend.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "encrypted", "sqlite", pytest.param("etcd", marks=needs_etcd)])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> AsyncIterator[Backend]:
    async with opened(request.param, tmp_path, clock=clock) as backend:
        yield backend


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.002)
