"""What a Service is accepted with but should not have. Source: pkg/api/service/warnings.go."""

from collections.abc import Iterator

from kybern.api.resource import Object
from kybern.api.validation.addresses import parse_cidr, parse_ip
from kybern.api.validation.field import quote

_HINTS, _MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"


def service_warnings(new: Object, old: Object | None) -> Iterator[str]:
    spec = new.get("spec") or {}
    if _HINTS in (new["metadata"].get("annotations") or {}):
        yield f"annotation {_HINTS} is deprecated, please use {_MODE} instead"
    addresses = spec.get("clusterIPs") or []
    if addresses and addresses != ["None"]:
        for index, address in enumerate(addresses):
            yield from _ip(f"spec.clusterIPs[{index}]", address)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        yield from _ip(f"spec.externalIPs[{index}]", address)
    if spec.get("loadBalancerIP"):
        yield from _ip("spec.loadBalancerIP", spec["loadBalancerIP"])
    for index, cidr in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        yield from _cidr(f"spec.loadBalancerSourceRanges[{index}]", cidr.strip())
    if spec.get("type") == "ExternalName" and spec.get("externalIPs"):
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if spec.get("type") != "ExternalName" and spec.get("externalName"):
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.get("trafficDistribution") == "PreferClose":
        yield "spec.trafficDistribution: PreferClose is deprecated; use PreferSameZone or PreferSameNode"


def _ip(path: str, text: str) -> Iterator[str]:
    address = parse_ip(text)
    if address is not None and address.version == 6 and str(address) != text:
        yield f"{path}: IPv6 address {quote(text)} should be in RFC 5952 canonical format ({quote(str(address))})"


def _cidr(path: str, text: str) -> Iterator[str]:
    network = parse_cidr(text)
    if network is not None and network.version == 6 and str(network) != text:
        yield f"{path}: IPv6 CIDR value {quote(text)} should be in RFC 5952 canonical format ({quote(str(network))})"
