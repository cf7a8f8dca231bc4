"""Endpoints."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.address_warnings import ip_warnings
from kybern.api.validation.addresses import validate_endpoint_ip, validate_ip
from kybern.api.validation.field import each_invalid, not_supported, required

PROTOCOLS = ("SCTP", "TCP", "UDP")


def validate_endpoints(obj: Object) -> Iterator[FieldError]:
    for index, subset in enumerate(obj.get("subsets") or ()):
        path = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield required(path, "must specify `addresses` or `notReadyAddresses`")
        for key in ("addresses", "notReadyAddresses"):
            for place, address in enumerate(subset.get(key) or ()):
                yield from _address(address, f"{path}.{key}[{place}]")
        ports = subset.get("ports") or ()
        for place, port in enumerate(ports):
            yield from _port(port, len(ports) > 1, f"{path}.ports[{place}]")


def _address(address: Object, path: str) -> Iterator[FieldError]:
    ip = address.get("ip") or ""
    yield from validate_ip(f"{path}.ip", ip)
    if address.get("hostname"):
        yield from each_invalid(f"{path}.hostname", address["hostname"], names.dns_label(address["hostname"]))
    if address.get("nodeName") is not None:
        yield from each_invalid(f"{path}.nodeName", address["nodeName"], names.dns_subdomain(address["nodeName"]))
    yield from validate_endpoint_ip(f"{path}.ip", ip)


def _port(port: Object, name_required: bool, path: str) -> Iterator[FieldError]:
    name = port.get("name") or ""
    if name_required and not name:
        yield required(f"{path}.name")
    elif name:
        yield from each_invalid(f"{path}.name", name, names.dns_label(name))
    number = port.get("port") or 0
    yield from each_invalid(f"{path}.port", number, names.port_number(number))
    yield from validate_protocol(port.get("protocol"), f"{path}.protocol")
    if port.get("appProtocol") is not None:
        yield from each_invalid(f"{path}.appProtocol", port["appProtocol"], names.qualified_name(port["appProtocol"]))


def validate_protocol(protocol: str | None, path: str) -> Iterator[FieldError]:
    if not protocol:
        yield required(path)
    elif protocol not in PROTOCOLS:
        yield not_supported(path, protocol, PROTOCOLS)


_MANAGED_BY, _CONTROLLER = "endpoints.kubernetes.io/managed-by", "endpoint-controller"


def endpoints_warnings(obj: Object) -> Iterator[str]:
    """The controller spells its addresses well: its writes are not looked at."""
    if (obj["metadata"].get("labels") or {}).get(_MANAGED_BY) == _CONTROLLER:
        return
    for index, subset in enumerate(obj.get("subsets") or ()):
        for key in ("addresses", "notReadyAddresses"):
            for place, address in enumerate(subset.get(key) or ()):
                yield from ip_warnings(f"subsets[{index}].{key}[{place}].ip", address.get("ip") or "")
