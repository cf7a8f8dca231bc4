"""What the server needs of the kubelet, as narrow as it can be said."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.runtime.views import ContainerStats


@dataclass(frozen=True, slots=True)
class PodNetwork:
    """Where a Pod's ports are."""

    sandbox: str
    namespace: str
    """Path of the network namespace; "" for a Pod that has the node's own."""


class Containers(Protocol):
    """The Pods of this node and what runs of them."""

    def pods(self) -> Sequence[Pod]:
        """All Pods of this node, each with the status that the kubelet last gave it."""
        ...

    def find(self, namespace: str, name: str) -> Pod | None:
        """The Pod of this name."""
        ...

    def running(self, pod: Pod, container: str) -> str | None:
        """The id of the container of this name, if it runs."""
        ...

    async def is_running(self, container: str) -> bool:
        """Whether the container of this id runs (a follower of its log waits for more)."""
        ...

    async def log_path(self, container: str) -> Path | None:
        """The log of the container of this id; None where the runtime knows no such container. Raises RuntimeFailed."""
        ...

    async def network(self, pod: Pod) -> PodNetwork | None:
        """None while the Pod has no sandbox that is ready. Raises RuntimeFailed."""
        ...

    async def running_pods(self) -> list[Pod]:
        """What the runtime runs, whoever asked for it: names, uids and containers only. Raises RuntimeFailed."""
        ...

    async def stats(self) -> list[ContainerStats]:
        """What running containers use. Raises RuntimeFailed."""
        ...
