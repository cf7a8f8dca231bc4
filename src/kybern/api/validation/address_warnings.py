"""Addresses that are accepted but not as they should be written. Source: apimachinery util/validation/ip.go."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_interface

from kybern.api.validation.addresses import parse_cidr, parse_ip_leniently, without_padding
from kybern.api.validation.field import quote


def ip_warnings(path: str, text: str) -> Iterator[str]:
    """What is no address at all gives none: that is an error's business."""
    address = parse_ip_leniently(text)
    if address is None:
        return
    if without_padding(text) != text or (address.version == 6 and address.ipv4_mapped):
        yield f"{path}: non-standard IP address {quote(text)} is invalid: use {quote(_go_ip(address))}"
    elif address.version == 6 and str(address) != text:
        yield f"{path}: IPv6 address {quote(text)} should be in RFC 5952 canonical format ({quote(str(address))})"


def cidr_warnings(path: str, text: str) -> Iterator[str]:
    unpadded = without_padding(text.partition("/")[0]) + "/" + text.partition("/")[2]
    network = parse_cidr(unpadded)
    if network is None:
        return
    address = ip_interface(unpadded).ip
    canonical = _go_network(network)
    ambiguous = address != network.network_address
    if ambiguous:
        single = f"{_go_ip(address)}/{_bits(network)}"
        yield (
            f"{path}: CIDR value {quote(text)} is ambiguous in this context "
            f"(should be {quote(canonical)} or {quote(single)}?)"
        )
    if unpadded != text or (address.version == 6 and address.ipv4_mapped):
        yield f"{path}: non-standard CIDR value {quote(text)} is invalid: use {quote(canonical)}"
    elif not ambiguous and network.version == 6 and str(network) != text:
        yield f"{path}: IPv6 CIDR value {quote(text)} should be in RFC 5952 canonical format ({quote(str(network))})"


def _go_ip(address: IPv4Address | IPv6Address) -> str:
    """How Go writes an address: one mapped into IPv6 is of IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _mapped(network: IPv4Network | IPv6Network) -> bool:
    return isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None


def _bits(network: IPv4Network | IPv6Network) -> int:
    return network.max_prefixlen


def _go_network(network: IPv4Network | IPv6Network) -> str:
    if _mapped(network) and network.prefixlen >= 96:
        return f"{_go_ip(network.network_address)}/{network.prefixlen - 96}"
    return str(network)
