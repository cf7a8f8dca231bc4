"""The workers of all Pods of this node, whatever source a Pod came from."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kybern.api.types.core_v1 import Container, Pod, PodSpec
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.kubelet.counters import PREEMPTIONS
from kybern.kubelet.labels import (
    DELETION_GRACE_PERIOD,
    POD_NAME,
    POD_NAMESPACE,
    POD_UID,
    TERMINATION_GRACE_PERIOD,
    format_pod,
    is_static,
)
from kybern.kubelet.node_admission import Refusal
from kybern.kubelet.observed import states_of
from kybern.kubelet.pod_actions import WorkerParts
from kybern.kubelet.pod_spec import grace_seconds, is_terminal
from kybern.kubelet.pod_worker import PodWorker
from kybern.kubelet.preemption import PREEMPTED, NoRoom, Room
from kybern.kubelet.runtime.views import ContainerRecord, RuntimeEvent, Sandbox
from kybern.trace import Verdict, record

Admit = Callable[[Pod, list[Pod]], Refusal | None]


@dataclass
class PodWorkers:
    """Starts, feeds and forgets workers. Their tasks live in `tasks`."""

    shared: WorkerParts
    tasks: asyncio.TaskGroup
    admit: Admit
    room: Callable[[Pod, list[Pod]], Room]
    """Which of the others have to end before an admitted Pod has room. Raises NoRoom."""
    fit: Admit
    """Whether a Pod may have other resources than it has."""
    component: str

    def __post_init__(self) -> None:
        self._workers: dict[str, PodWorker] = {}
        self._unknown: set[str] = set()
        """Sandboxes of the last list that belong to no worker's Pod."""

    def get(self, uid: str) -> PodWorker | None:
        return self._workers.get(uid)

    def all(self) -> list[PodWorker]:
        return list(self._workers.values())

    def update(self, pod: Pod) -> None:
        """A Pod of this node, new or changed."""
        worker = self._workers.get(pod.metadata.uid)
        if worker is not None:
            worker.update(pod)
            return
        worker = self._worker(pod)
        victims = self._admit(worker)
        before = self._before(pod)
        waits = [each.ended for each in victims]
        self._begin(worker, [*waits, before.finished] if before else waits)

    def remove(self, uid: str, *, at_once: bool = False) -> None:
        """A Pod that its source has no more; `at_once`: without the grace of its spec."""
        worker = self._workers.get(uid)
        if worker is not None:
            worker.remove(at_once=at_once)

    def end_orphans(self, sandboxes: Iterable[Sandbox]) -> None:
        """End each Pod that runs and that no source knows: it was deleted while no kubelet was looking. Only what two
        lists show is ended: a worker may have removed the last of its Pod while one was on its way."""
        unknown = [each for each in sandboxes if POD_UID in each.labels and each.uid not in self._workers]
        for sandbox in unknown:
            if sandbox.id in self._unknown and sandbox.uid not in self._workers:
                worker = self._worker(restore_pod(sandbox))
                worker.remove()
                self._begin(worker, [])
        self._unknown = {sandbox.id for sandbox in unknown}

    def hear(self, event: RuntimeEvent) -> None:
        """Something happened to a container or a sandbox. One that no worker knows is one that a worker is making: it
        looks when it is done, and then an end is remembered."""
        if event.is_end:
            self.shared.exits.tell(event.id)
        for worker in self._workers.values():
            observed = worker.observed
            if event.id in observed.homes or any(sandbox.id == event.id for sandbox in observed.sandboxes):
                worker.wake()
                return

    def compare(self, sandboxes: Iterable[Sandbox], containers: Iterable[ContainerRecord]) -> None:
        """Wake each worker whose last look shows anything else than what the whole runtime is now."""
        listed = {uid: (list[Sandbox](), list[ContainerRecord]()) for uid in self._workers}
        for sandbox in sandboxes:
            if sandbox.uid in listed:
                listed[sandbox.uid][0].append(sandbox)
        for container in containers:
            uid = container.labels.get(POD_UID, "")
            if uid in listed:
                listed[uid][1].append(container)
        for uid, found in listed.items():
            worker = self._workers[uid]
            if worker.observed.states != states_of(*found):
                worker.wake()

    def wake_all(self) -> None:
        for worker in self._workers.values():
            worker.wake()

    def _worker(self, pod: Pod) -> PodWorker:
        def fits(wanted: Pod) -> Refusal | None:
            return self.fit(wanted, self._beside(wanted))

        return PodWorker(pod, self.shared, component=self.component, fits=fits)

    def _beside(self, pod: Pod) -> list[Pod]:
        """The other Pods that use the node."""
        uid = pod.metadata.uid
        return [worker.pod for other, worker in self._workers.items() if other != uid and not worker.is_ending]

    def _admit(self, worker: PodWorker) -> list[PodWorker]:
        """Refuse the Pod or take it; who ends for it."""
        pod = worker.pod
        if is_terminal(pod) or pod.metadata.deletion_timestamp:
            return []
        others = self._beside(pod)
        refusal, room = self.admit(pod, others), Room()
        if refusal is None:
            try:
                room = self.room(pod, others)
            except NoRoom as error:
                text = f"Unexpected error while attempting to recover from admission failure: {error}"
                refusal = Refusal("UnexpectedAdmissionError", text)
        if refusal is not None:
            worker.reject(refusal.reason, refusal.message)
            self._record(pod, Verdict.REFUSED, refusal.reason, refusal.message)
            self.shared.parts.sink.event(pod, "Warning", refusal.reason, refusal.message)
        for _ in room.victims:
            self.shared.parts.counters.add(PREEMPTIONS, room.short_of)
        return [self._preempt(victim, pod) for victim in room.victims]

    def _preempt(self, victim: Pod, pod: Pod) -> PodWorker:
        worker = self._workers[victim.metadata.uid]
        self.shared.parts.sink.event(victim, "Warning", PREEMPTED.reason, PREEMPTED.message)
        self._record(victim, Verdict.ACTED, PREEMPTED.reason, f"ended to make room for {format_pod(pod)}")
        worker.evict(PREEMPTED, grace_seconds(victim))
        return worker

    def _record(self, pod: Pod, verdict: Verdict, reason: str, message: str) -> None:
        subject = f"Pod/{pod.metadata.namespace}/{pod.metadata.name}"
        record(subject, verdict, reason, message, component=self.component)

    def _before(self, pod: Pod) -> PodWorker | None:
        """A static Pod of the same name that is still ending: the new one waits for it."""
        if not is_static(pod):
            return None
        meta = pod.metadata
        for worker in self._workers.values():
            other = worker.pod.metadata
            if (other.namespace, other.name) == (meta.namespace, meta.name):
                return worker
        return None

    def _begin(self, worker: PodWorker, waits: list[asyncio.Event]) -> None:
        uid = worker.pod.metadata.uid
        self._workers[uid] = worker

        async def run() -> None:
            for event in waits:
                await event.wait()
            await worker.run()
            self._workers.pop(uid, None)

        self.tasks.create_task(run(), name=f"pod {worker.pod.metadata.namespace}/{worker.pod.metadata.name}")


def restore_pod(sandbox: Sandbox) -> Pod:
    """What has to be known of a Pod to end it, from what its sandbox carries."""
    labels, annotations = sandbox.labels, sandbox.annotations
    grace = annotations.get(DELETION_GRACE_PERIOD) or annotations.get(TERMINATION_GRACE_PERIOD)
    own = (POD_NAME, POD_NAMESPACE, POD_UID)
    return Pod(
        metadata=ObjectMeta(
            name=sandbox.name,
            namespace=sandbox.namespace,
            uid=sandbox.uid,
            labels={name: text for name, text in labels.items() if name not in own},
            annotations=dict(annotations),
        ),
        spec=PodSpec(containers=list[Container](), termination_grace_period_seconds=int(grace) if grace else None),
    )
