"""Keeps the Node object true and its Lease fresh; registers the node when it is not there.

The Lease says that the node is alive, every ten seconds and cheaply; the status is written only when it changed, and
every five minutes (KEP-589).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from kybern.api.types import to_dict
from kybern.api.types.coordination_v1 import Lease, LeaseSpec
from kybern.api.types.core_v1 import ContainerImage, Node, NodeCondition, NodeSpec, NodeStatus, Taint
from kybern.api.types.meta_v1 import ObjectMeta, OwnerReference
from kybern.base.clock import Clock, format_micro_time
from kybern.base.errors import AlreadyExists, Conflict, KybernError, NotFound
from kybern.client.client import Client, PatchType
from kybern.kubelet.events import NodeEvents
from kybern.kubelet.eviction.thresholds import Thresholds
from kybern.kubelet.node.machine import Machine, read_pressure
from kybern.kubelet.node.status import Health, Identity, capacity, labels, node_status, same

log = logging.getLogger(__name__)

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
RENEW_SECONDS = 10.0
"""A quarter of the lease, as upstream's `nodeLeaseDurationSeconds`."""
UNREADY_SECONDS = 1.0
"""How often the status is looked at while the node is not Ready: that its runtime is back is told soon."""
STATUS_SECONDS = 10.0
"""How often the status is looked at (`nodeStatusUpdateFrequency`)."""
REPORT_SECONDS = 300.0
"""How often it is written when nothing changed (`nodeStatusReportFrequency`)."""
RETRY_SECONDS = 0.2
"""First wait while the API server cannot be reached; it doubles up to RENEW_SECONDS."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the kubelet's other parts know of the node's health."""

    health: Callable[[], Awaitable[Health]]
    images: Callable[[], Awaitable[Sequence[ContainerImage]]]


@dataclass(frozen=True, slots=True)
class Registration:
    """How a new node introduces itself."""

    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Taint] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    """What must stay free of the machine."""
    pod_cidr: str = ""
    """The range of the node's Pods, where its network is laid out already; "": a controller gives it one."""


