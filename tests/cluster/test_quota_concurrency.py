"""A quota holds exactly what is stored: many creators, several servers, clients that leave, a store that fails."""

import asyncio
from typing import Any

import pytest

from kybern.storage.backend import StoreUnavailable
from kybern.storage.memory import MemoryBackend
from tests.cluster.api_server import CORE, Answer, Api, api_server, config_map, pod

COUNT = "count/configmaps"
QUOTA_KEY = "resourcequotas/"
STORE_TURNS = 3
"""Of the loop, before a write is made."""
TURNS = 80
"""More than any request takes."""


class Store(MemoryBackend):
    """Makes a write some turns after it was asked for, whether or not somebody still waits for it, as disks do."""

    def __init__(self) -> None:
        super().__init__()
        self.refused_quotas = 0
        """So many writes of quotas fail."""
        self._writes: set[asyncio.Task[int]] = set()

    async def put(self, key: str, value: bytes, **options: Any) -> int:
        write = asyncio.ensure_future(self._put(key, value, **options))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        return await asyncio.shield(write)

    async def _put(self, key: str, value: bytes, **options: Any) -> int:
        await turns(STORE_TURNS)
        if QUOTA_KEY in key and self.refused_quotas:
            self.refused_quotas -= 1
            raise StoreUnavailable("no space left on device")
        return await super().put(key, value, **options)


async def turns(number: int) -> None:
    """So many of the event loop."""
    for _ in range(number):
        await asyncio.sleep(0)


async def quota(api: Api, hard: str) -> None:
    await api.create(f"{CORE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {COUNT: hard}}})
    answer = await api.patch(
        f"{CORE}/resourcequotas/q/status", {"status": {"hard": {COUNT: hard}, "used": {COUNT: "0"}}}
    )
    assert answer.status == 200, answer


async def used(api: Api) -> int:
    return int((await api.get(f"{CORE}/resourcequotas/q"))["status"]["used"][COUNT])


async def stored(api: Api) -> int:
    return len((await api.get(f"{CORE}/configmaps"))["items"])


async def until_exact(api: Api) -> None:
    """What was charged for nothing is given back."""
    async with asyncio.timeout(30):
        while await used(api) != await stored(api):
            await asyncio.sleep(0.001)


def creation(api: Api, name: str) -> asyncio.Task[Answer]:
    return asyncio.ensure_future(api("POST", f"{CORE}/configmaps", config_map(name)))


async def test_a_client_that_leaves_at_any_moment_leaves_no_charge_and_disturbs_nobody() -> None:
    async with api_server(Store()) as api:
        await quota(api, "1000")
        for moment in range(TURNS):
            leaving = creation(api, f"leaving-{moment}")
            others = [creation(api, f"other-{moment}-{number}") for number in range(2)]
            await turns(moment)
            leaving.cancel()
            assert [(await other).status for other in others] == [201, 201]
            await asyncio.wait([leaving])
            await until_exact(api)
        assert not leaving.cancelled()  # All moments of a request were tried.
        assert await stored(api) > 2 * TURNS


async def test_a_sum_that_missed_what_is_being_charged_is_corrected_at_any_moment() -> None:
    async with api_server(Store()) as api:
        await quota(api, "1000")
        await api.create(f"{CORE}/configmaps", config_map("first"))
        stale = {"status": {"used": {COUNT: "0"}}}
        for moment in range(TURNS):
            creating = [creation(api, name) for name in (f"a-{moment}", f"b-{moment}", "first")]
            for pause in (moment, TURNS):
                await turns(pause)
                assert (await api.patch(f"{CORE}/resourcequotas/q/status", stale)).status == 200
            assert [(await each).status for each in creating] == [201, 201, 409]
            assert await used(api) == await stored(api)


async def test_fifty_creators_at_two_servers_do_not_overshoot() -> None:
    store = Store()
    async with api_server(store) as one, api_server(store) as other:
        await quota(one, "20")

        async def create(number: int) -> int:
            api = one if number % 2 else other
            while (answer := await api("POST", f"{CORE}/configmaps", config_map(f"c-{number}"))).status == 409:
                pass  # The servers were in each other's way too often.
            return answer.status

        async with asyncio.timeout(60):
            codes = await asyncio.gather(*(create(number) for number in range(50)))
        assert sorted(codes) == [201] * 20 + [403] * 30
        assert await stored(one) == 20
        await until_exact(one)


async def test_what_a_quota_never_held_is_not_given_back() -> None:
    store = Store()
    async with api_server(store) as api:
        await quota(api, "20")
        await api.create(f"{CORE}/configmaps", config_map("a"))
        store.refused_quotas = 4
        refused = await asyncio.gather(*(creation(api, f"refused-{number}") for number in range(5)))
        assert {answer.status for answer in refused} == {503}
        assert await used(api) == await stored(api) == 1
        await api.create(f"{CORE}/configmaps", config_map("b"))
        assert await used(api) == await stored(api) == 2


async def test_a_quota_that_cannot_be_written_holds_too_much_rather_than_too_little() -> None:
    store = Store()
    async with api_server(store) as api:
        await quota(api, "5")
        await api.create(f"{CORE}/configmaps", config_map("a"))
        twice = creation(api, "a")
        while await used(api) != 2 and not twice.done():
            await turns(1)
        store.refused_quotas = 1
        assert (await twice).status == 409
        assert (await used(api), await stored(api)) == (2, 1)


@pytest.mark.parametrize("hard", [1, 7, 50])
async def test_those_who_wait_together_are_judged_one_by_one(hard: int) -> None:
    async with api_server(Store()) as api:
        await api.create(f"{CORE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {"pods": str(hard)}}})
        status = {"hard": {"pods": str(hard)}, "used": {"pods": "0"}}
        await api.patch(f"{CORE}/resourcequotas/q/status", {"status": status})
        answers = await asyncio.gather(*(api("POST", f"{CORE}/pods", pod(f"p-{number}")) for number in range(50)))
        refused = [answer for answer in answers if answer.status == 403]
        assert len(refused) == 50 - hard
        words = f"exceeded quota: q, requested: pods=1, used: pods={hard}, limited: pods={hard}"
        assert all(answer.message.endswith(words) for answer in refused)
        assert (await api.get(f"{CORE}/resourcequotas/q"))["status"]["used"] == {"pods": str(hard)}
