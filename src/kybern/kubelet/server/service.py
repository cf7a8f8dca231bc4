"""The node's server as a service of the kubelet: lives as long as it does and reads its workers."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kybern.base.clock import Clock
from kybern.client.client import Client
from kybern.kubelet.counters import Counters
from kybern.kubelet.cri import Runtime
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.server.configz import configz
from kybern.kubelet.server.exec import CriExecutor, Executor, OciExecutor
from kybern.kubelet.server.gate import Gate
from kybern.kubelet.server.node_containers import NodeContainers, Worker
from kybern.kubelet.server.routes import Routes
from kybern.kubelet.server.serve import ServerConfig, serve
from kybern.transport import TlsFiles


class Workers(Protocol):
    """The workers of all Pods of the node."""

    def all(self) -> Sequence[Worker]: ...


class Node(Protocol):
    """What is needed of a kubelet."""

    @property
    def config(self) -> KubeletConfig: ...
    @property
    def runtime(self) -> Runtime: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def client(self) -> Client | None: ...
    @property
    def counters(self) -> Counters: ...
    @property
    def workers(self) -> Workers | None: ...


@dataclass(frozen=True, slots=True)
class NodeServer:
    """How the node is reached over HTTPS."""

    addresses: Sequence[tuple[str, int]]
    tls: TlsFiles
    oci: OciExecutor | None = None
    """The OCI runtime below our own containerd; None: exec goes through the CRI, as with any runtime."""

    def service(self) -> Callable[[Node], Coroutine[Any, Any, None]]:
        """For the kubelet's `Extensions.services`."""

        async def run(node: Node) -> None:
            def workers() -> Sequence[Worker]:
                return node.workers.all() if node.workers is not None else ()

            executor: Executor = self.oci or CriExecutor(node.runtime)
            config = node.config
            routes = Routes(
                node_name=config.node_name,
                containers=NodeContainers(workers, node.runtime),
                runtime=node.runtime,
                executor=executor,
                clock=node.clock,
                directory=config.root_directory,
                refuse=Gate(config.node_name, node.client, node.clock).refuse,
                configuration=configz(config),
                counters=node.counters,
            )
            await serve(ServerConfig(self.addresses, self.tls), routes, node.clock)

        return run
