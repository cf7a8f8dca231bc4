"""Carries verdicts out: bindings, conditions, nominations, evictions, claims. Decides nothing."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from kybern import trace
from kybern.api.types.core_v1 import Binding, ObjectReference, PersistentVolumeClaim, Pod
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import Clock, format_time
from kybern.base.errors import KybernError, NotFound
from kybern.client.client import Client, PatchType
from kybern.scheduler.events import SchedulerEvents
from kybern.scheduler.shape import PodRequest
from kybern.scheduler.state import COMPONENT, Placement, Postponement
from kybern.scheduler.volumes import SELECTED_NODE

BIND_VOLUMES_SECONDS = 600.0
"""How long a Pod's claims may take to be bound after its node was selected (upstream's bindTimeoutSeconds)."""
POLL_SECONDS = 0.5

log = logging.getLogger(__name__)


class BindingFailed(KybernError):
    """The Pod did not get its node."""


class Writer:
    """One for the whole scheduler; its methods may run side by side for different Pods."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        events: SchedulerEvents,
        claim: Callable[[str, str], PersistentVolumeClaim | None],
    ) -> None:
        self._client = client
        self._clock = clock
        self._events = events
        self._claim = claim

    async def place(self, placement: Placement) -> None:
        """Bind. Raises BindingFailed."""
        request, node = placement.request, placement.node
        try:
            for claim in placement.volumes.waiting:
                await self._select_node(claim, node)
            await self._wait_for_claims(placement)
            meta = ObjectMeta(name=request.name, namespace=request.namespace, uid=request.uid)
            binding = Binding(metadata=meta, target=ObjectReference(kind="Node", name=node))
            await self._client.post(Pod, request.name, request.namespace, "binding", binding)
        except KybernError as error:
            trace.record(
                request.subject,
                trace.Verdict.FAILED,
                "BindingFailed",
                f"binding to {node} failed: {error}",
                component=COMPONENT,
                revision=request.revision,
                uid=request.uid,
                seen={"node": node},
            )
            raise BindingFailed(str(error)) from error
        note = f"Successfully assigned {request.namespace}/{request.name} to {node}"
        self._events.event(request, "Normal", "Scheduled", "Binding", note)

    async def _select_node(self, claim: PersistentVolumeClaim, node: str) -> None:
        """Tell the provisioner (and the volume controller) for which node the volume is wanted."""
        meta = claim.metadata
        patch = {"metadata": {"annotations": {SELECTED_NODE: node}}}
        await self._client.patch(PersistentVolumeClaim, meta.name, meta.namespace, patch)

    async def _wait_for_claims(self, placement: Placement) -> None:
        deadline = self._clock.monotonic() + BIND_VOLUMES_SECONDS
        for claim in placement.volumes.waiting:
            meta = claim.metadata
            while True:
                current = self._claim(meta.namespace, meta.name)
                if current is not None and current.spec.volume_name and current.status.phase == "Bound":
                    break
                if current is None or self._clock.monotonic() > deadline:
                    raise BindingFailed(f"persistentvolumeclaim {meta.name!r} was not bound in time")
                await self._clock.sleep(POLL_SECONDS)

    async def postpone(self, postponement: Postponement) -> None:
        """Write the condition and the nomination, then evict the victims."""
        request, plan = postponement.request, postponement.plan
        self._events.event(request, "Warning", "FailedScheduling", "Scheduling", postponement.message)
        status: dict[str, Any] = {"conditions": [self._condition(request, "Unschedulable", postponement.message)]}
        if plan.node:
            status["nominatedNodeName"] = plan.node
        elif request.nominated:
            status["nominatedNodeName"] = None
        await self._patch_status(request, status)
        await asyncio.gather(*(self._evict(victim, request, plan.node or "") for victim in plan.victims))

    async def gated(self, request: PodRequest) -> None:
        """Say that a Pod waits for its scheduling gates."""
        message = "Scheduling is blocked due to non-empty scheduling gates"
        await self._patch_status(request, {"conditions": [self._condition(request, "SchedulingGated", message)]})

    def _condition(self, request: PodRequest, reason: str, message: str) -> dict[str, Any]:
        now = format_time(self._clock.now())
        return {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastTransitionTime": now,
            "observedGeneration": request.generation,
        }

    async def _patch_status(self, request: PodRequest, status: dict[str, Any]) -> None:
        patch = {"metadata": {"uid": request.uid}, "status": status}
        try:
            await self._client.patch(
                Pod, request.name, request.namespace, patch, content_type=PatchType.STRATEGIC, subresource="status"
            )
        except KybernError as error:
            # The Pod may be gone or replaced; if not, the next refusal writes the condition again.
            log.debug("status of %s was not written: %s", request.subject, error)

    async def _evict(self, victim: PodRequest, preemptor: PodRequest, node: str) -> None:
        """Mark the victim as disrupted, then delete it with its own grace period."""
        message = f"{COMPONENT}: preempting to accommodate a higher priority pod"
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": message,
            "lastTransitionTime": format_time(self._clock.now()),
            "observedGeneration": victim.generation,
        }
        if victim.identity.terminating:
            return
        await self._patch_status(victim, {"conditions": [condition]})
        try:
            await self._client.delete(Pod, victim.name, victim.namespace, uid=victim.uid)
        except NotFound:
            return
        except KybernError as error:
            log.warning("could not evict %s for %s: %s", victim.subject, preemptor.subject, error)
            return
        trace.record(
            victim.subject,
            trace.Verdict.ACTED,
            "Preempted",
            f"evicted from {node}: {preemptor.subject} has priority {preemptor.priority}, this Pod {victim.priority}",
            component=COMPONENT,
            revision=victim.revision,
            uid=victim.uid,
            seen={"node": node, "preemptor": preemptor.subject},
        )
        note = f"Preempted by pod {preemptor.uid} on node {node}"
        self._events.event(victim, "Normal", "Preempted", "Preempting", note, related=preemptor)
