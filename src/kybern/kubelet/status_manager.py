"""Takes Pod statuses to the API server: only what changed, as often as it takes, and the last deletion of a Pod.

The newest status of each Pod waits, older ones are dropped; an outage delays, it loses nothing. No Pod waits for
another: a write that takes long or is refused is its own Pod's. Without a client the statuses are only kept.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from kybern.api.types import to_dict
from kybern.api.types.core_v1 import ContainerStatus, Pod, PodStatus
from kybern.base.clock import Clock
from kybern.base.errors import Conflict, KybernError, NotFound
from kybern.client.client import Client, PatchType
from kybern.kubelet.allocation import CONDITIONS
from kybern.kubelet.conditions import OWNED
from kybern.kubelet.counters import METRIC_KINDS, TERMINATED_CONTAINERS, Counters
from kybern.kubelet.labels import is_static
from kybern.kubelet.pod_spec import Kind

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, PAUSE_LIMIT_SECONDS = 0.2, 10.0
PARALLEL_WRITES = 10
REPLACED = ("podIPs", "hostIPs")
"""Lists that the API server would merge by key, while here the whole list is known."""

MirrorOf = Callable[[Pod], Pod | None]


class StatusManager:
    """`mirror_of` gives the API's picture of a static Pod, whose status is written instead."""

    def __init__(
        self, client: Client | None, clock: Clock, mirror_of: MirrorOf, counters: Counters | None = None
    ) -> None:
        self._counters = counters if counters is not None else Counters()
        self._client = client
        self._clock = clock
        self._mirror_of = mirror_of
        self._latest: dict[str, tuple[Pod, PodStatus]] = {}
        self._written: dict[str, dict[str, Any]] = {}
        """The status that the API server has, by the uid of the object that was written."""
        self._revisions: dict[str, int] = {}
        """Of our last write, by the same."""
        self._finished: dict[str, Pod] = {}
        self._dirty: dict[str, float] = {}
        """When to write, by the loop's monotonic clock."""
        self._pauses: dict[str, float] = {}
        """The last pause after a failure."""
        self._busy: set[str] = set()
        self._changed = asyncio.Event()

    def set(self, pod: Pod, status: PodStatus) -> None:
        """Have the status written soon, if it is news."""
        uid = pod.metadata.uid
        before = self._latest.get(uid)
        self._latest[uid] = (pod, status)
        if before is None or before[1] != status:
            self._count_ends(before[1] if before else pod.status, status)
            self._mark(uid)

    def _count_ends(self, before: PodStatus, after: PodStatus) -> None:
        """Count each container that has ended since."""
        ended = {(kind, each.name) for kind, each in _containers(before) if each.state and each.state.terminated}
        for kind, each in _containers(after):
            end = each.state.terminated if each.state else None
            if end is not None and (kind, each.name) not in ended:
                self._counters.add(TERMINATED_CONTAINERS, kind, str(end.exit_code), end.reason)

    def get(self, uid: str) -> PodStatus | None:
        """The newest status of a Pod."""
        found = self._latest.get(uid)
        return found[1] if found else None

    def all(self) -> list[tuple[Pod, PodStatus]]:
        """Every Pod of the node with its newest status."""
        return list(self._latest.values())

    def finish(self, pod: Pod, *, removed: bool) -> None:
        """Nothing of the Pod is left here: delete it from the API for good, unless it is `removed` already."""
        uid = pod.metadata.uid
        if removed or is_static(pod):
            self._latest.pop(uid, None)
            self._written.pop(uid, None)
            self._revisions.pop(uid, None)
            self._dirty.pop(uid, None)
            self._pauses.pop(uid, None)
            return
        self._finished[uid] = pod
        self._mark(uid)

    def seen(self, pod: Pod) -> None:
        """The API's version of a Pod came: what it says is what is written there, unless we have written since."""
        uid = pod.metadata.uid
        if _revision(pod) < self._revisions.get(uid, 0):
            return
        self._written[uid] = to_dict(pod.status)
        if uid in self._latest:
            self._mark(uid)  # Where it differs from what we know, it is written again.

    def refresh(self, uid: str) -> None:
        """Write again although nothing changed: the mirror is a new one."""
        if uid in self._latest:
            self._mark(uid)

    def _mark(self, uid: str, pause: float = 0.0) -> None:
        self._dirty[uid] = self._clock.monotonic() + pause
        self._changed.set()

    async def run(self) -> None:
        """Write until cancelled."""
        if self._client is None:
            return
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                now = self._clock.monotonic()
                due = [uid for uid, at in self._dirty.items() if at <= now and uid not in self._busy]
                for uid in due[: PARALLEL_WRITES - len(self._busy)]:
                    del self._dirty[uid]
                    self._busy.add(uid)
                    tasks.create_task(self._sync(self._client, uid), name=f"status of {uid}")
                later = [at - now for at in self._dirty.values() if at > now]
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(later, default=None)):
                        await self._changed.wait()

    async def _sync(self, client: Client, uid: str) -> None:
        try:
            await self._write(client, uid)
            await self._delete(client, uid)
            self._pauses.pop(uid, None)
        except NotFound:
            self._drop(uid)
        except Conflict:
            self._drop(uid)  # Another Pod has the name by now; ours is gone.
        except KybernError as error:
            log.info("status of pod %s is not written yet: %s", uid, error)
            pause = min(2 * self._pauses.get(uid, FIRST_PAUSE_SECONDS / 2), PAUSE_LIMIT_SECONDS)
            self._pauses[uid] = pause
            if uid not in self._dirty:
                self._mark(uid, pause)
        finally:
            self._busy.discard(uid)
            self._changed.set()

    async def _write(self, client: Client, uid: str) -> None:
        found = self._latest.get(uid)
        if found is None:
            return
        pod, status = found
        if is_static(pod):
            mirror = self._mirror_of(pod)
            if mirror is None:
                return  # `refresh` comes when there is one.
            pod = mirror
        target = pod.metadata.uid
        patch = status_patch(self._written.get(target, {}), to_dict(status))
        if not patch:
            return
        body = {"metadata": {"uid": target}, "status": patch}
        answer = await client.patch(
            Pod, pod.metadata.name, pod.metadata.namespace, body, content_type=PatchType.STRATEGIC, subresource="status"
        )
        self._written[target] = to_dict(answer.status)
        self._revisions[target] = _revision(answer)

    async def _delete(self, client: Client, uid: str) -> None:
        pod = self._finished.get(uid)
        if pod is None:
            return
        meta = pod.metadata
        await client.delete(Pod, meta.name, meta.namespace, uid=uid, grace_period_seconds=0)
        self._drop(uid)

    def _drop(self, uid: str) -> None:
        if uid in self._finished or uid not in self._latest:
            self._finished.pop(uid, None)
            self._latest.pop(uid, None)
            self._written.pop(uid, None)
            self._revisions.pop(uid, None)
            self._pauses.pop(uid, None)