class NodeAgent:
    """One node's voice. `run` ends only when cancelled."""

    def __init__(
        self,
        client: Client,
        identity: Identity,
        machine: Machine,
        directory: Path,
        observed: Observed,
        events: NodeEvents,
        clock: Clock,
        registration: Registration | None = None,
    ) -> None:
        self._client = client
        self._identity = identity
        self._machine = machine
        self._directory = directory
        self._observed = observed
        self._events = events
        self._clock = clock
        self._registration = registration or Registration()
        self._written: NodeStatus | None = None
        self._written_at = 0.0
        self._hurry = asyncio.Event()
        self.node: Node | None = None
        """The Node as the API server last gave it."""

    def hurry(self) -> None:
        """Look at the status now: something about the node changed."""
        self._hurry.set()

    def was_deleted(self) -> None:
        """Someone deleted the Node while its kubelet lives: introduce it again."""
        self._written = None
        self.hurry()

    def seen(self, node: Node) -> None:
        """The Node as it is now. What others said of its conditions (it was silent, so it is Unknown) is answered; what
        they say that it has beyond the machine's resources can be asked for from now on, and no longer than they say so."""
        if self._written is None or self.node is None or _revision(node) <= _revision(self.node):
            return
        self.node = node
        if self._beyond_machine(node.status.capacity) != self._beyond_machine(node.status.allocatable):
            self._written = replace(self._written, allocatable=node.status.allocatable)
            self.hurry()
        theirs = {each.type: each for each in node.status.conditions}
        conditions = [theirs.get(own.type) for own in self._written.conditions]
        if any(each is None or each.status != _known(self._written, each.type) for each in conditions):
            self._written = replace(self._written, conditions=[each for each in conditions if each is not None])
            self.hurry()

    async def run(self) -> None:
        """Register, then keep Lease and status."""
        await self._insist(self._register)
        self._events.normal("Starting", "Starting kubelet.")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_lease())
            group.create_task(self._keep_status())

    async def _insist(self, action: Callable[[], Awaitable[None]]) -> None:
        wait = RETRY_SECONDS
        while True:
            try:
                return await action()
            except KybernError as error:
                log.info("node %s: %s; again in %.1f s", self._identity.name, error, wait)
            await self._clock.sleep(wait)
            wait = min(2 * wait, RENEW_SECONDS)

    async def _register(self) -> None:
        own_labels = {**labels(self._identity, self._machine), **self._registration.labels}
        status = await self._status(())
        node = Node(
            metadata=ObjectMeta(
                name=self._identity.name,
                labels=own_labels,
                annotations={"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
            ),
            spec=NodeSpec(
                taints=list(self._registration.taints),
                pod_cidr=self._registration.pod_cidr,
                pod_cidrs=[self._registration.pod_cidr] if self._registration.pod_cidr else [],
            ),
            status=status,
        )
        try:
            self.node = await self._client.create(node)
        except AlreadyExists:
            patch = {"metadata": {"labels": own_labels}}
            self.node = await self._client.patch(Node, self._identity.name, "", patch)
        await self._write_status(await self._status(self.node.status.conditions))

    async def _keep_status(self) -> None:
        while True:
            try:
                await self._look()
            except NotFound:
                await self._insist(self._register)
            except KybernError as error:
                log.warning("node status: %s", error)
            await self._pause()

    async def _pause(self) -> None:
        waiting = asyncio.ensure_future(self._hurry.wait())
        well = _known(self._written, "Ready") == "True"
        sleeping = asyncio.ensure_future(self._clock.sleep(STATUS_SECONDS if well else UNREADY_SECONDS))
        try:
            await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()
            self._hurry.clear()

    async def _look(self) -> None:
        before = self._written.conditions if self._written else ()
        status = await self._status(before)
        due = self._clock.monotonic() - self._written_at >= REPORT_SECONDS
        if due or self._written is None or not same(status, self._written):
            await self._write_status(status)

    async def _status(self, before: Sequence[NodeCondition]) -> NodeStatus:
        pressure = await asyncio.to_thread(read_pressure, self._directory)
        health, images = await self._observed.health(), await self._observed.images()
        return node_status(
            self._identity,
            self._machine,
            pressure,
            health,
            images,
            before,
            self._clock.now(),
            self._registration.thresholds,
            self._beyond_machine(self.node.status.capacity) if self.node is not None else {},
        )

    def _beyond_machine(self, resources: Mapping[str, str]) -> dict[str, str]:
        """Those of other names than the machine's own: extended resources."""
        own = capacity(self._machine)
        return {name: amount for name, amount in resources.items() if name not in own}

    async def _write_status(self, status: NodeStatus) -> None:
        previous = self._written
        patch = {"status": to_dict(status)}
        if self.node is not None:
            held = self.node.status.allocatable
            patch["status"]["allocatable"] |= {name: None for name in held if name not in status.allocatable}
        self.node = await self._client.patch(
            Node, self._identity.name, "", patch, content_type=PatchType.STRATEGIC, subresource="status"
        )
        self._written, self._written_at = status, self._clock.monotonic()
        for condition in status.conditions:
            reason = _WORDS.get((condition.type, condition.status))
            if reason is not None and _known(previous, condition.type) != condition.status:
                self._events.normal(reason, f"Node {self._identity.name} status is now: {reason}")

    async def _keep_lease(self) -> None:
        wait = RETRY_SECONDS
        while True:
            try:
                await self._renew()
                wait = RENEW_SECONDS
            except KybernError as error:
                log.warning("lease of node %s: %s", self._identity.name, error)
                wait = min(2 * wait, RENEW_SECONDS)
            await self._clock.sleep(wait)

    async def _renew(self) -> None:
        spec = LeaseSpec(
            holder_identity=self._identity.name,
            lease_duration_seconds=LEASE_SECONDS,
            renew_time=format_micro_time(self._clock.now()),
        )
        try:
            await self._client.patch(Lease, self._identity.name, LEASE_NAMESPACE, {"spec": to_dict(spec)})
        except NotFound:
            metadata = ObjectMeta(name=self._identity.name, namespace=LEASE_NAMESPACE, owner_references=self._owner())
            try:
                await self._client.create(Lease(metadata=metadata, spec=spec))
            except (AlreadyExists, Conflict):
                log.debug("the lease was made by someone else; it is renewed next time")

    def _owner(self) -> list[OwnerReference]:
        if self.node is None:
            return []
        uid = self.node.metadata.uid
        return [OwnerReference(api_version="v1", kind="Node", name=self._identity.name, uid=uid)]


_WORDS = {
    ("MemoryPressure", "True"): "NodeHasInsufficientMemory",
    ("MemoryPressure", "False"): "NodeHasSufficientMemory",
    ("DiskPressure", "True"): "NodeHasDiskPressure",
    ("DiskPressure", "False"): "NodeHasNoDiskPressure",
    ("PIDPressure", "True"): "NodeHasInsufficientPID",
    ("PIDPressure", "False"): "NodeHasSufficientPID",
    ("Ready", "True"): "NodeReady",
    ("Ready", "False"): "NodeNotReady",
}
"""The events' reasons, by condition and status."""


def _revision(node: Node) -> int:
    return int(node.metadata.resource_version or 0)


def _known(status: NodeStatus | None, type: str) -> str:
    return next((each.status for each in status.conditions if each.type == type), "") if status else ""
