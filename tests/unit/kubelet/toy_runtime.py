"""A container runtime in memory, as slow to write things down as a test wants, and a node's workers on top of it."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from kybern.api.types.core_v1 import Container, Pod
from kybern.base.clock import SystemClock
from kybern.kubelet.backoff import Backoff
from kybern.kubelet.cgroups import Cgroups
from kybern.kubelet.counters import Counters
from kybern.kubelet.cri import Runtime
from kybern.kubelet.events import NoEvents
from kybern.kubelet.exits import Exits
from kybern.kubelet.images import Images
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.labels import CONTAINER_HASH, CONTAINER_NAME, POD_UID, container_hash
from kybern.kubelet.pod_actions import WorkerParts
from kybern.kubelet.pod_workers import PodWorkers
from kybern.kubelet.ports import ContainerPlace, MountedVolume, ProbeKind
from kybern.kubelet.preemption import Room
from kybern.kubelet.probes.prober import Prober
from kybern.kubelet.pulled_images import PulledImages
from kybern.kubelet.runtime.views import (
    Auth,
    ContainerRecord,
    ContainerState,
    ContainerStatus,
    Image,
    RuntimeEvent,
    RuntimeFeatures,
    Sandbox,
)
from kybern.kubelet.starting import Parts
from kybern.kubelet.status_manager import StatusManager
from kybern.kubelet.volumes.image import ImageMounts

from .worlds import sandbox, status

WAIT_SECONDS = 120.0


class ToyRuntime:
    """What containers are, and what is told of them: an end is what a test tells, and what it writes down."""

    def __init__(self) -> None:
        self.sandboxes: dict[str, Sandbox] = {}
        self.containers: dict[str, ContainerStatus] = {}
        self.homes: dict[str, str] = {}
        self.hear: Callable[[RuntimeEvent], None] = lambda _: None
        self.started: Callable[[str], Awaitable[None]] | None = None
        """Called with the id before a start returns."""
        self.has_images = True
        self.looks = 0
        self.looking: Callable[[], Awaitable[None]] | None = None
        """Called before containers are listed."""

    def running(self, name: str) -> list[str]:
        """The ids of the containers of this name that run."""
        found = self.containers.values()
        return [each.id for each in found if each.name == name and each.state is ContainerState.RUNNING]

    def tell(self, id: str) -> None:
        self.hear(RuntimeEvent(id, is_end=True))

    def write_down(self, id: str, code: int = 0) -> None:
        """From now on the answers show the end."""
        before, state = self.containers[id], ContainerState.EXITED
        self.containers[id] = dataclasses.replace(before, state=state, exit_code=code, finished_at_ns=1)

    # What is asked of a runtime

    async def features(self) -> RuntimeFeatures:
        return RuntimeFeatures()

    async def image(self, reference: str) -> Image | None:
        return Image("sha256:1", (reference,), (), 1, None, "", pinned=False) if self.has_images else None

    async def run_sandbox(self, config: Mapping[str, Any], *, handler: str = "") -> str:
        made = sandbox(len(self.sandboxes))
        self.sandboxes[made.id] = made
        return made.id

    async def stop_sandbox(self, id: str) -> None:
        self.sandboxes[id] = dataclasses.replace(self.sandboxes[id], ready=False)

    async def remove_sandbox(self, id: str) -> None:
        self.sandboxes.pop(id, None)

    async def list_sandboxes(self, labels: Mapping[str, str] | None = None) -> list[Sandbox]:
        return list(self.sandboxes.values())

    async def sandbox_status(self, id: str) -> Sandbox:
        return self.sandboxes[id]

    async def create_container(self, home: str, config: Mapping[str, Any], pod: Mapping[str, Any]) -> str:
        name, count = config["name"], len(self.containers)
        fields = {"id": f"{name}-{count}", "created_at_ns": count + 1, "annotations": config["annotations"]}
        made = status(name, 0, ContainerState.CREATED, labels={CONTAINER_NAME: name, POD_UID: "u"}, **fields)
        self.containers[made.id], self.homes[made.id] = made, home
        return made.id

    async def start_container(self, id: str) -> None:
        self.containers[id] = dataclasses.replace(self.containers[id], state=ContainerState.RUNNING)
        if self.started is not None:
            await self.started(id)

    async def stop_container(self, id: str, grace_seconds: int) -> None:
        self.write_down(id, 137)

    async def remove_container(self, id: str) -> None:
        self.containers.pop(id, None)

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> list[ContainerRecord]:
        self.looks += 1
        if self.looking is not None:
            await self.looking()
        return [
            ContainerRecord(each.id, self.homes[each.id], each.name, 0, each.state, each.created_at_ns, each.labels)
            for each in self.containers.values()
        ]

    async def container_status(self, id: str) -> ContainerStatus:
        return self.containers[id]


class Plain:
    """Pods without volumes, secrets and settings: what a container is made from is its name."""

    async def mount(self, pod: Pod) -> Mapping[str, MountedVolume]:
        return {}

    async def refresh(self, pod: Pod) -> None: ...

    async def unmount(self, pod: Pod) -> None: ...

    async def forget(self, pod: Pod) -> None: ...

    async def credentials(self, pod: Pod, image: str) -> list[Auth]:
        return []

    async def sandbox(self, pod: Pod, attempt: int, cgroup_parent: str) -> Mapping[str, Any]:
        return {}

    async def handler(self, pod: Pod) -> str:
        return ""

    async def build(self, pod: Pod, container: Container, place: ContainerPlace) -> Mapping[str, Any]:
        return {"name": container.name, "annotations": {CONTAINER_HASH: container_hash(container)}}


class ToldProber(Prober):
    """Probes whose results a test tells."""

    def __init__(self, runtime: Any) -> None:
        super().__init__(runtime, SystemClock(), NoEvents())
        self.results: dict[tuple[ProbeKind, str], bool] = {}

    def result(self, kind: ProbeKind, container_id: str) -> bool | None:
        return self.results.get((kind, container_id))

    def sync(self, *_: Any, **__: Any) -> None: ...


class ToyNode:
    """The workers of a node without an API server. Nothing but what a test does wakes them."""

    def __init__(self, runtime: ToyRuntime, directory: Path, tasks: asyncio.TaskGroup) -> None:
        self.runtime, self.prober = runtime, ToldProber(runtime)
        asked, clock, plain = cast(Runtime, runtime), SystemClock(), Plain()
        config = KubeletConfig(
            "n",
            root_directory=directory,
            pod_logs_directory=directory / "logs",
            container_logs_directory=None,
            cgroups_per_qos=False,
        )
        images = Images(asked, Backoff(), plain, clock, 1, PulledImages(directory / "pulled.json"))
        mounts, cgroups, counters = ImageMounts(asked, ""), Cgroups("/", cfs_quota=False), Counters()
        parts = Parts(config, asked, clock, NoEvents(), images, plain, plain, mounts, cgroups, counters)
        self.statuses = StatusManager(None, clock, lambda _: None)
        shared = WorkerParts(parts, self.statuses, self.prober, Backoff(), Backoff(), Exits())
        self.workers = PodWorkers(
            shared, tasks, lambda *_: None, lambda *_: Room(), lambda *_: None, component="kubelet/n"
        )
        runtime.hear = self.workers.hear

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for it."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():
                await asyncio.sleep(0.001)

    def end(self) -> None:
        for worker in self.workers.all():
            worker.remove(at_once=True)


@asynccontextmanager
async def toy_node(directory: Path) -> AsyncIterator[ToyNode]:
    """A node on which nothing runs; in the end its Pods are ended."""
    async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        node = ToyNode(ToyRuntime(), directory, tasks)
        yield node
        node.end()
