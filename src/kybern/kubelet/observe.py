"""Looks at one Pod in the runtime, again and again.

Invariant: looks do not overlap, and what has exited is final: it is read once, with its last words, and never again.
"""

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Protocol

from kybern.api.types.core_v1 import Pod
from kybern.base.clock import Clock
from kybern.kubelet.cri import RuntimeFailed
from kybern.kubelet.labels import POD_UID
from kybern.kubelet.observed import NANOSECONDS, PodRuntime, finished_at, name_of
from kybern.kubelet.pod_spec import find_container
from kybern.kubelet.runtime.views import ContainerRecord, ContainerState, ContainerStatus, Sandbox
from kybern.kubelet.termination_message import read_termination_message

KILLED_EXIT_CODE = 137
OOM_KILLED = "OOMKilled"
OOM_LAG_SECONDS = 0.5
"""So long after the exit the runtime may still learn that the kernel killed for want of memory."""
OOM_PAUSE_SECONDS = 0.05


class Looked(Protocol):
    """What is asked of a runtime; `Runtime` is one."""

    async def list_sandboxes(self, labels: Mapping[str, str]) -> list[Sandbox]: ...

    async def sandbox_status(self, sandbox: str) -> Sandbox: ...

    async def list_containers(self, labels: Mapping[str, str]) -> list[ContainerRecord]: ...

    async def container_status(self, container: str) -> ContainerStatus: ...


class Observer:
    """The eyes of one Pod's worker."""

    def __init__(self, runtime: Looked, clock: Clock, uid: str) -> None:
        self._runtime, self._clock, self._uid = runtime, clock, uid
        self._ended: dict[str, ContainerStatus] = {}
        self._turn = asyncio.Lock()

    async def look(self, pod: Pod, *, is_ending: bool) -> PodRuntime:
        """What is there now. `is_ending`: a kill is what was wanted, nobody asks why. Raises RuntimeFailed."""
        async with self._turn:
            sandboxes = await self._sandboxes()
            records = await self._runtime.list_containers({POD_UID: self._uid})
            containers = []
            for record in records:
                status = self._ended.get(record.id) or await self._ask(record.id, pod, is_ending=is_ending)
                if status is not None:
                    containers.append(status)
            self._ended = {each.id: each for each in containers if each.state is ContainerState.EXITED}
            containers.sort(key=lambda container: (container.created_at_ns, container.attempt), reverse=True)
            homes = {record.id: record.sandbox for record in records}
            return PodRuntime(self._uid, tuple(sandboxes), tuple(containers), homes)

    async def _sandboxes(self) -> list[Sandbox]:
        """The newest first, and only that one with its addresses."""
        listed = await self._runtime.list_sandboxes({POD_UID: self._uid})
        sandboxes = sorted(listed, key=lambda sandbox: (sandbox.created_at_ns, sandbox.attempt), reverse=True)
        if sandboxes:
            try:
                sandboxes[0] = await self._runtime.sandbox_status(sandboxes[0].id)
            except RuntimeFailed as error:
                if error.code != "NOT_FOUND":
                    raise
                del sandboxes[0]  # It went between the two calls.
        return sandboxes

    async def _ask(self, id: str, pod: Pod, *, is_ending: bool) -> ContainerStatus | None:
        """None for a container that went between the calls."""
        try:
            status = await self._runtime.container_status(id)
            while not is_ending and _may_be_out_of_memory(status, pod, self._clock.now()):
                await self._clock.sleep(OOM_PAUSE_SECONDS)
                status = await self._runtime.container_status(id)
        except RuntimeFailed as error:
            if error.code != "NOT_FOUND":
                raise
            return None
        if status.state is not ContainerState.EXITED:
            return status
        message = await asyncio.to_thread(read_termination_message, status)
        return dataclasses.replace(status, message=message)


def _may_be_out_of_memory(status: ContainerStatus, pod: Pod, now: float) -> bool:
    """Whether a kill may turn out to be the kernel's: the runtime hears of it on another way than of the exit."""
    killed = status.state is ContainerState.EXITED and status.exit_code == KILLED_EXIT_CODE
    if not killed or status.reason == OOM_KILLED or not status.finished_at_ns // NANOSECONDS:
        return False
    return now - finished_at(status) < OOM_LAG_SECONDS and _has_memory_limit(pod, name_of(status))


def _has_memory_limit(pod: Pod, name: str) -> bool:
    found = find_container(pod, name)
    holders = [found[1].resources if found else None, pod.spec.resources]
    return any(resources is not None and "memory" in resources.limits for resources in holders)
