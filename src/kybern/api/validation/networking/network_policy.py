"""NetworkPolicy."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.addresses import parse_cidr, validate_cidr
from kybern.api.validation.field import each_invalid, forbidden, invalid, not_supported, required
from kybern.api.validation.metadata import validate_label_selector

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TYPES = ("Ingress", "Egress")


def validate_network_policy(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from validate_label_selector(spec.get("podSelector"), "spec.podSelector")
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            for place, port in enumerate(rule.get("ports") or ()):
                yield from _port(port, f"{path}.ports[{place}]")
            for place, peer in enumerate(rule.get(peers) or ()):
                yield from _peer(peer, f"{path}.{peers}[{place}]")
    types = spec.get("policyTypes") or []
    if len(types) > len(_TYPES):
        yield invalid("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for index, kind in enumerate(types):
        if kind not in _TYPES:
            yield not_supported(f"spec.policyTypes[{index}]", kind, _TYPES)


def _port(port: Object, path: str) -> Iterator[FieldError]:
    protocol, number, last = port.get("protocol"), port.get("port"), port.get("endPort")
    if protocol is not None and protocol not in _PROTOCOLS:
        yield not_supported(f"{path}.protocol", protocol, _PROTOCOLS)
    if number is None:
        if last is not None:
            yield invalid(f"{path}.endPort", last, "may not be specified when `port` is not specified")
    elif isinstance(number, str):
        if last is not None:
            yield invalid(f"{path}.endPort", last, "may not be specified when `port` is non-numeric")
        yield from each_invalid(f"{path}.port", number, names.port_name(number))
    else:
        yield from each_invalid(f"{path}.port", number, names.port_number(number))
        if last is not None:
            if last < number:
                # Upstream shows the port here, not its end.
                yield invalid(f"{path}.endPort", number, "must be greater than or equal to `port`")
            yield from each_invalid(f"{path}.endPort", last, names.port_number(last))


def _peer(peer: Object, path: str) -> Iterator[FieldError]:
    selectors = [key for key in ("podSelector", "namespaceSelector") if peer.get(key) is not None]
    block = peer.get("ipBlock")
    for key in selectors:
        yield from validate_label_selector(peer[key], f"{path}.{key}")
    if block is not None:
        yield from _block(block, f"{path}.ipBlock")
    if not selectors and block is None:
        yield required(path, "must specify a peer")
    elif selectors and block is not None:
        yield forbidden(path, "may not specify both ipBlock and another peer")


def _block(block: Object, path: str) -> Iterator[FieldError]:
    text = block.get("cidr") or ""
    if not text:
        yield required(f"{path}.cidr")
        return
    yield from validate_cidr(f"{path}.cidr", text)
    cidr = parse_cidr(text)
    if cidr is None:
        return
    for index, text in enumerate(block.get("except") or ()):
        at = f"{path}.except[{index}]"
        yield from validate_cidr(at, text)
        inner = parse_cidr(text)
        if inner is None:
            continue
        inside = inner.version == cidr.version and inner.network_address in cidr
        if not inside or cidr.prefixlen >= inner.prefixlen:
            yield invalid(at, text, "must be a strict subset of `cidr`")
