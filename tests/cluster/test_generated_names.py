"""`generateName`: names that nobody has, though others get theirs at the same moment."""

import asyncio
import random
from collections import deque

from kybern.base.ids import RandomIds
from tests.cluster.api_server import CORE, api_server


class Suffixes(RandomIds):
    """Gives these."""

    def __init__(self, *suffixes: str) -> None:
        super().__init__(random.Random(1))
        self.left = deque(suffixes)

    def suffix(self) -> str:
        return self.left.popleft()


async def test_two_creations_at_once_do_not_get_the_same_name() -> None:
    async with api_server() as api:
        api.server.life.ids = Suffixes("bbbbb", "bbbbb", "ccccc", "bbbbb", "ddddd")
        body = {"metadata": {"generateName": "g-"}}
        await asyncio.gather(*(api.create(f"{CORE}/configmaps", body) for _ in range(2)))
        await api.create(f"{CORE}/configmaps", body)
        assert await api.names(f"{CORE}/configmaps") == "g-bbbbb g-ccccc g-ddddd"


async def test_a_creation_that_fails_gives_its_name_back() -> None:
    async with api_server() as api:
        api.server.life.ids = Suffixes("bbbbb", "bbbbb")
        refused = await api("POST", f"{CORE}/configmaps", {"metadata": {"generateName": "g-", "labels": {"-": ""}}})
        assert refused.status == 422
        await api.create(f"{CORE}/configmaps", {"metadata": {"generateName": "g-"}})
        assert not api.server.life.generated
