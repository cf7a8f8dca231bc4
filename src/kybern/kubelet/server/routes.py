"""The node's HTTP API: which path leads where, with upstream's status codes and texts.

Nobody gets past `refuse` without the right to this very part of the node; this holds for every path.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from kybern.api.types import to_dict
from kybern.api.types.core_v1 import Pod
from kybern.base.clock import Clock
from kybern.kubelet.counters import Counters
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.pod_spec import find_container
from kybern.kubelet.server.cadvisor import cadvisor_metrics
from kybern.kubelet.server.command import Streams
from kybern.kubelet.server.container_logs import container_logs
from kybern.kubelet.server.containers import Containers
from kybern.kubelet.server.exec import Executor, streams_of
from kybern.kubelet.server.metrics import kubelet_metrics
from kybern.kubelet.server.network import connect_to_pod
from kybern.kubelet.server.node_logs import node_logs
from kybern.kubelet.server.plain import plain
from kybern.kubelet.server.portforward import port_forward
from kybern.kubelet.server.relay import prepare_attach
from kybern.kubelet.server.remote import answer
from kybern.kubelet.server.usage import Rates, read_node_usage, resource_metrics, summary
from kybern.transport.exchange import Answer, Request, Response

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HEALTH = ("healthz", "healthz/ping", "healthz/log", "healthz/syncloop")
RPC_STATUS = {"NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 429}
STREAMING = ("GET", "POST")


@dataclass
class Routes:
    """The handler of the node's server."""

    node_name: str
    containers: Containers
    runtime: Runtime
    executor: Executor
    clock: Clock
    directory: Path
    """On the file system that Pods' data uses."""
    refuse: Callable[[Request], Awaitable[Response | None]]
    """The answer to those who may not."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """What `/configz` tells."""
    node_logs: Path = Path("/var/log")
    rates: Rates = field(default_factory=Rates)
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self._started_at = self.clock.now()

    async def handle(self, request: Request) -> Answer:
        """Answer any request. Raises nothing but defects."""
        refused = await self.refuse(request)
        if refused is not None:
            return refused
        try:
            return await self._route(request)
        except RuntimeFailed as error:
            return plain(RPC_STATUS.get(error.code, 500), error.rpc_text)

    async def _route(self, request: Request) -> Answer:
        path = request.path.strip("/")
        streaming = path.split("/")
        match streaming:
            case ["exec" | "attach" as verb, namespace, pod, container]:
                return await self._stream(request, verb, namespace, pod, "", container)
            case ["exec" | "attach" as verb, namespace, pod, uid, container]:
                return await self._stream(request, verb, namespace, pod, uid, container)
            case ["portForward", namespace, pod]:
                return await self._port_forward(request, namespace, pod, "")
            case ["portForward", namespace, pod, uid]:
                return await self._port_forward(request, namespace, pod, uid)
        if request.method != "GET":
            return Response(405, b"405: Method Not Allowed", "text/plain; charset=utf-8", (("Allow", "GET"),))
        match streaming:
            case ["containerLogs", namespace, pod, container]:
                return await container_logs(self.containers, self.clock, request, namespace, pod, container)
            case ["pods"]:
                return _pod_list(list(self.containers.pods()))
            case ["runningpods"]:
                return _pod_list(await self.containers.running_pods())
            case ["metrics"]:
                text = kubelet_metrics(self.node_name, self.containers.pods(), self._started_at)
                return Response(200, (text + self.counters.render(probes=False)).encode(), METRICS_TYPE)
            case ["metrics", "probes"]:
                return Response(200, self.counters.render(probes=True).encode(), METRICS_TYPE)
            case ["metrics", "resource"]:
                node = await asyncio.to_thread(read_node_usage, self.directory, self.clock.now())
                text = resource_metrics(node, self.containers.pods(), await self.containers.stats())
                return Response(200, text.encode(), METRICS_TYPE)
            case ["metrics", "cadvisor"]:
                node = await asyncio.to_thread(read_node_usage, self.directory, self.clock.now())
                text = cadvisor_metrics(node, self.containers.pods(), await self.containers.stats())
                return Response(200, text.encode(), METRICS_TYPE)
            case ["configz"]:
                return Response(200, orjson.dumps(self.configuration))
            case ["logs", *parts]:
                return await node_logs(self.node_logs, request, parts)
            case ["stats", "summary"] | ["stats"]:
                node = await asyncio.to_thread(read_node_usage, self.directory, self.clock.now())
                stats = await self.containers.stats()
                told = summary(self.node_name, node, self.containers.pods(), stats, self.rates)
                return Response(200, orjson.dumps(told))
        return plain(200, "ok") if path in HEALTH else plain(404, "404: Page Not Found")

    async def _stream(self, request: Request, verb: str, namespace: str, name: str, uid: str, container: str) -> Answer:
        if request.method not in STREAMING:
            return plain(405, "405: Method Not Allowed")
        try:
            streams = streams_of(request)
        except ValueError as error:
            return plain(400, str(error))
        pod = self.containers.find(namespace, name)
        if pod is None:
            return plain(404, "pod does not exist")
        found = find_container(pod, container) if uid in ("", pod.metadata.uid) else None
        id = self.containers.running(pod, container) if found is not None else None
        if found is None or id is None:
            if verb == "attach":
                return plain(500, f"container {container} not found in pod {name}_{namespace}")
            return plain(500, f'container not found ("{container}")')
        if verb == "attach":
            # A container's first process has a terminal or has none, whatever the client would like.
            tty = bool(found[1].tty)
            own = Streams(streams.stdin, streams.stdout, streams.stderr and not tty, tty)
            serve = await prepare_attach(self.runtime, id, own)
        else:
            serve = await self.executor.prepare(id, request.query.get("command", ()), streams)
        return answer(request, streams, serve)

    async def _port_forward(self, request: Request, namespace: str, name: str, uid: str) -> Answer:
        if request.method not in STREAMING:
            return plain(405, "405: Method Not Allowed")
        pod = self.containers.find(namespace, name)
        if pod is None:
            return plain(404, "pod does not exist")
        if uid not in ("", pod.metadata.uid):
            return plain(404, "pod not found")
        network = await self.containers.network(pod)
        if network is None:
            return plain(500, f"failed to find sandboxID for pod {name}_{namespace}({pod.metadata.uid})")
        sandbox, space = network.sandbox, network.namespace
        return port_forward(request, lambda port: connect_to_pod(space, port), sandbox, "")


def _pod_list(pods: list[Pod]) -> Response:
    told = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [_bare(pod) for pod in pods]}
    return Response(200, orjson.dumps(told))


def _bare(pod: Pod) -> dict[str, object]:
    """Items of a list carry neither kind nor version."""
    plain = to_dict(pod)
    return {name: value for name, value in plain.items() if name not in ("kind", "apiVersion")}
