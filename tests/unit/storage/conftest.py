"""Every backend under one name, and what tests of stores need: a watch that they read."""

import asyncio
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
from tests.unit.hand_clock import HandClock

from .etcd_server import etcd_server, needs_etcd

EVERYTHING = Rule(("*.*",), (Provider("aesgcm", (Key("first", b"k" * 32),)),))
"""Encrypts all."""
PATIENCE_SECONDS = 60.0


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
