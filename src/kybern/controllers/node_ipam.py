"""Node IPAM: every Node gets its own range of Pod addresses, the first that is free (pkg/controller/nodeipam).

Invariant: no two Nodes have overlapping ranges. A range once given is never changed.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kybern.api.types.core_v1 import Node
from kybern.client.client import PatchType
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Patch, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "cidrAllocator"
"""The component of upstream's events."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _freed(node: Node, cluster: Cluster) -> list[Key]:
    """A Node that goes leaves its range to those that wait for one."""
    return [Key("", each.metadata.name) for each in cluster.by_index(Node, _WAITING, "")]


_WAITING = "without podCIDR"
WATCHES = (
    watch(Node, changed=lambda new, old: new.spec.pod_cidr != old.spec.pod_cidr)
    .also(Node, _freed, changed=lambda new, old: False)
    .indexed(Node, _WAITING, lambda node: () if node.spec.pod_cidr else ("",))
)


@dataclass(frozen=True, slots=True)
class Config:
    cluster_cidr: str = "10.244.0.0/16"
    node_mask: int = 24
    service_cidr: str = ""
    """Ranges that overlap it are never given."""


def controller(config: Config | None = None) -> Controller:
    """The loop; one worker, so that what was given is known to the next."""
    return Controller(NAME, WATCHES, NodeIpam(config or Config()).reconcile, workers=1)


@dataclass(slots=True)
class NodeIpam:
    config: Config
    given: dict[str, str] = field(default_factory=dict)
    """Ranges by Node that the cache may not show yet."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Give the Node a range if it has none."""
        nodes = cluster.list(Node)
        self._forget({node.metadata.name: node for node in nodes})
        node = cluster.get(Node, key)
        taken = [*self.given.values(), *(cidr for each in nodes for cidr in _cidrs(each))]
        plan = decide(node, taken, self.config) if node is not None else None
        if plan is None or not (plan.writes or plan.events):
            return Done()
        for patch in plan.patches:
            self.given[key.name] = patch.patch["spec"]["podCIDR"]
        try:
            return await cluster.apply(plan)
        except BaseException:
            self.given.pop(key.name, None)
            raise

    def _forget(self, nodes: Mapping[str, Node]) -> None:
        for name in [*self.given]:
            if name not in nodes or nodes[name].spec.pod_cidr:
                del self.given[name]


def decide(node: Node, taken: Iterable[str], config: Config) -> Plan:
    """Pure: the first range of the cluster's that overlaps none of those taken."""
    plan = Plan(node)
    if node.spec.pod_cidr or node.metadata.deletion_timestamp:
        return plan
    cidr = first_free(config, taken)
    name = node.metadata.name
    if cidr is None:
        plan.event("Normal", "CIDRNotAvailable", f"Node {name} status is now: CIDRNotAvailable")
        plan.decide(Verdict.REFUSED, "CIDRNotAvailable", f"all ranges of {config.cluster_cidr} are taken")
        return plan
    version = node.metadata.resource_version
    patch = {"metadata": {"resourceVersion": version}, "spec": {"podCIDR": cidr, "podCIDRs": [cidr]}}
    plan.patches.append(Patch(node, patch, PatchType.STRATEGIC))
    plan.decide(Verdict.ACTED, "CIDRAssigned", f"{cidr} is the first free range of {config.cluster_cidr}")
    return plan


def first_free(config: Config, taken: Iterable[str]) -> str | None:
    """The first free range; None where there is none. What is taken may have any size."""
    cluster = ipaddress.ip_network(config.cluster_cidr)
    size = 1 << (cluster.max_prefixlen - config.node_mask)
    first, last = int(cluster.network_address), int(cluster.broadcast_address)
    blocked = sorted(_span(each) for each in _networks((*taken, config.service_cidr), cluster.version))
    start = first
    for low, high in blocked:
        if low - start >= size:
            break
        if high >= start:
            start = first + -(-(high + 1 - first) // size) * size
    if start + size - 1 > last:
        return None
    return f"{type(cluster.network_address)(start)}/{config.node_mask}"


def _networks(cidrs: Iterable[str], version: int) -> list[Network]:
    """Those that are networks of this version; a Node's podCIDR may be anything that another program wrote."""
    found: list[Network] = []
    for each in cidrs:
        try:
            network = ipaddress.ip_network(each, strict=False)
        except ValueError:
            continue
        if network.version == version:
            found.append(network)
    return found


def _span(network: Network) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def _cidrs(node: Node) -> list[str]:
    return node.spec.pod_cidrs or ([node.spec.pod_cidr] if node.spec.pod_cidr else [])
