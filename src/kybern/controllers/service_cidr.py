"""ServiceCIDRs: each is told ready, and one that is deleted stays while Services hold addresses that no other contains
(pkg/controller/servicecidrs, pkg/api/servicecidr)."""

import ipaddress
from collections.abc import Iterable

from kybern.api.types.networking_v1 import IPAddress, ServiceCIDR
from kybern.base.clock import format_time, parse_time
from kybern.client.client import PatchType
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Notice, Outcome, Patch, Plan
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "service-cidr-controller"
WORKERS = 5
FINALIZER = "networking.k8s.io/service-cidr-finalizer"

GRACE_SECONDS = 10.0
"""For so long after its deletion a range stays in any case: an API server that has not seen the deletion yet may still
give out its addresses."""

MANAGER_LABEL, MANAGER = "ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io"
"""Mark the IPAddresses that belong to Services; others bind nothing."""

READY_MESSAGE = "Kubernetes Service CIDR is ready"
TERMINATING_MESSAGE = (
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _overlapping(cidr: ServiceCIDR, cluster: Cluster) -> list[Key]:
    """A new range may contain what held another one back."""
    networks = _networks(cidr)
    return [
        Key("", each.metadata.name)
        for each in cluster.list(ServiceCIDR)
        if any(_overlap(mine, other) for mine in networks for other in _networks(each))
    ]


def _containing(address: IPAddress, cluster: Cluster) -> list[Key]:
    """Whose deletion the address holds back, or held back."""
    if address.metadata.labels.get(MANAGER_LABEL) != MANAGER:
        return []
    return [Key("", name) for name in _holders(_address(address), cluster.list(ServiceCIDR))]


WATCHES = (
    watch(ServiceCIDR)
    .also(ServiceCIDR, _overlapping, changed=lambda new, old: new.spec.cidrs != old.spec.cidrs)
    .also(IPAddress, _containing, changed=lambda new, old: new.metadata.labels != old.metadata.labels)
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Guard what lives, let go of what is deleted once nothing needs it."""
    cidr = cluster.get(ServiceCIDR, key)
    if cidr is None:
        return Done()
    return await cluster.apply(decide(cidr, cluster.list(ServiceCIDR), cluster.list(IPAddress), cluster.now()))


def decide(cidr: ServiceCIDR, cidrs: Iterable[ServiceCIDR], addresses: Iterable[IPAddress], now: float) -> Plan:
    """Pure: `cidrs` and `addresses` are all there are, `cidr` among them."""
    plan = Plan(cidr)
    if not cidr.metadata.deletion_timestamp:
        if FINALIZER not in cidr.metadata.finalizers:
            plan.patches.append(_metadata(cidr, "finalizers"))
        failed = plan.notice(
            "Warning", "KubernetesServiceCIDRError", "The ServiceCIDR Status can not be set to Ready=True"
        )
        _tell(plan, cidr, "True", "", READY_MESSAGE, now, failed)
    else:
        _leave(plan, cidr, [*cidrs], addresses, now)
    return plan


def _leave(plan: Plan, cidr: ServiceCIDR, cidrs: list[ServiceCIDR], addresses: Iterable[IPAddress], now: float) -> None:
    held = None if _is_contained(cidr, cidrs) else _orphan(cidr, cidrs, addresses)
    if held is not None:
        _tell(plan, cidr, "False", "Terminating", TERMINATING_MESSAGE, now)
        plan.decide(Verdict.WAITED, "Terminating", f"no other ServiceCIDR contains {held}, which is in use: it stays")
        return
    remaining = parse_time(cidr.metadata.deletion_timestamp) + GRACE_SECONDS - now
    if remaining > 0:
        plan.requeue(remaining)
        plan.decide(
            Verdict.WAITED, "Grace", f"it goes in {remaining:.0f} s, if no address of it is given out till then"
        )
    elif FINALIZER in cidr.metadata.finalizers:
        plan.patches.append(_metadata(cidr, "$deleteFromPrimitiveList/finalizers"))
        plan.decide(Verdict.ACTED, "Unused", "no address would be left without a ServiceCIDR: it may go")


def _is_contained(cidr: ServiceCIDR, cidrs: Iterable[ServiceCIDR]) -> bool:
    """Whether others contain each of its networks whole."""
    others = [network for each in cidrs if each.metadata.name != cidr.metadata.name for network in _networks(each)]
    return all(
        any(other.prefixlen <= mine.prefixlen and _overlap(mine, other) for other in others) for mine in _networks(cidr)
    )


def _orphan(cidr: ServiceCIDR, cidrs: list[ServiceCIDR], addresses: Iterable[IPAddress]) -> Address | None:
    """A Service's address that no other ServiceCIDR contains; None when there is none."""
    networks = _networks(cidr)
    for each in addresses:
        if each.metadata.labels.get(MANAGER_LABEL) == MANAGER:
            address = _address(each)
            if any(_gives_out(network, address) for network in networks) and len(_holders(address, cidrs)) == 1:
                return address
    return None


def _holders(address: Address, cidrs: Iterable[ServiceCIDR]) -> list[str]:
    """The names of the ServiceCIDRs that contain the address."""
    return [each.metadata.name for each in cidrs if any(_gives_out(network, address) for network in _networks(each))]


def _gives_out(network: Network, address: Address) -> bool:
    """Neither a network's own address nor IPv4's broadcast is ever a Service's."""
    if address not in network or address == network.network_address:
        return False
    return address.version == 6 or address != network.broadcast_address


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _networks(cidr: ServiceCIDR) -> list[Network]:
    return [ipaddress.ip_network(each, strict=False) for each in cidr.spec.cidrs]


def _address(obj: IPAddress) -> Address:
    return ipaddress.ip_address(obj.metadata.name)


def _metadata(cidr: ServiceCIDR, directive: str) -> Patch:
    """Only its own finalizer is put on or taken away, whatever others do meanwhile."""
    return Patch(cidr, {"metadata": {"uid": cidr.metadata.uid, directive: [FINALIZER]}}, PatchType.STRATEGIC)


def _tell(
    plan: Plan, cidr: ServiceCIDR, status: str, reason: str, message: str, now: float, failed: Notice | None = None
) -> None:
    """The condition Ready, applied as this controller's own; nothing where it says so already."""
    for each in cidr.status.conditions:
        if each.type == "Ready" and (each.status, each.reason, each.message) == (status, reason, message):
            return
    ready = {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": format_time(now),
    }
    body = {
        "apiVersion": cidr.API_VERSION,
        "kind": cidr.KIND,
        "metadata": {"name": cidr.metadata.name},
        "status": {"conditions": [ready]},
    }
    query = {"fieldManager": NAME, "force": "true"}
    plan.patches.append(Patch(cidr, body, PatchType.APPLY, "status", query=query, failed=failed))
