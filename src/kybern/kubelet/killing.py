"""Ending containers with their grace: preStop hooks, TERM, the order of sidecars, KILL.

Regular containers end together; sidecars after them, in the reverse of their order of start (KEP-753). One grace
holds for all: what a hook or a wait has used is gone.
"""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass

from kybern.api.types.core_v1 import Pod
from kybern.base.clock import Clock
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.events import PodEvents
from kybern.kubelet.lifecycle import HookFailed, run_hook
from kybern.kubelet.observed import PodRuntime, name_of
from kybern.kubelet.pod_spec import find_container, is_sidecar
from kybern.kubelet.runtime.views import ContainerState, ContainerStatus

SIGNAL_POLL_SECONDS = 0.05
MINIMUM_GRACE_SECONDS = 2
"""Every container gets this long to end by itself, also when a hook has used all the grace."""


@dataclass(frozen=True, slots=True)
class Killer:
    """Ends the containers of one Pod."""

    runtime: Runtime
    clock: Clock
    events: PodEvents
    pod: Pod

    async def stop_pod(self, observed: PodRuntime, grace_seconds: int) -> None:
        """Stop all containers, then all sandboxes. Raises RuntimeFailed. May be cancelled and begun again."""
        running = [
            each for each in observed.containers if each.state in (ContainerState.RUNNING, ContainerState.CREATED)
        ]
        waits = _order(self.pod, [name_of(container) for container in running])
        gates = {name_of(container): asyncio.Event() for container in running}
        turns = [
            self._stop_in_turn(each, grace_seconds, [gates[name] for name in waits[name_of(each)]], gates, observed)
            for each in running
        ]
        # All are waited for: one that will not go keeps no other from its end.
        for outcome in await asyncio.gather(*turns, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        for sandbox in observed.sandboxes:
            if sandbox.ready:
                await self.runtime.stop_sandbox(sandbox.id)

    async def _stop_in_turn(
        self,
        container: ContainerStatus,
        grace_seconds: int,
        before: list[asyncio.Event],
        gates: dict[str, asyncio.Event],
        observed: PodRuntime,
    ) -> None:
        try:
            await self.stop(container, grace_seconds, f"Stopping container {name_of(container)}", observed, before)
        finally:
            gates[name_of(container)].set()

    async def stop(
        self,
        container: ContainerStatus,
        grace_seconds: int,
        message: str,
        observed: PodRuntime,
        before: list[asyncio.Event] | None = None,
    ) -> None:
        """Stop one container; `before` has to be over first. Raises RuntimeFailed."""
        name = name_of(container)
        self.events.normal("Killing", message, name)
        deadline = self.clock.monotonic() + grace_seconds
        await self._pre_stop(container, grace_seconds, observed)
        for event in before or ():
            try:
                async with asyncio.timeout(max(0.0, deadline - self.clock.monotonic())):
                    await event.wait()
            except TimeoutError:
                break
        left = max(MINIMUM_GRACE_SECONDS, round(deadline - self.clock.monotonic()))
        left = left if grace_seconds > 1 else grace_seconds
        try:
            if await self._signal(container, left):
                left = 0
            await self.runtime.stop_container(container.id, left)
        except RuntimeFailed as error:
            if error.code != "NOT_FOUND":
                raise

    async def _signal(self, container: ContainerStatus, grace_seconds: int) -> bool:
        """Send a container the signal that its lifecycle names in the place of its image's (KEP-4960), and wait for
        its end as long as the grace; False where it names none. Raises RuntimeFailed."""
        found = find_container(self.pod, name_of(container))
        lifecycle = found[1].lifecycle if found else None
        if lifecycle is None or lifecycle.stop_signal not in signal.Signals.__members__:
            return False
        pid = await self.runtime.container_pid(container.id)
        if not pid:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.Signals[lifecycle.stop_signal])
        deadline = self.clock.monotonic() + grace_seconds
        while self.clock.monotonic() < deadline:
            if (await self.runtime.container_status(container.id)).state is not ContainerState.RUNNING:
                break
            await self.clock.sleep(SIGNAL_POLL_SECONDS)
        return True

    async def _pre_stop(self, container: ContainerStatus, grace_seconds: int, observed: PodRuntime) -> None:
        found = find_container(self.pod, name_of(container))
        lifecycle = found[1].lifecycle if found else None
        if found is None or lifecycle is None or lifecycle.pre_stop is None or grace_seconds <= 1:
            return
        ip = observed.ips[0] if observed.ips else self.pod.status.pod_ip
        try:
            async with asyncio.timeout(grace_seconds):
                await run_hook(self.runtime, lifecycle.pre_stop, self.pod, found[1], container.id, ip)
        except TimeoutError:
            return  # Upstream says nothing either: the grace is used up, the end follows.
        except HookFailed:
            self.events.warning("FailedPreStopHook", "PreStopHook failed", name_of(container))


def _order(pod: Pod, running: list[str]) -> dict[str, list[str]]:
    """Which containers each one has to wait for."""
    sidecars = [container.name for container in pod.spec.init_containers if is_sidecar(container)]
    waits: dict[str, list[str]] = {}
    for name in running:
        if name not in sidecars:
            waits[name] = []
            continue
        later = sidecars[sidecars.index(name) + 1 :]
        waits[name] = [other for other in running if other not in sidecars or other in later]
    return waits