def _containers(status: PodStatus) -> Iterator[tuple[str, ContainerStatus]]:
    for kind, statuses in (
        (METRIC_KINDS[Kind.INIT], status.init_container_statuses),
        (METRIC_KINDS[Kind.REGULAR], status.container_statuses),
        (METRIC_KINDS[Kind.EPHEMERAL], status.ephemeral_container_statuses),
    ):
        for each in statuses:
            yield kind, each


def _revision(pod: Pod) -> int:
    text = pod.metadata.resource_version
    return int(text) if text.isdecimal() else 0


WRITTEN = frozenset((*OWNED, "DisruptionTarget"))
"""Conditions that the kubelet writes. Others' (readiness gates) it only reads: what it knows of them may be old."""


def status_patch(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A strategic merge patch of the fields that differ; {} when none does."""
    patch: dict[str, Any] = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new or name in ("resize", "nominatedNodeName", "resourceClaimStatuses"):
            continue  # Those are others' to write.
        if name == "conditions":
            former = {condition["type"]: condition for condition in old or []}
            # A merge keeps what it is not told of: a reason that no longer holds is taken away by name.
            changed = [
                {**dict.fromkeys(former.get(condition["type"], {})), **condition}
                for condition in new or []
                if condition["type"] in WRITTEN and condition != former.get(condition["type"])
            ]
            kept = {condition["type"] for condition in new or []}
            changed += [
                {"type": type, "$patch": "delete"} for type in former if type in CONDITIONS and type not in kept
            ]
            if changed:
                patch[name] = changed
        elif name in REPLACED and old:
            patch[name] = [{"$patch": "replace"}, *(new or [])]
        else:
            patch[name] = new
    return patch
