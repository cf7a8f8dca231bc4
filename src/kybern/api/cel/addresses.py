"""IP addresses and CIDRs, by the rules and messages of Go's net/netip."""

from __future__ import annotations

import ipaddress
import math
import re
from ipaddress import IPv4Address, IPv6Address

from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.errors import EvaluationError
from kybern.api.cel.values import Opaque

Address = IPv4Address | IPv6Address

_LINK_LOCAL_V4, _LINK_LOCAL_V6 = ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10")
_MULTICAST_V4 = ipaddress.ip_network("224.0.0.0/24")


class Ip(Opaque):
    __slots__ = ("address",)

    type_name = "net.IP"

    def __init__(self, address: Address) -> None:
        self.address = address

    @property
    def size(self) -> int:
        return self.address.max_prefixlen // 8

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ip) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __str__(self) -> str:
        return str(self.address)

    def is_link_local_multicast(self) -> bool:
        if isinstance(self.address, IPv4Address):
            return self.address in _MULTICAST_V4
        return int(self.address) >> 112 & 0xFF0F == 0xFF02

    def is_link_local_unicast(self) -> bool:
        return self.address in (_LINK_LOCAL_V4 if isinstance(self.address, IPv4Address) else _LINK_LOCAL_V6)

    def is_loopback(self) -> bool:
        return self.address.is_loopback

    def is_unspecified(self) -> bool:
        return self.address.is_unspecified

    def is_global_unicast(self) -> bool:
        address = self.address
        special = address.is_unspecified or address.is_loopback or address.is_multicast or self.is_link_local_unicast()
        return not special and str(address) != "255.255.255.255"


class Cidr(Opaque):
    """An address, which may have bits behind the prefix, and the length of the prefix."""

    __slots__ = ("address", "bits")

    type_name = "net.CIDR"

    def __init__(self, address: Address, bits: int) -> None:
        self.address = address
        self.bits = bits

    @property
    def size(self) -> int:
        return math.ceil(self.bits / 8)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cidr) and (self.address, self.bits) == (other.address, other.bits)

    def __hash__(self) -> int:
        return hash((self.address, self.bits))

    def __str__(self) -> str:
        return f"{self.address}/{self.bits}"

    def _prefix(self, address: Address, bits: int) -> int:
        return int(address) >> (address.max_prefixlen - bits)

    def contains_ip(self, other: Ip) -> bool:
        if other.address.version != self.address.version:
            return False
        return self._prefix(other.address, self.bits) == self._prefix(self.address, self.bits)

    def contains_cidr(self, other: Cidr) -> bool:
        return self.bits <= other.bits and self.contains_ip(Ip(other.address))

    def masked(self) -> Cidr:
        network = ipaddress.ip_network(f"{self.address}/{self.bits}", strict=False)
        return Cidr(network.network_address, self.bits)


def parse_address(text: str) -> Address:
    """Raises ValueError with netip's message."""
    first = re.search(r"[.:%]", text)
    if first is None:
        raise _fault(text, "unable to parse IP")
    if first[0] == ".":
        return _parse_v4(text)
    if first[0] == "%":
        raise _fault(text, "missing IPv6 address")
    body, percent, zone = text.partition("%")
    if percent and not zone:
        raise _fault(text, "zone must be a non-empty string")
    try:
        return IPv6Address(text)
    except ValueError:
        raise _v6_fault(text, body) from None


def _fault(text: str, message: str, at: str = "") -> ValueError:
    return ValueError(f'ParseAddr("{text}"): {message}' + (f' (at "{at}")' if at else ""))


def _parse_v4(text: str) -> IPv4Address:
    value, digits, fields = 0, 0, 0
    for position, character in enumerate(text):
        if "0" <= character <= "9":
            if digits == 1 and value == 0:
                raise _fault(text, "IPv4 field has octet with leading zero")
            value, digits = value * 10 + int(character), digits + 1
            if value > 255:
                raise _fault(text, "IPv4 field has value >255")
        elif character == ".":
            if position in (0, len(text) - 1) or text[position - 1] == ".":
                raise _fault(text, "IPv4 field must have at least one digit", text[position:])
            if fields == 3:
                raise _fault(text, "IPv4 address too long")
            value, digits, fields = 0, 0, fields + 1
        else:
            raise _fault(text, "unexpected character", text[position:])
    if fields < 3:
        raise _fault(text, "IPv4 address too short")
    return IPv4Address(text)


def _v6_fault(text: str, body: str) -> ValueError:
    """What netip says to what is no IPv6 address, with the rest of the text that it stopped at."""
    rest, groups, ellipsis = body, 0, False
    if rest.startswith("::"):
        rest, ellipsis = rest[2:], True
    while groups < 8:
        digits = re.match(r"[0-9A-Fa-f]*", rest)
        length = len(digits[0]) if digits else 0
        if length > 4:
            return _fault(text, "each group must have 4 or less digits", rest)
        if length == 0:
            return _fault(text, "each colon-separated field must have at least one digit", rest)
        if rest[length : length + 1] == ".":
            return _embedded_fault(text, rest, groups, ellipsis)
        groups, rest = groups + 1, rest[length:]
        if not rest:
            break
        if rest[0] != ":":
            return _fault(text, "unexpected character, want colon", rest)
        if len(rest) == 1:
            return _fault(text, "colon must be followed by more characters", rest)
        rest = rest[1:]
        if rest[0] == ":":
            if ellipsis:
                return _fault(text, "multiple :: in address", rest)
            rest, ellipsis = rest[1:], True
            if not rest:
                break
    if rest:
        return _fault(text, "trailing garbage after address", rest)
    return _fault(text, "the :: must expand to at least one field of zeros" if ellipsis else "address string too short")


