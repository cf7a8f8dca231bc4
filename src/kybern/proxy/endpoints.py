"""Which endpoints stand behind one port of a Service, as seen from one node. Pure.

Ready ones, or else those that still serve while they terminate (KEP-1669); of those the node's own, or what topology
hints leave.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kybern.api.types.core_v1 import ServicePort
from kybern.api.types.discovery_v1 import Endpoint, EndpointSlice

PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
HEADLESS_LABEL = "service.kubernetes.io/headless"
Address = tuple[str, int]
"""An IPv4 address and a port."""


@dataclass(frozen=True)
class Here:
    """The node for which is decided."""

    name: str
    zone: str = ""


@dataclass(frozen=True)
class Backend:
    """One address and port that can take a connection."""

    address: str
    port: int
    local: bool


@dataclass(frozen=True)
class Choice:
    """The endpoints of one Service port, as the policies cut them."""

    cluster: Sequence[Backend]
    local: Sequence[Backend]
    serving: frozenset[Address]
    """Those to which open flows may go on: policies, hints and readiness are for new ones."""


def is_others(labels: Mapping[str, str]) -> bool:
    """Whether a Service or a slice of endpoints is for another proxy, or for none."""
    return PROXY_NAME_LABEL in labels or HEADLESS_LABEL in labels


def choose(slices: Sequence[EndpointSlice], port: ServicePort, here: Here) -> Choice:
    """The endpoints behind one port of a Service, without repeats, in a stable order."""
    found: dict[Address, Endpoint] = {}
    protocol = port.protocol or "TCP"
    for slice_ in slices:
        if slice_.address_type != "IPv4" or is_others(slice_.metadata.labels):
            continue
        numbers = [p.port for p in slice_.ports if p.name == port.name and (p.protocol or "TCP") == protocol and p.port]
        for endpoint in slice_.endpoints:
            for number in numbers:
                if number and endpoint.addresses:
                    found.setdefault((endpoint.addresses[0], number), endpoint)
    cluster = dict(_ready_items(_hinted(found, here)))
    local = dict(_ready_items({at: e for at, e in found.items() if e.node_name == here.name}))
    serving = frozenset(at for at, e in found.items() if e.conditions is None or e.conditions.serving is not False)
    return Choice(_backends(cluster, here), _backends(local, here), serving)


def _backends(found: Mapping[Address, Endpoint], here: Here) -> list[Backend]:
    return [Backend(address, port, found[address, port].node_name == here.name) for address, port in sorted(found)]


def count_ready(slices: Iterable[EndpointSlice], here: Here) -> int:
    """How many endpoints of this node are ready: load balancers send nothing to those that terminate."""
    of_node = (e for slice_ in slices for e in slice_.endpoints if e.addresses and e.node_name == here.name)
    return len({e.addresses[0] for e in of_node if _is_ready(e)})


def _is_ready(endpoint: Endpoint) -> bool:
    return endpoint.conditions is None or endpoint.conditions.ready is not False


def _ready_items(found: Mapping[Address, Endpoint]) -> list[tuple[Address, Endpoint]]:
    """The ready ones; when there are none, those that serve while they terminate (KEP-1669)."""
    ready = [(at, e) for at, e in found.items() if _is_ready(e)]
    if ready:
        return ready
    return [
        (at, e)
        for at, e in found.items()
        if e.conditions is not None and e.conditions.serving is not False and e.conditions.terminating
    ]


def _hinted(found: Mapping[Address, Endpoint], here: Here) -> Mapping[Address, Endpoint]:
    """What topology hints leave: only if every ready endpoint has hints and at least one names this place."""
    ready = dict(_ready_items(found))
    by_node = {at: e for at, e in ready.items() if e.hints and any(n.name == here.name for n in e.hints.for_nodes)}
    if by_node and all(e.hints and e.hints.for_nodes for e in ready.values()):
        return by_node
    by_zone = {at: e for at, e in ready.items() if e.hints and any(z.name == here.zone for z in e.hints.for_zones)}
    if here.zone and by_zone and all(e.hints and e.hints.for_zones for e in ready.values()):
        return by_zone
    return found


def is_ipv4(text: str) -> bool:
    """Whether the text is an IPv4 address."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
