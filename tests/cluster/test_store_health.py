"""An etcd that does not answer makes the health checks fail, and nothing else that can be read."""

import asyncio

import pytest

from kybern.storage.backend import StoreUnavailable
from kybern.storage.memory import MemoryBackend
from tests.cluster.api_server import CORE, Api, api_server


class Store(MemoryBackend):
    """One that may be away, or hang."""

    away = ""
    asked = 0

    async def current_revision(self) -> int:
        self.asked += 1
        if self.away == "hangs":
            await asyncio.Event().wait()
        if self.away:
            raise StoreUnavailable(self.away)
        return await super().current_revision()


async def _text(api: Api, path: str) -> tuple[int, str]:
    answer = await api.raw("GET", path)
    return answer.status, answer.body.decode()


async def test_an_etcd_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kybern.apiserver.store_health.ETCD_TIMEOUT_SECONDS", 0.01)
    store = Store()
    async with api_server(store, shared_store=True) as api:
        assert await _text(api, "/readyz") == (200, "ok")
        for away, words in (
            ("etcd: UNAVAILABLE: gone", "etcd: UNAVAILABLE: gone"),
            ("hangs", "context deadline exceeded"),
        ):
            store.away = away
            for path in ("/healthz/etcd", "/livez/etcd", "/readyz/etcd", "/readyz/etcd-readiness"):
                expected = f"internal server error: error getting data from etcd: {words}\n"
                assert await _text(api, path) == (500, expected)
            status, text = await _text(api, "/readyz")
            assert status == 500
            assert "[-]etcd failed: reason withheld\n[-]etcd-readiness failed: reason withheld" in text
        assert (await api("GET", f"{CORE}/serviceaccounts/default", resourceVersion="0")).status == 200
        store.away = ""
        assert await _text(api, "/readyz") == (200, "ok")


async def test_many_who_ask_at_once_ask_once() -> None:
    store = Store()
    async with api_server(store, shared_store=True) as api:
        before = store.asked
        assert await asyncio.gather(*(_text(api, "/readyz") for _ in range(20))) == [(200, "ok")] * 20
        assert store.asked - before < 20


async def test_a_store_of_ones_own_is_not_asked() -> None:
    store = Store()
    async with api_server(store) as api:
        store.away = "hangs"
        assert await _text(api, "/readyz") == (200, "ok")
