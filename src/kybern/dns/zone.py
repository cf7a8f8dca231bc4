"""The cluster's names: kept up to date by Services and EndpointSlices, asked by name and type. No I/O.

Readers on another thread see each name whole: every change replaces a name's records at once.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kybern.api.types.core_v1 import Service
from kybern.api.types.discovery_v1 import Endpoint, EndpointSlice
from kybern.dns import wire
from kybern.dns.wire import Record, Reply

TTL_SECONDS = 30
"""Of every record, also of negative answers (kubeadm's CoreDNS)."""
SPECIFICATION = "1.1.0"
SERVICE_NAME_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one Service contributes: records by name, and the names that exist because of it."""

    records: dict[str, list[Record]] = field(default_factory=dict)


class Zone:
    """All names below the cluster's domain, and the reverse names of its addresses."""

    def __init__(self, domain: str, server_address: str) -> None:
        self.domain = domain.strip(".").lower()
        self.generation = 0
        """Grows with every change; answers made before it are stale."""
        self._server_address = server_address
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._names: defaultdict[str, dict[tuple[str, str], list[Record]]] = defaultdict(dict)
        self._namespaces: set[str] = set()

    def set_namespace(self, name: str, exists: bool) -> None:
        """A namespace came or went; names in one that does not exist do not exist."""
        if exists != (name in self._namespaces):
            (self._namespaces.add if exists else self._namespaces.discard)(name)
            self.generation += 1

    def set_service(self, namespace: str, name: str, service: Service | None, slices: Sequence[EndpointSlice]) -> None:
        """Replace what a Service contributes (None: nothing any more)."""
        key = (namespace, name)
        former = self._entries.pop(key, _Entry())
        entry = _Entry(_records(self.domain, service, slices)) if service is not None else _Entry()
        if entry.records:
            self._entries[key] = entry
        for owner in former.records.keys() | entry.records.keys():
            contributions = dict(self._names.get(owner, {}))
            if owner in entry.records:
                contributions[key] = entry.records[owner]
            else:
                contributions.pop(key, None)
            if contributions:
                self._names[owner] = contributions
            else:
                self._names.pop(owner, None)
        self.generation += 1

    def serves(self, name: str) -> bool:
        """Whether a name is this zone's to answer: everything below the domain, and reverse names that are known."""
        return name == self.domain or name.endswith(f".{self.domain}") or name in self._names

    def answer(self, name: str, kind: int) -> Reply:
        """The answer to a question that the zone serves."""
        records = self._find(name)
        if records is None:
            return Reply(wire.NXDOMAIN, authority=[self._soa()])
        chosen = [record for record in records if record.type == kind or kind == wire.ANY]
        if kind == wire.AAAA or not chosen:
            aliases = [record for record in records if record.type == wire.CNAME]
            if aliases:
                return self._follow(aliases, kind)
            if not chosen:
                return Reply(authority=[self._soa()])
        more = [a for record in chosen if record.type == wire.SRV for a in self._addresses(record)]
        return Reply(answers=chosen, additional=list(dict.fromkeys(more)))

    def _follow(self, aliases: list[Record], kind: int) -> Reply:
        """An ExternalName that leads to a name of the zone is answered with what that one has."""
        target, _ = wire.decode_name(aliases[0].data, 0)
        found = self._find(target.lower()) if self.serves(target.lower()) else None
        return Reply(answers=[*aliases, *(record for record in found or () if record.type == kind)])

    def _addresses(self, record: Record) -> Iterable[Record]:
        target, _ = wire.decode_name(record.data, 6)
        return (each for each in self._find(target) or () if each.type == wire.A)

    def _find(self, name: str) -> list[Record] | None:
        """All records of a name; [] for a name that exists without any; None for one that does not exist."""
        found = self._names.get(name)
        if found is not None:
            return [record for records in found.values() for record in records]
        if name == self.domain:
            nameserver = Record(name, wire.NS, TTL_SECONDS, wire.encode_name(f"ns.dns.{self.domain}"))
            return [self._soa(), nameserver]
        labels = name.removesuffix(f".{self.domain}").split(".")
        match labels:
            case ["ns", "dns"]:
                return [Record(name, wire.A, TTL_SECONDS, wire.address_data(self._server_address))]
            case ["dns-version"]:
                return [Record(name, wire.TXT, TTL_SECONDS, wire.text_data(SPECIFICATION))]
            case ["dns"] | ["svc"] | ["pod"]:
                return []
            case [namespace, "svc"] | [namespace, "pod"]:
                return [] if namespace in self._namespaces else None
            case [address, namespace, "pod"]:
                return self._pod(name, address, namespace)
            case [*_, "svc"]:
                return [] if self._is_inner(name) else None
        return None

    def _is_inner(self, name: str) -> bool:
        """Whether a name below a Service exists only as a step to others: `_tcp.web.default.svc.…`."""
        owner = name.split(".", 1)[1] if name.startswith(("_tcp.", "_udp.", "_sctp.")) else ""
        return owner in self._names

    def _pod(self, name: str, address: str, namespace: str) -> list[Record] | None:
        """`1-2-3-4.ns.pod`: the address that the name itself tells, as CoreDNS's `pods insecure` answers."""
        try:
            data = wire.address_data(address.replace("-", "."))
        except ValueError:
            return None
        return [Record(name, wire.A, TTL_SECONDS, data)] if namespace in self._namespaces else None

    def _soa(self) -> Record:
        data = wire.soa_data(self.domain, 1 + self.generation & 0xFFFFFFFF, TTL_SECONDS)
        return Record(self.domain, wire.SOA, TTL_SECONDS, data)


def _records(domain: str, service: Service, slices: Sequence[EndpointSlice]) -> dict[str, list[Record]]:
    """All records of one Service by name."""
    spec, metadata = service.spec, service.metadata
    name = f"{metadata.name}.{metadata.namespace}.svc.{domain}".lower()
    records: defaultdict[str, list[Record]] = defaultdict(list)
    if spec.type == "ExternalName":
        target = spec.external_name.rstrip(".").lower()
        if target:
            records[name].append(Record(name, wire.CNAME, TTL_SECONDS, wire.encode_name(target)))
        return records
    if spec.cluster_ip != "None":
        for address in filter(_is_ipv4, dict.fromkeys([*spec.cluster_ips, spec.cluster_ip])):
            _add_address(records, name, address)
            _add_pointer(records, address, name)
        for port in spec.ports:
            _add_service_port(records, name, port.name, port.protocol, port.port, name)
    records[name] = records[name]
    for slice_ in slices:
        for endpoint in slice_.endpoints if slice_.address_type == "IPv4" else ():
            if endpoint.addresses and _is_published(endpoint, service):
                _add_endpoint(records, name, endpoint, slice_, headless=spec.cluster_ip == "None")
    if spec.cluster_ip == "None" and not records[name]:
        # A headless Service without ready endpoints has no name: clients then see NXDOMAIN, as with CoreDNS.
        del records[name]
    return records


def _add_endpoint(
    records: defaultdict[str, list[Record]], name: str, endpoint: Endpoint, slice_: EndpointSlice, *, headless: bool
) -> None:
    address = endpoint.addresses[0]
    own_name = f"{endpoint.hostname.lower() or address.replace('.', '-')}.{name}"
    _add_pointer(records, address, own_name)
    if not headless:
        return
    _add_address(records, own_name, address)
    _add_address(records, name, address)
    for port in slice_.ports:
        if port.port:
            _add_service_port(records, name, port.name, port.protocol, port.port, own_name)


def _add_address(records: defaultdict[str, list[Record]], name: str, address: str) -> None:
    _add(records, Record(name, wire.A, TTL_SECONDS, wire.address_data(address)))


def _add_pointer(records: defaultdict[str, list[Record]], address: str, name: str) -> None:
    reverse = ipaddress.IPv4Address(address).reverse_pointer
    _add(records, Record(reverse, wire.PTR, TTL_SECONDS, wire.encode_name(name)))


def _add_service_port(
    records: defaultdict[str, list[Record]], name: str, port_name: str, protocol: str, port: int, target: str
) -> None:
    data = wire.srv_data(port, target)
    _add(records, Record(name, wire.SRV, TTL_SECONDS, data))
    if port_name:
        owner = f"_{port_name}._{(protocol or 'TCP').lower()}.{name}".lower()
        _add(records, Record(owner, wire.SRV, TTL_SECONDS, data))


def _add(records: defaultdict[str, list[Record]], record: Record) -> None:
    if record not in records[record.name]:
        records[record.name].append(record)


def _is_published(endpoint: Endpoint, service: Service) -> bool:
    if service.spec.publish_not_ready_addresses:
        return True
    return endpoint.conditions is None or endpoint.conditions.ready is not False


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
