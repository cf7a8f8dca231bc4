"""IP addresses and CIDRs in API fields. Source: apimachinery util/validation/ip.go (the strict rules of KEP-4858)."""

from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from kybern.api.resource import FieldError
from kybern.api.validation.field import invalid, quote

_EXAMPLE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_CIDR_EXAMPLE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def parse_ip(text: str) -> IPv4Address | IPv6Address | None:
    """None when it is none; zones are not allowed."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def parse_ip_leniently(text: str) -> IPv4Address | IPv6Address | None:
    """As `parse_ip`, but zeros may lead a decimal part: how upstream reads what it stored long ago."""
    return parse_ip(without_padding(text))


def without_padding(text: str) -> str:
    """`10.01.0.0` as `10.1.0.0`."""
    if ":" in text or "." not in text:
        return text
    return ".".join(part.lstrip("0") or part[-1:] for part in text.split("."))


def validate_ip(path: str, value: str, known: Collection[str] = ()) -> Iterator[FieldError]:
    """An address; `known` ones (of the old object) may stay as they are."""
    if value in known:
        return
    address = parse_ip(value)
    if address is None:
        yield invalid(path, value, _EXAMPLE if parse_ip_leniently(value) is None else "must not have leading 0s")
    elif isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        yield invalid(path, value, "must not be an IPv4-mapped IPv6 address")


def validate_canonical_ip(path: str, value: str) -> Iterator[FieldError]:
    """For newer fields: the one accepted spelling."""
    errors = list(validate_ip(path, value))
    if not errors and value != str(parse_ip(value)):
        errors.append(invalid(path, value, f"must be in canonical form ({quote(str(parse_ip(value)))})"))
    yield from errors


def warn_of_ip(path: str, value: str) -> Iterator[str]:
    """A good address that is not spelt as it should be."""
    address = parse_ip(value)
    if address is not None and address.version == 6 and str(address) != value:
        yield f"{path}: IPv6 address {quote(value)} should be in RFC 5952 canonical format ({quote(str(address))})"


def parse_cidr(text: str, *, strict: bool = False) -> IPv4Network | IPv6Network | None:
    """None when it is none; `strict` refuses bits beyond the prefix."""
    if "/" not in text or "%" in text or not text.rpartition("/")[2].isdecimal():
        return None
    try:
        return ip_network(text, strict=strict)
    except ValueError:
        return None


def validate_cidr(path: str, value: str, known: Collection[str] = ()) -> Iterator[FieldError]:
    if value in known:
        return
    network = parse_cidr(value)
    if network is None:
        yield invalid(path, value, _CIDR_EXAMPLE)
    elif isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        yield invalid(path, value, "must not have an IPv4-mapped IPv6 address")
    elif parse_cidr(value, strict=True) is None:
        yield invalid(path, value, "must not have bits set beyond the prefix length")


def validate_canonical_cidr(path: str, value: str) -> Iterator[FieldError]:
    errors = list(validate_cidr(path, value))
    if not errors and value != str(parse_cidr(value)):
        errors.append(invalid(path, value, f"must be in canonical form ({quote(str(parse_cidr(value)))})"))
    yield from errors


def validate_interface_address(path: str, value: str) -> Iterator[FieldError]:
    """An address with the length of its network's prefix, in its canonical form."""
    text, slash, bits = value.rpartition("/")
    address, network = _unmapped(parse_ip(text)), parse_cidr(value)
    if not slash or address is None or network is None:
        yield invalid(path, value, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)")
        return
    mapped = address.version == 4 and network.version == 6
    canonical = f"{address}/{int(bits) - 96 if mapped and int(bits) > 32 else int(bits)}"
    if value != canonical:
        yield invalid(path, value, f"must be in canonical form ({quote(canonical)})")


def _unmapped(address: IPv4Address | IPv6Address | None) -> IPv4Address | IPv6Address | None:
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def validate_endpoint_ip(path: str, value: str) -> Iterator[FieldError]:
    """Where traffic may be sent: not to the node itself, not to its own link."""
    address = parse_ip_leniently(value)
    if address is None:
        yield invalid(path, value, "must be a valid IP address")
        return
    if address.is_unspecified:
        yield invalid(path, value, f"may not be unspecified ({value})")
    if address.is_loopback:
        yield invalid(path, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        yield invalid(path, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if address in _LINK_LOCAL_MULTICAST[address.version]:
        yield invalid(path, value, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


_LINK_LOCAL_MULTICAST: dict[int, IPv4Network | IPv6Network] = {
    4: IPv4Network("224.0.0.0/24"),
    6: IPv6Network("ff02::/16"),
}
