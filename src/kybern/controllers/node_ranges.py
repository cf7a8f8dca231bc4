"""The ranges that Nodes get their Pod addresses from, as the flags of upstream's controller manager tell them.

Pure. One range of the cluster, or two of different families; upstream's names, defaults and refusals
(cmd/kube-controller-manager/app/core.go).
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MASKS = {4: 24, 6: 64}
"""How many bits a Node's range has by default, by family."""

MAX_IPV6_DIFFERENCE = 16
"""Bits between a range and a Node's part of it: upstream keeps a bit map of the parts."""


@dataclass(frozen=True, slots=True)
class Range:
    """A range of the cluster, and the bits of each Node's part of it."""

    network: Network
    node_mask: int

    @property
    def parts(self) -> int:
        """How many Nodes find room in it."""
        return 1 << (self.node_mask - self.network.prefixlen)

    @property
    def size(self) -> int:
        """Addresses of one Node."""
        return 1 << (self.network.max_prefixlen - self.node_mask)

    def part(self, index: int) -> Network:
        """The Node's range with that number, from 0."""
        first = self.network.network_address + index * self.size
        return ipaddress.ip_network(f"{first}/{self.node_mask}")


@dataclass(frozen=True, slots=True)
class Masks:
    """`--node-cidr-mask-size`, `…-ipv4`, `…-ipv6`; 0: not given."""

    any: int = 0
    ipv4: int = 0
    ipv6: int = 0


def ranges_of_flags(cluster_cidr: str, masks: Masks) -> tuple[Range, ...]:
    """Raises ValueError, worded as upstream words it, for ranges or masks that do not go together."""
    networks = [_network(*each) for each in enumerate(cluster_cidr.strip().split(","))]
    dual = len({each.version for each in networks}) == 2
    if len(networks) > 1 and not dual:
        told = f"len of ClusterCIDRs=={len(networks)} and they are not configured as dual stack"
        raise ValueError(f"{told} (at least one from each IPFamily")
    if len(networks) > 2:
        raise ValueError(f"length of clusterCIDRs is:{len(networks)} more than max allowed of 2")
    sizes = _sizes(masks, dual, networks[0].version)
    ranges = tuple(Range(each, sizes[each.version]) for each in networks)
    for each in ranges:
        _check(each)
    return ranges


def _check(range_: Range) -> None:
    network, mask = range_.network, range_.node_mask
    if network.prefixlen > mask:
        raise ValueError(
            "Controller: Invalid --cluster-cidr, mask size of cluster CIDR must be less than or equal to "
            "--node-cidr-mask-size configured for CIDR family"
        )
    if mask > network.max_prefixlen:
        raise ValueError(f"invalid mask size {mask} of {network}")
    if network.version == 6 and mask - network.prefixlen > MAX_IPV6_DIFFERENCE:
        raise ValueError("New CIDR set failed; the node CIDR size is too big")


def _network(index: int, text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"invalid CIDR[{index}]: <nil> (invalid CIDR address: {text})") from None


def _sizes(masks: Masks, dual: bool, version: int) -> dict[int, int]:
    """The mask of each family."""
    if masks.any and dual:
        raise ValueError("usage of --node-cidr-mask-size is not allowed with dual-stack clusters")
    if masks.any and (masks.ipv4 or masks.ipv6):
        raise ValueError(
            "usage of --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6 is not allowed if "
            "--node-cidr-mask-size is set. For dual-stack clusters please unset it and use IPFamily specific flags"
        )
    if not dual and not masks.any and (masks.ipv4, masks.ipv6)[version == 4]:
        other = 10 - version
        told = f"usage of --node-cidr-mask-size-ipv{other} is not allowed for a single-stack IPv{version} cluster"
        raise ValueError(told)
    return {4: masks.any or masks.ipv4 or MASKS[4], 6: masks.any or masks.ipv6 or MASKS[6]}


def first_free(range_: Range, taken: Iterable[str], after: int = 0) -> int | None:
    """The number of the first free part, looked for from `after` on and then from the start; None: there is none.

    What is taken may have any size, be of another family, or be no network at all.
    """
    spans = [_parts(range_, each) for each in taken]
    blocked = sorted(each for each in spans if each is not None)
    start = after % range_.parts
    found = _free(blocked, start, range_.parts)
    return found if found is not None else _free(blocked, 0, start)


def _free(blocked: list[tuple[int, int]], start: int, end: int) -> int | None:
    """The first number of [start, end) that lies in none of the sorted spans."""
    for low, high in blocked:
        if low > start:
            break
        start = max(start, high + 1)
    return start if start < end else None


def _parts(range_: Range, text: str) -> tuple[int, int] | None:
    """The numbers of the first and the last part that a network touches."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if network.version != range_.network.version:
        return None
    base = int(range_.network.network_address)
    return (
        (int(network.network_address) - base) // range_.size,
        (int(network.broadcast_address) - base) // range_.size,
    )
