"""Pure: which elements of the kernel's maps one Service wants on this node.

The rules are kube-proxy's (https://kubernetes.io/docs/reference/networking/virtual-ips/): ready endpoints, or else
those that still serve while they terminate; traffic policies `Local` see the node's own endpoints only; `Local` of
external traffic binds what comes from elsewhere, while the node and its own Pods are sent to any endpoint. A Service
without endpoints refuses; a `Local` one whose endpoints are all elsewhere drops.
"""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from kybern.api.types.core_v1 import Pod, Service, ServicePort
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.proxy.endpoints import Address, Choice, Here, choose, count_ready, is_ipv4, is_others

Element = tuple[str, str]
"""A map or set of the table, and a key in it."""
Elements = dict[Element, str]
"""Keys with their values; "" in a set."""
Serving = dict[Address, frozenset[Address]]
"""By frontend (without an address for a port of the node): all endpoints that serve, which is at least one."""
GroupKey = tuple[str, str, str, str]
"""Namespace, Service, protocol and port, and which of its endpoints: `cluster`, `local`, `external`."""

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
DEFAULT_AFFINITY_SECONDS = 10800
PROTOCOLS = {"": "tcp", "TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}
GROUP_MARK = 0x4B000000
"""The high byte of the packet mark that names a group of endpoints while a first packet is being translated."""


@dataclass
class ServicePlan:
    """What a Service wants."""

    elements: Elements = field(default_factory=dict)
    groups: set[GroupKey] = field(default_factory=set)
    datagrams: Serving = field(default_factory=dict)
    """Of UDP ports: where clients send, and who may answer them."""
    health_port: int = 0
    """healthCheckNodePort; 0: none."""
    local_endpoints: int = 0


def wants_proxy(service: Service) -> bool:
    """Whether this proxy serves the Service: it has an address, and no other proxy is named for it."""
    if is_others(service.metadata.labels):
        return False
    return service.spec.type != "ExternalName" and service.spec.cluster_ip not in ("", "None")


def decide_service(
    service: Service, slices: Sequence[EndpointSlice], here: Here, identify: Callable[[GroupKey], int]
) -> ServicePlan:
    """All elements of a Service; `identify` gives each group of endpoints its number."""
    plan = ServicePlan()
    if not wants_proxy(service):
        return plan
    for address in service.spec.cluster_ips or [service.spec.cluster_ip]:
        if is_ipv4(address):
            plan.elements["cluster_ips", address] = ""
    for port in service.spec.ports:
        _PortPlan(plan, service, port, choose(slices, port, here), identify).decide()
    if service.spec.external_traffic_policy == "Local" and service.spec.type == "LoadBalancer":
        plan.health_port = service.spec.health_check_node_port or 0
    plan.local_endpoints = count_ready(slices, here)
    return plan


@dataclass
class _PortPlan:
    """Decides for one port of a Service."""

    plan: ServicePlan
    service: Service
    port: ServicePort
    choice: Choice
    identify: Callable[[GroupKey], int]

    def decide(self) -> None:
        internal_local = self.service.spec.internal_traffic_policy == "Local"
        frontends = "local" if internal_local else "cluster"
        for address in self.service.spec.cluster_ips or [self.service.spec.cluster_ip]:
            if is_ipv4(address) and self.choice.cluster:
                self._add("frontends", self._key(address), "goto cluster")
                self._add("cluster_groups", self._key(address), self._group(frontends))
            self._serve(address, self.port.port)
        for address in self._external_addresses():
            self._external(address)
            self._serve(address, self.port.port)
        if self.port.node_port and self.service.spec.type in ("NodePort", "LoadBalancer"):
            self._node_port(f"{self._protocol} . {self.port.node_port}")
            self._serve("", self.port.node_port)

    def _serve(self, address: str, number: int) -> None:
        if self._protocol == "udp" and self.choice.serving:
            self.plan.datagrams[address, number] = self.choice.serving

    @property
    def _protocol(self) -> str:
        return PROTOCOLS[self.port.protocol]

    @property
    def _external_is_local(self) -> bool:
        return self.service.spec.external_traffic_policy == "Local"

    def _key(self, address: str) -> str:
        return f"{address} . {self._protocol} . {self.port.port}"

    def _add(self, table: str, key: str, value: str = "") -> None:
        self.plan.elements[table, key] = value

    def _external_addresses(self) -> Iterator[str]:
        """externalIPs, and the load balancer's addresses unless it delivers to the nodes itself (ipMode Proxy)."""
        yield from filter(is_ipv4, self.service.spec.external_ips)
        balancer = self.service.status.load_balancer
        if self.service.spec.type == "LoadBalancer" and balancer is not None:
            for ingress in balancer.ingress:
                if is_ipv4(ingress.ip) and ingress.ip_mode != "Proxy":
                    self._guard(ingress.ip)
                    yield ingress.ip

    def _guard(self, address: str) -> None:
        """loadBalancerSourceRanges: whoever is not in them is dropped."""
        ranges = [text.strip() for text in self.service.spec.load_balancer_source_ranges]
        ranges = [text for text in ranges if is_ipv4(text.partition("/")[0])]
        if ranges and "0.0.0.0/0" not in ranges:
            self._add("guarded", self._key(address))
            for text in ranges:
                self._add("allowed", f"{self._key(address)} . {ipaddress.IPv4Network(text, strict=False)}")

    def _external(self, address: str) -> None:
        if not self.choice.cluster:
            self._add("refused", self._key(address))
            return
        self._add("frontends", self._key(address), "goto external")
        self._add("external_groups", self._key(address), self._group("cluster"))
        if self._external_is_local:
            self._add("external_local", self._key(address), self._group("local"))

    def _node_port(self, key: str) -> None:
        if not self.choice.cluster:
            self._add("refused_ports", key)
            return
        self._add("nodeports", key, "goto nodeport")
        self._add("nodeport_groups", key, self._group("cluster"))
        if self._external_is_local:
            self._add("nodeport_local", key, self._group("local"))

    def _group(self, variant: str) -> str:
        """The mark of a group of endpoints, with the group's elements written on first use."""
        metadata = self.service.metadata
        key = (metadata.namespace, metadata.name, f"{self._protocol}/{self.port.port}", variant)
        mark = f"0x{GROUP_MARK | self.identify(key):08x}"
        if key in self.plan.groups:
            return mark
        self.plan.groups.add(key)
        backends = self.choice.local if variant == "local" else self.choice.cluster
        affinity = self.service.spec.session_affinity == "ClientIP"
        verdict = f"goto {'a' if affinity else 'n'}{len(backends)}" if backends else "drop"
        self._add("counts", mark, verdict)
        for index, backend in enumerate(backends):
            self._add("endpoints", f"{mark} . {index}", f"{backend.address} . {backend.port}")
            if backend.local:
                self._add("hairpin", f"{backend.address} . {backend.address}")
        if affinity and backends:
            self._add("remember", mark, f"goto aff{affinity_seconds(self.service)}")
        return mark


def affinity_seconds(service: Service) -> int:
    """How long a client stays with its endpoint."""
    config = service.spec.session_affinity_config
    seconds = config.client_ip.timeout_seconds if config and config.client_ip else None
    return seconds or DEFAULT_AFFINITY_SECONDS


def decide_host_ports(pod: Pod) -> Elements:
    """What a Pod of this node wants for its containers' host ports."""
    elements: Elements = {}
    address = pod.status.pod_ip
    if pod.spec.host_network or not is_ipv4(address) or pod.status.phase in ("Succeeded", "Failed"):
        return elements
    for container in [*pod.spec.init_containers, *pod.spec.containers]:
        for port in container.ports:
            if not port.host_port:
                continue
            key, to = f"{PROTOCOLS[port.protocol]} . {port.host_port}", f"{address} . {port.container_port}"
            if port.host_ip in ("", "0.0.0.0"):
                elements["hostports", key] = to
            elif is_ipv4(port.host_ip):
                elements["hostip_ports", f"{port.host_ip} . {key}"] = to
            elements["hairpin", f"{address} . {address}"] = ""
    return elements
