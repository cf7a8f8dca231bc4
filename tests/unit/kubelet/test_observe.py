"""Looking at a Pod: what has exited keeps its last words, and a kill by the kernel is told from another."""

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from kybern.base.clock import SystemClock
from kybern.kubelet.labels import TERMINATION_MESSAGE_PATH
from kybern.kubelet.observe import OOM_KILLED, OOM_PAUSE_SECONDS, Observer
from kybern.kubelet.observed import NANOSECONDS
from kybern.kubelet.runtime.views import ContainerRecord, ContainerState, ContainerStatus, Sandbox
from tests.unit.hand_clock import HandClock

from .worlds import container, exited, pod, sandbox

WORDS = "last words"


class SlowRuntime:
    """One container; the n-th question about it is answered once `gates[n]` is open."""

    def __init__(self, status: ContainerStatus) -> None:
        self.status = status
        self.later: ContainerStatus | None = None
        """What it answers from the second time on."""
        self.gates: list[asyncio.Event] = []
        self.asked = 0

    async def list_sandboxes(self, labels: Mapping[str, str]) -> list[Sandbox]:
        return [sandbox()]

    async def sandbox_status(self, sandbox_id: str) -> Sandbox:
        return sandbox()

    async def list_containers(self, labels: Mapping[str, str]) -> list[ContainerRecord]:
        status = self.status
        return [ContainerRecord(status.id, "s0", status.name, 0, status.state, 1, status.labels)]

    async def container_status(self, container: str) -> ContainerStatus:
        turn, self.asked = self.asked, self.asked + 1
        if turn < len(self.gates):
            await self.gates[turn].wait()
        return self.later if turn and self.later else self.status


def ended(code: int, directory: Path | None = None, **fields: object) -> ContainerStatus:
    status = exited("c", code)
    mounts = {}
    if directory is not None:
        file = directory / "words"
        file.write_text(WORDS)
        mounts = {"/dev/termination-log": str(file)}
    annotations = {**status.annotations, TERMINATION_MESSAGE_PATH: "/dev/termination-log"}
    return dataclasses.replace(status, annotations=annotations, mounts=mounts, **fields)


async def test_looks_that_overlap_keep_the_last_words(tmp_path: Path) -> None:
    runtime = SlowRuntime(ended(0, tmp_path))
    runtime.gates = [asyncio.Event(), asyncio.Event()]
    observer = Observer(runtime, SystemClock(), "u")
    first = asyncio.create_task(observer.look(pod(), is_ending=False))
    second = asyncio.create_task(observer.look(pod(), is_ending=False))
    async with asyncio.timeout(60):
        while not runtime.asked:
            await asyncio.sleep(0)
        runtime.gates[1].set()
        await asyncio.wait({second}, timeout=0.1)
        runtime.gates[0].set()
        seen = [*(await first).containers, *(await second).containers]
    assert [each.message for each in seen] == [WORDS, WORDS]
    (tmp_path / "words").unlink()
    third = await observer.look(pod(), is_ending=False)
    assert third.containers[0].message == WORDS


async def check_kill(expected: str, *, is_ending: bool = False, limit: str = "16Mi", age_seconds: float = 0.0) -> None:
    clock = HandClock()
    finished = int((clock.now() - age_seconds) * NANOSECONDS)
    runtime = SlowRuntime(ended(137, reason="Error", finished_at_ns=finished))
    runtime.later = dataclasses.replace(runtime.status, reason=OOM_KILLED)
    resources = {"limits": {"memory": limit}} if limit else {}
    observer = Observer(runtime, clock, "u")
    looking = asyncio.create_task(observer.look(pod(container("c", resources=resources)), is_ending=is_ending))
    while not looking.done():
        await clock.turn(OOM_PAUSE_SECONDS)
    observed = await looking
    assert observed.containers[0].state is ContainerState.EXITED
    assert observed.containers[0].reason == expected


async def test_a_kill_under_a_memory_limit_is_asked_about_again() -> None:
    await check_kill(OOM_KILLED)


async def test_other_kills_are_not() -> None:
    await check_kill("Error", limit="")
    await check_kill("Error", is_ending=True)
    await check_kill("Error", age_seconds=5)
