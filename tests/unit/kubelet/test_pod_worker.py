"""A Pod's worker hears of everything: whenever something changes, and however late the runtime writes it down."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from kybern.api.types.core_v1 import Pod
from kybern.kubelet import images
from kybern.kubelet.labels import POD_UID
from kybern.kubelet.pod_worker import PodWorker
from kybern.kubelet.ports import ProbeKind
from tests.unit.hand_clock import settle

from .toy_runtime import ToyNode, ToyRuntime, toy_node
from .worlds import container, pod

TURNS = (1, 2, 3, 4, 9)
"""Which look it is that something comes with: the last is one more than a worker takes for a start and no event."""


def initialised() -> Pod:
    return pod(container("c"), initContainers=[container("i")])


async def started(node: ToyNode, spec: Pod) -> tuple[PodWorker, str]:
    """The Pod's worker, which has seen that its container `c` runs, and the container's id."""
    node.workers.update(spec)
    await node.until(lambda: node.runtime.running("c"))
    (first,) = node.runtime.running("c")
    worker = node.workers.all()[0]
    await node.until(lambda: worker.observed.running)
    return worker, first


def late(runtime: ToyRuntime, id: str, turn: int) -> None:
    """The runtime tells of the end of `id` now, and writes it down with the look of this turn."""
    asked = runtime.looks

    async def look() -> None:
        if runtime.looks == asked + turn:
            runtime.write_down(id)

    runtime.looking = look
    runtime.tell(id)


@pytest.mark.parametrize("turn", TURNS)
async def test_an_end_before_its_container_is_known(tmp_path: Path, turn: int) -> None:
    """A container that ends at once: its end is told before its start has returned, and shown long after."""
    async with toy_node(tmp_path) as node:
        runtime = node.runtime

        async def ends_at_once(id: str) -> None:
            if id.startswith("i"):
                late(runtime, id, turn)
                await settle()

        runtime.started = ends_at_once
        node.workers.update(initialised())
        await node.until(lambda: runtime.running("c"))


@pytest.mark.parametrize("turn", TURNS)
async def test_an_end_that_is_shown_late(tmp_path: Path, turn: int) -> None:
    async with toy_node(tmp_path) as node:
        runtime = node.runtime
        _, first = await started(node, pod())
        late(runtime, first, turn)
        await node.until(lambda: runtime.running("c") and runtime.running("c") != [first])


@pytest.mark.parametrize("turn", TURNS)
async def test_a_probe_that_fails_while_the_worker_looks(tmp_path: Path, turn: int) -> None:
    """Whichever of its looks it is, also those after it has decided."""
    async with toy_node(tmp_path) as node:
        runtime = node.runtime
        worker, first = await started(node, pod(container("c", livenessProbe={"exec": {"command": ["true"]}})))
        begun, failed = runtime.looks, asyncio.Event()

        async def fails() -> None:
            if runtime.looks == begun + turn:
                node.prober.results[ProbeKind.LIVENESS, first] = False
                failed.set()
                worker.wake()
                await settle()

        runtime.looking = fails
        while not failed.is_set():
            worker.wake()
            await asyncio.sleep(0.01)
        await node.until(lambda: runtime.running("c") and runtime.running("c") != [first])


@pytest.mark.parametrize("turn", TURNS)
async def test_a_new_spec_that_comes_while_the_worker_looks(tmp_path: Path, turn: int) -> None:
    async with toy_node(tmp_path) as node:
        runtime = node.runtime
        worker, _ = await started(node, pod())
        begun, changed = runtime.looks, asyncio.Event()

        async def changes() -> None:
            if runtime.looks == begun + turn:
                node.workers.update(pod(container("c"), ephemeralContainers=[container("debug")]))
                changed.set()
                await settle()

        runtime.looking = changes
        while not changed.is_set():
            worker.wake()
            await asyncio.sleep(0.01)
        await node.until(lambda: runtime.running("debug"))


async def test_why_a_container_waits_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only when it is tried again."""
    monkeypatch.setattr(images, "RETRY_SECONDS", 10_000.0)
    async with toy_node(tmp_path) as node:
        node.runtime.has_images = False
        node.workers.update(pod(container("c", imagePullPolicy="Never")))

        def reason() -> str:
            told = node.statuses.get("u")
            state = told.container_statuses[0].state if told else None
            return state.waiting.reason if state and state.waiting else ""

        await node.until(lambda: reason() == "ErrImageNeverPull")


async def test_a_pod_that_nobody_knows_is_ended_once_two_lists_show_it(tmp_path: Path) -> None:
    """One list may be of before the end of the Pod's own worker."""
    async with toy_node(tmp_path) as node:
        runtime = node.runtime
        await runtime.run_sandbox({})
        orphan = dataclasses.replace(runtime.sandboxes["s0"], labels={POD_UID: "u"})
        for listed in ([orphan], [], [orphan]):
            node.workers.end_orphans(listed)
            assert node.workers.all() == []
        node.workers.end_orphans([orphan])
        await node.until(lambda: not runtime.sandboxes)


async def test_what_no_event_told_is_found_by_the_list(tmp_path: Path) -> None:
    async with toy_node(tmp_path) as node:
        runtime = node.runtime
        worker, first = await started(node, pod())
        runtime.write_down(first)
        while not runtime.running("c"):
            node.workers.compare(await runtime.list_sandboxes(), await runtime.list_containers())
            await asyncio.sleep(0.01)
        await node.until(lambda: worker.observed.running)
        await runtime.stop_sandbox("s0")
        while len(runtime.sandboxes) < 2:
            node.workers.compare(await runtime.list_sandboxes(), await runtime.list_containers())
            await asyncio.sleep(0.01)
        await node.until(lambda: [runtime.homes[id] for id in runtime.running("c")] == ["s1"])
