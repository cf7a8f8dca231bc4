"""/debug: verbosity, and profiles that pprof can read."""

import asyncio
import gzip
import logging
import threading
from collections import Counter

import pytest

from kybern.apiserver.profile import Stack
from tests.cluster.api_server import Api, api_server


@pytest.fixture(autouse=True)
def _level():
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


async def verbosity(api: Api, text: str) -> tuple[int, str]:
    answer = await api.raw("PUT", "/debug/flags/v", text.encode())
    return answer.status, answer.body.decode()


async def test_verbosity_is_put() -> None:
    async with api_server() as api:
        assert await verbosity(api, "5") == (200, "successfully set klog.logging.verbosity to 5\n")
        assert logging.getLogger().level == logging.DEBUG
        assert (await verbosity(api, "1"))[0] == 200
        assert logging.getLogger().level == logging.INFO
        assert await verbosity(api, "") == (400, 'strconv.ParseUint: parsing "": invalid syntax\n')
        assert await verbosity(api, "99999999999") == (
            400,
            'strconv.ParseUint: parsing "99999999999": value out of range\n',
        )
        assert (await api.raw("GET", "/debug/flags/v")).status == 406
        assert b"/debug/flags/" in (await api.raw("GET", "/debug/flags")).body


async def test_profiles_are_what_pprof_reads() -> None:
    async with api_server() as api:
        for path, kind in (("goroutine", b"goroutine"), ("profile", b"cpu")):
            answer = await api.raw("GET", f"/debug/pprof/{path}", seconds="0.1")
            message = gzip.decompress(answer.body)
            assert kind in message
            assert b"run_forever" in message
        words = (await api.raw("GET", "/debug/pprof/goroutine", debug="1")).body
        assert words.startswith(b"goroutine profile: total ")
        assert b"thread MainThread:\n" in words


async def test_one_profile_is_taken_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    enough = threading.Event()

    def sampled(seconds: float) -> Counter[Stack]:
        enough.wait()
        return Counter()

    monkeypatch.setattr("kybern.apiserver.debugging.sample", sampled)
    async with api_server() as api:
        first = asyncio.create_task(api.raw("GET", "/debug/pprof/profile"))
        try:
            await asyncio.sleep(0)
            second = await api.raw("GET", "/debug/pprof/profile")
        finally:
            enough.set()
        assert (second.status, (await first).status) == (500, 200)


async def test_what_there_is_no_profile_of() -> None:
    async with api_server() as api:
        moved = await api.raw("GET", "/debug/pprof")
        assert (moved.status, dict(moved.headers)["Location"]) == (302, "/debug/pprof/")
        assert (await api.raw("GET", "/debug/pprof/heap")).status == 404
        assert not [path for path in (await api.get("/"))["paths"] if path.startswith("/debug")]


async def test_debugging_can_be_left_out() -> None:
    async with api_server(profiling=False) as api:
        assert (await api("GET", "/debug/pprof/")).status == 404
        assert (await api("GET", "/debug/flags/v")).status == 404
