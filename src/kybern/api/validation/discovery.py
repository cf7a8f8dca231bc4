"""EndpointSlice. Source: pkg/apis/discovery/validation."""

from collections.abc import Iterator, Mapping, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.addresses import (
    parse_ip,
    validate_canonical_ip,
    validate_endpoint_ip,
    validate_ip,
    warn_of_ip,
)
from kybern.api.validation.field import (
    duplicate,
    each_invalid,
    immutable,
    invalid,
    not_supported,
    required,
    too_many,
)
from kybern.api.validation.metadata import validate_labels

_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_TOPOLOGY_LIMIT, _ADDRESSES_LIMIT, _PORTS_LIMIT, _ENDPOINTS_LIMIT = 16, 100, 20_000, 1000
_ZONE_HINTS_LIMIT, _NODE_HINTS_LIMIT = 8, 8


def validate_endpoint_slice(obj: Object) -> Iterator[FieldError]:
    kind = obj.get("addressType") or ""
    if not kind:
        yield required("addressType")
    elif kind not in _ADDRESS_TYPES:
        yield not_supported("addressType", kind, _ADDRESS_TYPES)
    yield from _ports(obj.get("ports") or ())
    yield from _endpoints(obj.get("endpoints") or (), kind)


def _endpoints(endpoints: Sequence[Object], kind: str) -> Iterator[FieldError]:
    if len(endpoints) > _ENDPOINTS_LIMIT:
        yield too_many("endpoints", len(endpoints), _ENDPOINTS_LIMIT)
        return
    for index, endpoint in enumerate(endpoints):
        path = f"endpoints[{index}]"
        addresses = endpoint.get("addresses") or ()
        if not addresses:
            yield required(f"{path}.addresses", "must contain at least 1 address")
        elif len(addresses) > _ADDRESSES_LIMIT:
            yield too_many(f"{path}.addresses", len(addresses), _ADDRESSES_LIMIT)
        for place, address in enumerate(addresses):
            yield from _address(address, kind, f"{path}.addresses", place)
        if endpoint.get("nodeName") is not None:
            name = endpoint["nodeName"]
            yield from each_invalid(f"{path}.nodeName", name, names.dns_subdomain(name))
        yield from _topology(endpoint.get("deprecatedTopology") or {}, f"{path}.deprecatedTopology")
        if endpoint.get("hostname") is not None:
            name = endpoint["hostname"]
            yield from each_invalid(f"{path}.hostname", name, names.dns_label(name))
        yield from _hints(endpoint.get("hints") or {}, f"{path}.hints")


def _address(address: str, kind: str, addresses: str, place: int) -> Iterator[FieldError]:
    """`addresses`: the list's path."""
    path = f"{addresses}[{place}]"
    if kind == "FQDN":
        yield from _qualified_domain(address, path)
        return
    if kind not in ("IPv4", "IPv6"):
        return
    errors = list((validate_ip if kind == "IPv4" else validate_canonical_ip)(path, address))
    parsed = parse_ip(address)
    if errors or parsed is None:
        yield from errors
        return
    if f"IPv{parsed.version}" != kind:
        yield invalid(addresses, address, f"must be an {kind} address")
    yield from validate_endpoint_ip(path, address)


def _qualified_domain(name: str, path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
        return
    name = name.removesuffix(".")
    if messages := names.dns_subdomain(name):
        yield invalid(path, name, ",".join(messages))
    elif "." not in name:
        yield invalid(path, name, "should be a domain with at least two segments separated by dots")


def _topology(topology: Mapping[str, str], path: str) -> Iterator[FieldError]:
    if len(topology) > _TOPOLOGY_LIMIT:
        yield too_many(path, len(topology), _TOPOLOGY_LIMIT)
    yield from validate_labels(topology, path)


def _hints(hints: Object, path: str) -> Iterator[FieldError]:
    checks = (
        ("forZones", _ZONE_HINTS_LIMIT, names.label_value),
        ("forNodes", _NODE_HINTS_LIMIT, names.dns_subdomain),
    )
    for key, limit, check in checks:
        given = hints.get(key) or ()
        if len(given) > limit:
            yield too_many(f"{path}.{key}", len(given), limit)
            return
        seen = set()
        for index, hint in enumerate(given):
            at, name = f"{path}.{key}[{index}].name", hint.get("name") or ""
            if name in seen:
                yield duplicate(at, name)
            seen.add(name)
            yield from each_invalid(at, name, check(name))


def _ports(ports: Sequence[Object]) -> Iterator[FieldError]:
    if len(ports) > _PORTS_LIMIT:
        yield too_many("ports", len(ports), _PORTS_LIMIT)
        return
    seen = set()
    for index, port in enumerate(ports):
        path, name = f"ports[{index}]", port.get("name") or ""
        if name:
            yield from each_invalid(f"{path}.name", name, names.dns_label(name))
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
        protocol = port.get("protocol")
        if protocol is None:
            yield required(f"{path}.protocol")
        elif protocol not in _PROTOCOLS:
            yield not_supported(f"{path}.protocol", protocol, _PROTOCOLS)
        if port.get("appProtocol") is not None:
            protocol = port["appProtocol"]
            yield from each_invalid(f"{path}.appProtocol", protocol, names.qualified_name(protocol))


def validate_endpoint_slice_update(new: Object, old: Object) -> Iterator[FieldError]:
    """`new` as a whole; endpoints that did not change are not asked about again."""
    after = {**new, "endpoints": ()} if new.get("endpoints") == old.get("endpoints") else new
    yield from validate_endpoint_slice(after)
    yield from immutable("addressType", new.get("addressType"), old.get("addressType"))


_CAREFUL = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")
"""Controllers that spell addresses as they should be."""


def warn_of_endpoint_slice(new: Object, old: Object | None) -> Iterator[str]:
    if old is None and new.get("addressType") == "FQDN":
        yield "spec.addressType: FQDN endpoints are deprecated"
    if (new["metadata"].get("labels") or {}).get("endpointslice.kubernetes.io/managed-by") in _CAREFUL:
        return
    for index, endpoint in enumerate(new.get("endpoints") or ()):
        for place, address in enumerate(endpoint.get("addresses") or ()):
            yield from warn_of_ip(f"endpoints[{index}].addresses[{place}]", address)
