"""One Pod's worker: observe, decide, act, again and again until the Pod is gone. One task; woken, never told why.

Invariants: one action at a time; what runs and should run is never touched; a Pod that is to end gets its whole
grace, but never more than the smallest that was asked for.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec

from kybern.api.types.core_v1 import Pod, PodStatus
from kybern.base.clock import parse_time
from kybern.kubelet.allocation import Allocation, with_resources
from kybern.kubelet.attention import attend
from kybern.kubelet.container_status import Waiting
from kybern.kubelet.cri import RuntimeFailed
from kybern.kubelet.decide import Actions, decide
from kybern.kubelet.events import PodEvents
from kybern.kubelet.exits import HiddenEnds
from kybern.kubelet.images import RETRY_SECONDS
from kybern.kubelet.killing import Killer
from kybern.kubelet.labels import format_pod
from kybern.kubelet.observe import Observer
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.pod_actions import SANDBOX_KEY, PodActions, WorkerParts, trace_pod
from kybern.kubelet.pod_cleanup import clean_pod
from kybern.kubelet.pod_spec import grace_seconds, is_terminal
from kybern.kubelet.ports import VolumesNotReady
from kybern.kubelet.resizing import Fits, add_resize, allocate
from kybern.kubelet.status import Verdict, make_status, not_yet_over, rejected, with_own
from kybern.trace import Verdict as Traced

log = logging.getLogger(__name__)

SETTLE_SECONDS = 1.0
"""How soon to look again after the runtime failed."""
VOLUME_RETRY_SECONDS = 2.0
STOPPED_SECONDS = 0.1
"""After a stop: so soon the runtime shows it."""
DEADLINE = Verdict("Failed", "DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


class PodWorker:
    """Drives one Pod. `wake` and `update` may be called at any time from the same loop."""

    def __init__(self, pod: Pod, shared: WorkerParts, *, component: str, fits: Fits) -> None:
        path = shared.parts.config.pod_directory(pod.metadata.uid) / "allocation.json"
        self._allocation, self._fits = Allocation.load(path, pod), fits
        self._desired = pod
        self.pod = with_resources(pod, self._allocation.allocated)
        """With the resources that are allocated to it, which its spec may not say yet or no more."""
        self.observed = PodRuntime(pod.metadata.uid)
        self.ended = asyncio.Event()
        """Nothing of the Pod runs any more."""
        self.finished = asyncio.Event()
        """Nothing of the Pod is left on this node."""
        self._shared, self._parts = shared, shared.parts
        self._component = component
        self._woken = asyncio.Event()
        self._observer = Observer(self._parts.runtime, self._parts.clock, pod.metadata.uid)
        self._actions = PodActions(shared, component, self._allocation, self._observe)
        self._hidden = HiddenEnds(shared.exits, self.wake)
        self._held: set[str] = set()
        """Failed containers whose back-off was told already, by id."""
        self._verdict: Verdict | None = None
        self._is_rejected = False
        self._over = is_terminal(pod)
        self._removed = False
        self._grace_override: int | None = None
        self._acting: asyncio.Task[None] | None = None
        self._status: PodStatus | None = None

    # What others say

    def wake(self) -> None:
        """Look again."""
        self._woken.set()

    def update(self, pod: Pod) -> None:
        """Take a newer version of the Pod."""
        if self._status is not None:
            pod = msgspec.structs.replace(pod, status=with_own(pod.status, self._status))
        self._desired = pod
        self.pod = with_resources(pod, self._allocation.allocated)
        self._interrupt()

    def references_changed(self) -> None:
        """A ConfigMap or Secret that the Pod names is another now: what failed for want of it may be tried again."""
        self._actions.retry_configuration()
        self._woken.set()

    def remove(self, *, at_once: bool = False) -> None:
        """The Pod is no longer there: end it, and forget it."""
        self._removed = True
        if at_once:
            self._grace_override = 0
        self._interrupt()

    def reject(self, reason: str, message: str) -> None:
        """The node does not take the Pod."""
        self._verdict, self._is_rejected = Verdict("Failed", reason, message), True

    def evict(self, verdict: Verdict, grace: int) -> None:
        """End the Pod with a judgement of the node's."""
        self._verdict, self._grace_override = verdict, grace
        self._interrupt()

    @property
    def is_ending(self) -> bool:
        return bool(self._removed or self._over or self._verdict or self.pod.metadata.deletion_timestamp)

    def _interrupt(self) -> None:
        if self.is_ending and self._acting is not None and not self._acting.cancelling():
            self._acting.cancel()
        self._woken.set()

    # The loop

    async def run(self) -> None:
        """Until nothing of the Pod is left."""
        while not self.finished.is_set():
            self._woken.clear()
            try:
                delay = await self._step()
            except RuntimeFailed as error:
                self._trace(Traced.FAILED, "RuntimeFailed", str(error))
                delay = SETTLE_SECONDS
            except VolumesNotReady as error:
                self._events.warning("FailedMount", str(error))
                self._trace(Traced.FAILED, "FailedMount", str(error))
                delay = VOLUME_RETRY_SECONDS
            except Exception as error:
                # One Pod's trouble, a full disk or a broken invariant, must not take the node's other Pods along.
                log.exception("pod %s", format_pod(self.pod))
                self._trace(Traced.FAILED, "FailedSync", f"error syncing pod: {error!r}")
                delay = RETRY_SECONDS
            if not self.finished.is_set() and (delay is None or delay > 0):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._woken.wait()

    async def _step(self) -> float | None:
        """One round; seconds until the next one, None for the next waking."""
        observed = await self._observe()
        self._check_deadline()
        if self.is_ending:
            return await self._end()
        self._shared.prober.sync(self.pod, observed, self.wake)
        if allocate(self._desired, self._allocation, self._fits, self._events):
            self.pod = with_resources(self.pod, self._allocation.allocated)
        actions = self._decide(observed)
        status = self._publish()
        if status.phase in ("Succeeded", "Failed"):
            self._over = True
            return await self._end()
        told = dict(self._actions.waits)
        if await self._act(self._actions.perform(self.pod, actions, observed)):
            return 0.0
        if actions.create_sandbox is not None:
            return self._delay(actions) if SANDBOX_KEY in self._actions.retries else 0.0
        if actions.stop_pod or actions.stops or actions.reset:
            return STOPPED_SECONDS
        if any(self._actions.is_due(start) for start in actions.starts):
            return 0.0
        if self.observed.states != observed.states or self._actions.waits != told:
            return 0.0  # What has come out since is decided upon and told: nothing else may come to wake us.
        return self._delay(actions)

    def _decide(self, observed: PodRuntime) -> Actions:
        now = self._parts.clock.now()
        actions = decide(self.pod, observed, self._shared.prober, self._shared.crashes, now)
        actions = add_resize(actions, self.pod, self._allocation, observed, self._events)
        for hold in actions.holds:
            self._actions.waits[hold.name] = Waiting(hold.reason, hold.message)
            latest = observed.latest(hold.name)
            if latest is not None and latest.id not in self._held:
                self._held.add(latest.id)
                message = f"Back-off restarting failed container {hold.name} in pod {format_pod(self.pod)}"
                self._events.warning("BackOff", message, hold.name)
                self._trace(Traced.WAITED, hold.reason, hold.message)
        return actions

    def _delay(self, actions: Actions) -> float | None:
        """Until the nearest back-off, retry or deadline."""
        now = self._parts.clock.now()
        found = [at - now for at in self._actions.retries.values()]
        if actions.requeue_seconds is not None:
            found.append(actions.requeue_seconds)
        if self._allocation.pending is not None:
            found.append(RETRY_SECONDS)
        deadline = self._deadline()
        if deadline is not None:
            found.append(deadline - now)
        return max(0.01, min(found)) if found else None

    async def _observe(self) -> PodRuntime:
        self.observed = await self._observer.look(self.pod, is_ending=self.is_ending)
        self._held &= self.observed.homes.keys()
        self._hidden.seen(self.observed)
        return self.observed

    def _publish(self, *, ended: bool = False) -> PodStatus:
        """Tell the status; what it gives is over already when all that is left is to be stopped."""
        now = self._parts.clock.now()
        if self._is_rejected and self._verdict is not None:
            status = rejected(self.pod, self._verdict.reason, self._verdict.message, now)
        else:
            status = make_status(
                self.pod,
                self.observed,
                self._shared.prober,
                waits=self._actions.waits,
                ended=ended,
                verdict=self._verdict,
                host_ips=self._parts.config.node_ips,
                now=now,
                actuated=self._allocation.actuated,
                resizing=self._allocation.conditions(self.pod),
            )
        told = status if ended or not self.observed.running else not_yet_over(status, self.pod.status)
        self._status = told
        self.pod = msgspec.structs.replace(self.pod, status=told)
        self._shared.statuses.set(self.pod, told)
        return status

    # Acting

    async def _act(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do it; meanwhile keep the status true. Whether the Pod's end cut it short."""
        self._acting = asyncio.create_task(work)
        try:
            await attend(self._acting, self._woken, self._look_meanwhile)
            if self._acting.cancelled():
                return True
            self._acting.result()
            return False
        finally:
            self._acting.cancel()
            self._acting = None

    async def _look_meanwhile(self) -> bool:
        await self._observe()
        self._shared.prober.sync(self.pod, self.observed, self.wake)
        self._publish()
        return True

    # The end

    async def _end(self) -> float | None:
        """Stop everything, report the last status, clean up; a Pod that still exists then waits for its deletion."""
        if not self.ended.is_set():
            self._shared.prober.sync(self.pod, self.observed, self.wake, is_ending=True)
            self._publish()
            await self._stop_all()
            self._shared.prober.forget(self.pod.metadata.uid)
            self._publish(ended=True)
            await clean_pod(self._parts, self.pod)
            self.ended.set()
            self._trace(
                Traced.ACTED, "Ended", f"nothing of the Pod runs any more, its phase is {self.pod.status.phase}"
            )
        if not self._removed and not self.pod.metadata.deletion_timestamp:
            return None
        await self._forget()
        return None

    async def _stop_all(self) -> None:
        while not self.observed.is_stopped:
            grace = self._grace()
            stopping = asyncio.create_task(self._killer.stop_pod(self.observed, grace))
            try:
                await self._await_stop(stopping, grace)
            finally:
                stopping.cancel()
            await self._observe()

    async def _await_stop(self, stopping: asyncio.Task[None], grace: int) -> None:
        """Until it is done, or a smaller grace has been asked for."""

        async def look() -> bool:
            await self._observe()
            self._shared.prober.sync(self.pod, self.observed, self.wake, is_ending=True)
            self._publish()
            return self._grace() >= grace

        if self._grace() >= grace:
            await attend(stopping, self._woken, look)
        if stopping.done() and not stopping.cancelled():
            error = stopping.exception()
            if error is not None:
                self._trace(Traced.FAILED, "FailedKillPod", f"error killing pod: {error}")
                await self._parts.clock.sleep(SETTLE_SECONDS)

    async def _forget(self) -> None:
        runtime = self._parts.runtime
        for container in self.observed.containers:
            with contextlib.suppress(RuntimeFailed):  # The sandbox's removal takes what is left.
                await runtime.remove_container(container.id)
        for sandbox in self.observed.sandboxes:
            await runtime.remove_sandbox(sandbox.id)
        await clean_pod(self._parts, self.pod, logs=True)
        uid = self.pod.metadata.uid
        self._shared.crashes.forget(f"{uid}/")
        self._shared.pulls.forget(f"{uid}/")
        self._shared.statuses.finish(self.pod, removed=self._removed)
        self.finished.set()

    def _grace(self) -> int:
        own = grace_seconds(self.pod)
        return own if self._grace_override is None else min(own, max(1, self._grace_override))

    def _deadline(self) -> float | None:
        seconds, began = self.pod.spec.active_deadline_seconds, self.pod.status.start_time
        return parse_time(began) + seconds if seconds is not None and began else None

    def _check_deadline(self) -> None:
        deadline = self._deadline()
        if self._verdict is None and deadline is not None and deadline <= self._parts.clock.now() and not self._over:
            self._verdict = DEADLINE
            self._events.normal(DEADLINE.reason, DEADLINE.message)

    @property
    def _events(self) -> PodEvents:
        return self._actions.events(self.pod)

    @property
    def _killer(self) -> Killer:
        return self._actions.killer(self.pod)

    def _trace(self, verdict: Traced, reason: str, message: str) -> None:
        trace_pod(self._component, self.pod, verdict, reason, message)
