"""Joins the node's agent to the runtime: what it says of its health and images, in the node's words."""

from collections.abc import Sequence

from kybern.api.types.core_v1 import ContainerImage
from kybern.base.clock import Clock
from kybern.client.client import Client
from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.events import NodeEvents
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.node.agent import NodeAgent, Observed, Registration
from kybern.kubelet.node.machine import read_machine
from kybern.kubelet.node.status import Health, Identity


def make_agent(config: KubeletConfig, client: Client, runtime: Runtime, events: NodeEvents, clock: Clock) -> NodeAgent:
    """The agent of this node. Blocking: it reads the machine's files. Raises OSError."""
    config.root_directory.mkdir(parents=True, exist_ok=True)

    async def health() -> Health:
        return await runtime_health(runtime)

    async def images() -> Sequence[ContainerImage]:
        return await node_images(runtime)

    return NodeAgent(
        client,
        Identity(config.node_name, config.node_ips, config.port),
        read_machine(config.root_directory),
        config.root_directory,
        Observed(health, images),
        events,
        clock,
        Registration(dict(config.node_labels), thresholds=config.eviction_hard, pod_cidr=config.pod_cidr),
    )


async def runtime_health(runtime: Runtime) -> Health:
    """The runtime's version and what is wrong with it."""
    try:
        name, version = await runtime.version()
        conditions, features = await runtime.conditions(), await runtime.features()
    except RuntimeFailed as error:
        return Health("", [f"container runtime is down: {error.message}"])
    words = {"RuntimeReady": "container runtime is down", "NetworkReady": "container runtime network not ready"}
    problems = [
        f"{words[each.type]}: {each.type}={str(each.status).lower()} reason:{each.reason} message:{each.message}"
        for each in conditions
        if each.type in words and not each.status
    ]
    return Health(f"{name}://{version.removeprefix('v')}", problems, features)


async def node_images(runtime: Runtime) -> list[ContainerImage]:
    """The images of the node; none while the runtime does not answer."""
    try:
        found = await runtime.list_images()
    except RuntimeFailed:
        return []
    return [ContainerImage(names=[*each.digests, *each.tags], size_bytes=each.size_bytes) for each in found]
