"""What is etcd's own: TLS, prefixes, other processes on the same keys, members and streams that break."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from kybern.apiserver.pki import ensure_pki
from kybern.storage.backend import Compacted, Entry, Event, StoreUnavailable
from kybern.storage.etcd import EtcdBackend
from kybern.storage.etcd.client import TlsFiles
from kybern.storage.etcd.layout import Moved
from tests.free_ports import free_ports

from .conftest import HandClock, Tape, eventually
from .etcd_server import etcd_server, needs_etcd

pytestmark = needs_etcd


async def test_tls_on_both_sides(tmp_path: Path) -> None:
    pki = ensure_pki(tmp_path / "pki", ["127.0.0.1"], "https://127.0.0.1")
    name = "apiserver-kubelet-client"
    flags = (
        *("--cert-file", str(pki.certificate("apiserver")), "--key-file", str(pki.key("apiserver"))),
        *("--trusted-ca-file", str(pki.authority), "--client-cert-auth"),
    )
    tls = TlsFiles(pki.authority, pki.certificate(name), pki.key(name))
    async with etcd_server(tmp_path, *flags, scheme="https", tls=tls) as url:
        backend = await EtcdBackend.open([url], tls=tls)
        assert await backend.put("/a", b"1", expected=0) == 2
        await backend.close()
        with pytest.raises(StoreUnavailable):
            await EtcdBackend.open([url], tls=TlsFiles(pki.authority))


async def test_prefixes_keep_stores_apart(tmp_path: Path) -> None:
    async with etcd_server(tmp_path) as url:
        one = await EtcdBackend.open([url], layout=Moved("/one", "/registry"))
        two = await EtcdBackend.open([url], layout=Moved("/two", "/registry"))
        plain = await EtcdBackend.open([url], layout=Moved("/", "/"))
        await one.put("/registry/pods/a", b"1", expected=0, ttl_seconds=600)
        await two.put("/registry/pods/a", b"2", expected=0)
        assert await one.get("/registry/pods/a") == Entry("/registry/pods/a", b"1", 2)
        assert [each.key for each in (await plain.range("/")).entries] == ["/one/pods/a", "/two/pods/a"]
        with pytest.raises(ValueError, match="outside"):
            await one.get("/elsewhere")
        for backend in (one, two, plain):
            await backend.close()


async def test_what_another_process_does_is_seen(tmp_path: Path) -> None:
    clock = HandClock()
    async with etcd_server(tmp_path) as url:
        first = await EtcdBackend.open([url], clock=clock)
        tape = Tape(first.watch("/k", after=1))
        second = await EtcdBackend.open([url], clock=clock)
        await second.put("/k1", b"1", expected=0)
        await second.put("/k2", b"2", expected=0, ttl_seconds=30)
        assert [event.key for event in await tape.until(2)] == ["/k1", "/k2"]
        assert first.revision == 3
        await second.compact(3)
        with pytest.raises(Compacted) as refused:
            await first.get("/k1", revision=2)
        assert refused.value.oldest == 3
        async with aclosing(first.watch("/k", after=2)) as late:
            with pytest.raises(Compacted):
                await anext(late)
        await second.close()
        third = await EtcdBackend.open([url], clock=clock)
        await clock.turn(31)
        assert (await tape.until(3))[2] == Event("/k2", 4, None, b"2"), "its writer is gone, the key ends all the same"
        await third.close()
        await first.close()


async def test_a_watch_goes_on_after_its_server_restarts(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    clock = HandClock()
    async with etcd_server(tmp_path, port=port) as url:
        backend = await EtcdBackend.open([url], clock=clock)
        tape = Tape(backend.watch("/", after=1))
        await backend.put("/a", b"1", expected=0)
        await tape.until(1)
        reading = asyncio.create_task(tape.until(2))
    async with etcd_server(tmp_path, port=port):

        async def written() -> bool:
            try:
                return bool(await backend.put("/b", b"2", expected=0))
            except StoreUnavailable:
                return False

        await eventually(written)

        async def seen() -> bool:
            await clock.turn(1)
            return reading.done()

        await eventually(seen)
        assert [event.key for event in await reading] == ["/a", "/b"]
        await backend.close()


async def test_the_next_member_is_asked(tmp_path: Path) -> None:
    (dead,) = free_ports(1)
    async with etcd_server(tmp_path) as url:
        with pytest.raises(StoreUnavailable):
            await EtcdBackend.open([f"http://127.0.0.1:{dead}"])
        backend = EtcdBackend.of([f"http://127.0.0.1:{dead}", url])
        with pytest.raises(StoreUnavailable):
            await backend.current_revision()
        assert await backend.put("/a", b"1", expected=0) == 2
        await backend.close()


async def test_a_watch_that_is_just_beginning_ends_with_its_store(tmp_path: Path) -> None:
    async with etcd_server(tmp_path) as url:
        for turns in range(12):
            backend = await EtcdBackend.open([url])
            reading = asyncio.create_task(Tape(backend.watch("/", after=1)).until(1))
            for _ in range(turns):
                await asyncio.sleep(0)
            await backend.close()
            with pytest.raises(StoreUnavailable):
                await reading


def test_bad_urls() -> None:
    with pytest.raises(ValueError, match="is no URL of an etcd"):
        EtcdBackend.of(["127.0.0.1:2379"])
    with pytest.raises(ValueError, match="no etcd servers"):
        EtcdBackend.of([])
