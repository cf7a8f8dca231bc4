"""The kubelet's workers and its runtime, as the server sees them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from kybern.api.types.core_v1 import Container, Pod, PodSpec
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.labels import CONTAINER_NAME, POD_UID
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.runtime.views import ContainerState, ContainerStats
from kybern.kubelet.server.containers import PodNetwork
from kybern.kubelet.server.network import namespace_of


class Worker(Protocol):
    """A Pod of this node and what the runtime has of it."""

    pod: Pod
    observed: PodRuntime


class NodeContainers:
    """Keeps the contract of `Containers`."""

    def __init__(self, workers: Callable[[], Iterable[Worker]], runtime: Runtime) -> None:
        self._workers = workers
        self._runtime = runtime

    def pods(self) -> Sequence[Pod]:
        return [worker.pod for worker in self._workers()]

    def find(self, namespace: str, name: str) -> Pod | None:
        """The newest of that name: what had it before may still be on its way out."""
        found = None
        for worker in self._workers():
            if (worker.pod.metadata.namespace, worker.pod.metadata.name) == (namespace, name):
                found = worker.pod
        return found

    def running(self, pod: Pod, container: str) -> str | None:
        observed = self._observed(pod)
        active = observed.active(container) if observed is not None else None
        return active.id if active is not None and active.state is ContainerState.RUNNING else None

    async def is_running(self, container: str) -> bool:
        for worker in self._workers():
            if container in worker.observed.homes:
                return any(each.id == container for each in worker.observed.running)
        return False

    async def log_path(self, container: str) -> Path | None:
        try:
            status = await self._runtime.container_status(container)
        except RuntimeFailed as error:
            if error.code == "NOT_FOUND":
                return None
            raise
        return Path(status.log_path) if status.log_path else None

    async def network(self, pod: Pod) -> PodNetwork | None:
        observed = self._observed(pod)
        sandbox = observed.sandbox if observed is not None else None
        if sandbox is None or not sandbox.ready:
            return None
        if sandbox.host_network:
            return PodNetwork(sandbox.id, "")
        namespace = namespace_of(await self._runtime.sandbox_info(sandbox.id))
        # Without the path nothing is forwarded: "" would be the node's own loopback.
        return PodNetwork(sandbox.id, namespace) if namespace else None

    async def running_pods(self) -> list[Pod]:
        containers: dict[str, list[Container]] = {}
        for record in await self._runtime.list_containers():
            if record.state is ContainerState.RUNNING and CONTAINER_NAME in record.labels:
                containers.setdefault(record.sandbox, []).append(Container(name=record.labels[CONTAINER_NAME]))
        return [
            Pod(
                metadata=ObjectMeta(name=sandbox.name, namespace=sandbox.namespace, uid=sandbox.uid),
                spec=PodSpec(containers=containers.get(sandbox.id, [])),
            )
            for sandbox in await self._runtime.list_sandboxes()
            if sandbox.ready and POD_UID in sandbox.labels
        ]

    async def stats(self) -> list[ContainerStats]:
        return await self._runtime.stats()

    def _observed(self, pod: Pod) -> PodRuntime | None:
        for worker in self._workers():
            if worker.pod.metadata.uid == pod.metadata.uid:
                return worker.observed
        return None
