"""The kubelet's life: connects its parts, follows its sources of Pods, runs until cancelled.

Sources are the API server (Pods bound to this node) and a directory of manifests. Neither is needed: without a client
the kubelet stands alone. Cancelling it ends no container: the next kubelet picks them up.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from kybern.api.types.core_v1 import Node, Pod, Service
from kybern.base.clock import Clock, SystemClock
from kybern.client.client import Client
from kybern.client.events import EventRecorder
from kybern.client.informer import Informer
from kybern.client.objects import Key, T
from kybern.client.queue import first_of
from kybern.kubelet.backoff import Backoff
from kybern.kubelet.cgroups import Cgroups
from kybern.kubelet.config import downward
from kybern.kubelet.container_config import PodEnvironment
from kybern.kubelet.counters import Counters
from kybern.kubelet.cri import Runtime
from kybern.kubelet.events import NodeEvents, NoEvents
from kybern.kubelet.eviction.loop import EvictionLoop
from kybern.kubelet.exits import Exits
from kybern.kubelet.following import Following
from kybern.kubelet.image_collection import ImageCollection
from kybern.kubelet.images import Images
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.labels import is_mirror
from kybern.kubelet.log_rotation import rotate_logs
from kybern.kubelet.logs.changes import Changes
from kybern.kubelet.mirror_pods import MirrorPods
from kybern.kubelet.node_admission import Refusal, decide_admission, decide_room
from kybern.kubelet.pod_actions import WorkerParts
from kybern.kubelet.pod_spec import is_terminal
from kybern.kubelet.pod_worker import PodWorker
from kybern.kubelet.pod_workers import PodWorkers
from kybern.kubelet.ports import Environment, EventSink, PullSecrets, VolumeManager
from kybern.kubelet.preemption import Room
from kybern.kubelet.probes.prober import Prober
from kybern.kubelet.pull_secrets import ApiPullSecrets
from kybern.kubelet.pulled_images import PulledImages
from kybern.kubelet.references import References
from kybern.kubelet.registration import make_agent
from kybern.kubelet.resizing import decide_fit
from kybern.kubelet.runtime_watch import relist, watch_runtime
from kybern.kubelet.starting import Parts
from kybern.kubelet.static_pods import read_static_pods
from kybern.kubelet.status_manager import StatusManager
from kybern.kubelet.volumes.claims import ApiClaims
from kybern.kubelet.volumes.image import ImageMounts
from kybern.kubelet.volumes.local import LocalVolumes
from kybern.kubelet.volumes.refresh import VolumeRefresh, has_told_more

log = logging.getLogger(__name__)

COMPONENT = "kubelet"


NodeService = Callable[["Kubelet"], Coroutine[Any, Any, None]]


@dataclass
class Extensions:
    """Parts that may be replaced; None: the plain one."""

    environment: Environment | None = None
    volumes: VolumeManager | None = None
    secrets: PullSecrets | None = None
    services: tuple[NodeService, ...] = ()
    """What else lives as long as the kubelet: the node's HTTPS server."""
    clock: Clock = field(default_factory=SystemClock)
    source: random.Random = field(default_factory=random.SystemRandom)