def _embedded_fault(text: str, rest: str, groups: int, ellipsis: bool) -> ValueError:
    if not ellipsis and groups != 6:
        return _fault(text, "embedded IPv4 address must replace the final 2 fields of the address", rest)
    if groups > 6:
        return _fault(text, "too many hex fields to fit an embedded IPv4 at the end of the address", rest)
    try:
        _parse_v4(rest)
    except ValueError as error:
        return ValueError(str(error).replace(f'ParseAddr("{rest}")', f'ParseAddr("{text}")'))
    return _fault(text, "unable to parse IP")


def to_address(text: str) -> Address:
    """Raises ValueError for what is no address of its own: zones, IPv4 within IPv6."""
    try:
        address = parse_address(text)
    except ValueError as error:
        raise ValueError(f'IP Address "{text}" parse error during conversion from string: {error}') from None
    if isinstance(address, IPv6Address):
        if address.scope_id:
            raise ValueError(f'IP address "{text}" with zone value is not allowed')
        if address.ipv4_mapped is not None:
            raise ValueError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return address


def parse_prefix(text: str) -> Cidr:
    """Raises ValueError with upstream's message."""
    failed = "network address parse error during conversion from string: "
    head, slash, bits = text.rpartition("/")
    quoted = f'netip.ParsePrefix("{text}")'
    if not slash:
        raise ValueError(f"{failed}{quoted}: no '/'")
    try:
        address = parse_address(head)
    except ValueError as error:
        raise ValueError(f"{failed}{quoted}: {error}") from None
    if isinstance(address, IPv6Address) and address.scope_id:
        raise ValueError(f"{failed}{quoted}: IPv6 zones cannot be present in a prefix")
    if not re.fullmatch(r"0|[1-9][0-9]{0,9}", bits, re.ASCII):
        raise ValueError(f'{failed}{quoted}: bad bits after slash: "{bits}"')
    if int(bits) > address.max_prefixlen:
        raise ValueError(f"{failed}{quoted}: prefix length out of range")
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        raise ValueError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return Cidr(address, int(bits))


def to_ip(text: str) -> Ip:
    try:
        return Ip(to_address(text))
    except ValueError as error:
        raise EvaluationError(str(error)) from None


def is_ip(text: str) -> bool:
    try:
        to_address(text)
    except ValueError:
        return False
    return True


def is_canonical(text: str) -> bool:
    return str(to_ip(text)) == text


def to_cidr(text: str) -> Cidr:
    try:
        return parse_prefix(text)
    except ValueError as error:
        raise EvaluationError(f"network address parse error during conversion from string: {error}") from None


def is_cidr(text: str) -> bool:
    try:
        parse_prefix(text)
    except ValueError:
        return False
    return True


def _contains_ip_text(cidr: Cidr, text: str) -> bool:
    if not is_ip(text):
        raise EvaluationError("no such overload")
    return cidr.contains_ip(to_ip(text))


def _contains_cidr_text(cidr: Cidr, text: str) -> bool:
    return cidr.contains_cidr(to_cidr(text))


OVERLOADS: list[Overload] = [
    overload("string_to_ip", "ip", "(string) -> net.IP", to_ip),
    overload("ip_family", "family", "net.IP.() -> int", lambda ip: ip.address.version),
    overload("ip_is_canonical", "ip.isCanonical", "(string) -> bool", is_canonical),
    overload("ip_is_unspecified", "isUnspecified", "net.IP.() -> bool", Ip.is_unspecified),
    overload("ip_is_loopback", "isLoopback", "net.IP.() -> bool", Ip.is_loopback),
    overload("ip_is_link_local_multicast", "isLinkLocalMulticast", "net.IP.() -> bool", Ip.is_link_local_multicast),
    overload("ip_is_link_local_unicast", "isLinkLocalUnicast", "net.IP.() -> bool", Ip.is_link_local_unicast),
    overload("ip_is_global_unicast", "isGlobalUnicast", "net.IP.() -> bool", Ip.is_global_unicast),
    overload("is_ip", "isIP", "(string) -> bool", is_ip),
    overload("ip_to_string", "string", "(net.IP) -> string", str),
    overload("string_to_cidr", "cidr", "(string) -> net.CIDR", to_cidr),
    overload("cidr_contains_ip_string", "containsIP", "net.CIDR.(string) -> bool", _contains_ip_text),
    overload("cidr_contains_ip_ip", "containsIP", "net.CIDR.(net.IP) -> bool", Cidr.contains_ip),
    overload("cidr_contains_cidr_string", "containsCIDR", "net.CIDR.(string) -> bool", _contains_cidr_text),
    overload("cidr_contains_cidr", "containsCIDR", "net.CIDR.(net.CIDR) -> bool", Cidr.contains_cidr),
    overload("cidr_ip", "ip", "net.CIDR.() -> net.IP", lambda cidr: Ip(cidr.address)),
    overload("cidr_prefix_length", "prefixLength", "net.CIDR.() -> int", lambda cidr: cidr.bits),
    overload("cidr_masked", "masked", "net.CIDR.() -> net.CIDR", Cidr.masked),
    overload("is_cidr", "isCIDR", "(string) -> bool", is_cidr),
    overload("cidr_to_string", "string", "(net.CIDR) -> string", str),
]
