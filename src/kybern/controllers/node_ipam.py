"""Node IPAM: every Node gets its own range of Pod addresses, the next that is free (pkg/controller/nodeipam).

Invariant: no two Nodes have overlapping ranges. A range once given is never changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kybern.api.types.core_v1 import Node
from kybern.client.client import PatchType
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Patch, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.controllers.node_ranges import Range, first_free
from kybern.trace import Verdict

NAME = "cidrAllocator"
"""The component of upstream's events."""


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
    ranges: tuple[Range, ...]
    """One, or one of each family; a Node gets a part of each."""
    service_cidrs: tuple[str, ...] = ()
    """Parts that overlap these are never given."""


def controller(config: Config) -> Controller:
    """The loop; one worker, so that what was given is known to the next."""
    return Controller(NAME, WATCHES, NodeIpam(config).reconcile, workers=1)


@dataclass(slots=True)
class NodeIpam:
    config: Config
    given: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Ranges by Node that the cache may not show yet."""
    after: dict[Range, int] = field(default_factory=dict)
    """Where to look first: behind what was given last, so that a range just left is not at once another's."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Give the Node its ranges if it has none."""
        nodes = cluster.list(Node)
        self._forget({node.metadata.name: node for node in nodes})
        node = cluster.get(Node, key)
        if node is None:
            return Done()
        taken = [cidr for cidrs in (*self.given.values(), *map(_cidrs, nodes)) for cidr in cidrs]
        plan, parts = decide(node, taken, self.config, self.after)
        if not (plan.writes or plan.events):
            return Done()
        for patch in plan.patches:
            self.given[key.name] = tuple(patch.patch["spec"]["podCIDRs"])
        try:
            outcome = await cluster.apply(plan)
        except BaseException:
            self.given.pop(key.name, None)
            raise
        self.after.update({range_: part + 1 for range_, part in parts.items()})
        return outcome

    def _forget(self, nodes: Mapping[str, Node]) -> None:
        for name in [*self.given]:
            if name not in nodes or _cidrs(nodes[name]):
                del self.given[name]


def decide(
    node: Node, taken: Iterable[str], config: Config, after: Mapping[Range, int]
) -> tuple[Plan, dict[Range, int]]:
    """Pure: of each range the next part that overlaps none of those taken, and its number."""
    plan, parts = Plan(node), dict[Range, int]()
    if _cidrs(node) or node.metadata.deletion_timestamp:
        return plan, parts
    blocked = [*taken, *config.service_cidrs]
    for range_ in config.ranges:
        part = first_free(range_, blocked, after.get(range_, 0))
        if part is None:
            name = node.metadata.name
            plan.event("Normal", "CIDRNotAvailable", f"Node {name} status is now: CIDRNotAvailable")
            plan.decide(Verdict.REFUSED, "CIDRNotAvailable", f"all ranges of {range_.network} are taken")
            return plan, {}
        parts[range_] = part
    cidrs = [str(range_.part(part)) for range_, part in parts.items()]
    version = node.metadata.resource_version
    patch = {"metadata": {"resourceVersion": version}, "spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs}}
    plan.patches.append(Patch(node, patch, PatchType.STRATEGIC))
    told = ", ".join(str(each.network) for each in config.ranges)
    plan.decide(Verdict.ACTED, "CIDRAssigned", f"{', '.join(cidrs)} is the next free range of {told}")
    return plan, parts


def _cidrs(node: Node) -> list[str]:
    return node.spec.pod_cidrs or ([node.spec.pod_cidr] if node.spec.pod_cidr else [])