class Kubelet:
    """One node agent. `statuses` and `workers` are what the node's server reads."""

    def __init__(self, config: KubeletConfig, client: Client | None, extensions: Extensions) -> None:
        self.config, self.client, self.clock = config, client, extensions.clock
        self.counters = Counters()
        self.runtime = Runtime(config.runtime_socket, self.counters)
        self._services = extensions.services
        self._recorder = EventRecorder(client, COMPONENT, config.node_name, clock=self.clock) if client else None
        sink: EventSink = self._recorder or NoEvents()
        self._pods = self._informer(Pod, f"spec.nodeName={config.node_name}", extensions)
        self._nodes = self._informer(Node, f"metadata.name={config.node_name}", extensions)
        self._around = self._informer(Service, "", extensions)
        self._static: list[Pod] = []
        self._static_read = asyncio.Event()
        self._static_changed = asyncio.Event()
        """A manifest has, or a mirror is going."""
        self.mirrors = MirrorPods(client, self.node)
        self.statuses = StatusManager(client, self.clock, self.mirrors.of, self.counters)
        self._following = Following(client, self.clock, extensions.source, self._referred) if client else None
        self._references = References(client, self._around, self.clock, self._following)
        mounts = ImageMounts(self.runtime, config.runtime_socket)
        volumes = extensions.volumes or LocalVolumes(config, self._references, ApiClaims(client), self._told, mounts)
        self._refresh = VolumeRefresh(volumes, self.clock, config.volume_refresh_seconds)
        pulls = Backoff()
        parallel = 1 if config.serialize_image_pulls else config.max_parallel_image_pulls
        secrets = extensions.secrets or ApiPullSecrets(client, sink)
        records = PulledImages(config.root_directory / "image_manager" / "pulled.json")
        self.parts = Parts(
            config=config,
            runtime=self.runtime,
            clock=self.clock,
            sink=sink,
            images=Images(self.runtime, pulls, secrets, self.clock, parallel, records),
            environment=extensions.environment or PodEnvironment(config, self._references, self._told, sink),
            volumes=volumes,
            image_mounts=mounts,
            cgroups=Cgroups(config.cgroup_root, cfs_quota=config.cpu_cfs_quota),
            counters=self.counters,
        )
        self._node_events = NodeEvents(sink, config.node_name)
        self.image_collection = ImageCollection(
            config, self.runtime, self.clock, self._node_events, self._images_of_volumes
        )
        self.eviction = EvictionLoop(
            config,
            self.runtime,
            self.clock,
            sink,
            self._node_events,
            self.image_collection,
            self._all_workers,
            self.counters,
        )
        self.prober = Prober(self.runtime, self.clock, sink, self.counters)
        self._shared = WorkerParts(self.parts, self.statuses, self.prober, Backoff(), pulls, Exits())
        self.workers: PodWorkers | None = None

    def _images_of_volumes(self) -> Iterable[str]:
        for worker in self._all_workers():
            yield from (each.image.reference for each in worker.pod.spec.volumes if each.image is not None)

    def node(self) -> Node | None:
        """This node's object, as the API server has it."""
        return self._nodes.get(Key("", self.config.node_name)) if self._nodes else None

    def _told(self) -> downward.Node:
        """What containers may know of their node."""
        node = self.node()
        allocatable = node.status.allocatable if node else {}
        return downward.Node(self.config.node_name, tuple(self.config.node_ips), allocatable)

    async def run(self) -> None:
        """Until cancelled. Raises an ExceptionGroup when one of its tasks breaks."""
        try:
            async with asyncio.TaskGroup() as tasks:
                component = f"{COMPONENT}/{self.config.node_name}"
                workers = PodWorkers(self._shared, tasks, self._admit, self._room, self._fit, component)
                self.workers = workers
                self._follow(workers)
                tasks.create_task(self.statuses.run(), name="statuses")
                tasks.create_task(self._watch_files(workers), name="static pods")
                tasks.create_task(
                    watch_runtime(self.runtime, self.clock, workers.hear, workers.wake_all), name="runtime events"
                )
                tasks.create_task(self._relist(workers), name="relist")
                tasks.create_task(self._resync(workers), name="resync")
                tasks.create_task(self.eviction.run(), name="eviction")
                tasks.create_task(self.image_collection.run(), name="image collection")
                tasks.create_task(rotate_logs(self.config, self.runtime, self.clock), name="log rotation")
                tasks.create_task(self._refresh.run(self._kept_pods), name="volumes")
                if self._pods is not None and self._nodes is not None and self._around is not None:
                    tasks.create_task(self._around.run(), name="services")
                    tasks.create_task(self._pods.run(), name="pods of this node")
                    tasks.create_task(self._nodes.run(), name="this node")
                for service in self._services:
                    tasks.create_task(service(self), name="service of the node")
                if self._recorder is not None:
                    tasks.create_task(self._recorder.run(), name="events")
                    await self._register(tasks)
        finally:
            await self.prober.close()
            if self._following is not None:
                await self._following.close()
            await self.runtime.close()

    async def _register(self, tasks: asyncio.TaskGroup) -> None:
        """Introduce the node and keep its Lease and status."""
        if self.client is None or not self.config.register_node:
            return
        agent = await asyncio.to_thread(
            make_agent, self.config, self.client, self.runtime, self._node_events, self.clock
        )
        if self._nodes is not None:
            self._nodes.subscribe(lambda _, node, __: agent.was_deleted() if node is None else agent.seen(node))
        tasks.create_task(agent.run(), name="node agent")

    def _informer(self, kind: type[T], selector: str, extensions: Extensions) -> Informer[T] | None:
        if self.client is None:
            return None
        return Informer(self.client, kind, clock=extensions.clock, source=extensions.source, field_selector=selector)

    def _admit(self, pod: Pod, others: list[Pod]) -> Refusal | None:
        return decide_admission(pod, others, self.node())

    def _room(self, pod: Pod, others: list[Pod]) -> Room:
        return decide_room(pod, others, self.node())

    def _fit(self, pod: Pod, others: list[Pod]) -> Refusal | None:
        return decide_fit(pod, others, self.node())

    def _follow(self, workers: PodWorkers) -> None:
        """Pods of the API server go to the workers; mirrors only show that they are there."""
        if self._pods is None:
            return

        def on_pod(type: str, new: Pod | None, old: Pod | None) -> None:
            pod = new or old
            assert pod is not None, "an event is about an object"
            if is_mirror(pod):
                (self.mirrors.gone if type == "DELETED" else self.mirrors.seen)(pod)
                if type == "DELETED" or pod.metadata.deletion_timestamp:
                    self._static_changed.set()
            elif type == "DELETED":
                # One that was not asked to end first was deleted by force: nobody waits for it any more.
                workers.remove(pod.metadata.uid, at_once=not pod.metadata.deletion_grace_period_seconds)
            else:
                self.statuses.seen(pod)
                if old is not None and old.metadata.uid != pod.metadata.uid:
                    workers.remove(old.metadata.uid)
                if not is_terminal(pod):
                    self._references.follow(pod)
                if old is not None and has_told_more(old, pod):
                    self._refresh.mark(pod.metadata.uid)
                workers.update(pod)

        self._pods.subscribe(on_pod)

    async def _watch_files(self, workers: PodWorkers) -> None:
        """Follow the directory of manifests and keep the mirrors: at each change, and now and then."""
        while True:
            self._static_changed.clear()
            with self._changes_of_files():
                await self._look_at_files(workers)
                await first_of(self._static_changed, self.clock, self.config.file_check_frequency)

    def _changes_of_files(self) -> AbstractContextManager[object]:
        path = self.config.static_pod_path
        try:
            return nullcontext() if path is None else Changes(path, self._static_changed)
        except OSError:  # The directory may come later, and the kernel may have no watch left.
            return nullcontext()

    async def _look_at_files(self, workers: PodWorkers) -> None:
        path = self.config.static_pod_path
        if path is not None:
            found = await asyncio.to_thread(read_static_pods, path, self.config.node_name, self.clock.now())
            self._take_static(workers, found)
        self._static_read.set()
        if self._pods is not None:
            await self._pods.synced()
        for pod in await self.mirrors.sync(self._static):
            self.statuses.refresh(pod.metadata.uid)

    def _take_static(self, workers: PodWorkers, found: list[Pod]) -> None:
        known = {pod.metadata.uid: pod for pod in self._static}
        uids = {pod.metadata.uid for pod in found}
        for uid in known.keys() - uids:
            workers.remove(uid)
        for pod in found:
            if pod.metadata.uid not in known:
                workers.update(pod)
        self._static = [known.get(pod.metadata.uid, pod) for pod in found]

    def _referred(self, uid: str) -> None:
        """Something that a Pod refers to has changed."""
        self._refresh.mark(uid)
        worker = self.workers.get(uid) if self.workers else None
        if worker is not None:
            worker.references_changed()

    def _all_workers(self) -> list[PodWorker]:
        return self.workers.all() if self.workers else []

    def _kept_pods(self) -> list[Pod]:
        """The Pods whose volumes have to follow."""
        return [worker.pod for worker in self._all_workers() if not worker.is_ending]

    async def _relist(self, workers: PodWorkers) -> None:
        """Look at the whole runtime now and then: wake whom no event did. Once all sources have spoken, end what none
        knows."""
        await self._static_read.wait()
        if self._pods is not None:
            await self._pods.synced()

        async def look() -> None:
            containers, sandboxes = await self.runtime.list_containers(), await self.runtime.list_sandboxes()
            workers.end_orphans(sandboxes)
            workers.compare(sandboxes, containers)

        await relist(self.clock, self.config.relist_seconds, look)

    async def _resync(self, workers: PodWorkers) -> None:
        """Have each Pod looked at now and then, whatever was told of it."""
        while True:
            await self.clock.sleep(self.config.resync_seconds)
            workers.wake_all()


async def run(config: KubeletConfig, client: Client | None, extensions: Extensions | None = None) -> None:
    """Be a node until cancelled. Without a client only static Pods run."""
    await Kubelet(config, client, extensions or Extensions()).run()
