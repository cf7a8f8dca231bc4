"""Nodes' ranges: what the flags say, and the first part that is free, exactly."""

import pytest

from kybern.controllers.node_ranges import Masks, first_free, ranges_of_flags

FREE: dict[str, tuple[str, Masks, list[str], int, str | None]] = {
    "empty": ("10.244.0.0/22", Masks(24), [], 0, "10.244.0.0/24"),
    "next": ("10.244.0.0/22", Masks(24), ["10.244.0.0/24"], 0, "10.244.1.0/24"),
    "gap": ("10.244.0.0/22", Masks(24), ["10.244.2.0/24", "10.244.0.0/24"], 0, "10.244.1.0/24"),
    "a smaller one in the way": ("10.244.0.0/22", Masks(24), ["10.244.0.128/28"], 0, "10.244.1.0/24"),
    "a larger one in the way": ("10.244.0.0/22", Masks(24), ["10.244.0.0/23"], 0, "10.244.2.0/24"),
    "one within another": ("10.244.0.0/22", Masks(24), ["10.244.0.0/23", "10.244.0.0/26"], 0, "10.244.2.0/24"),
    "the last": ("10.244.0.0/22", Masks(24), ["10.244.0.0/23", "10.244.2.0/24"], 0, "10.244.3.0/24"),
    "full": ("10.244.0.0/22", Masks(24), ["10.244.0.0/22"], 2, None),
    "full one by one": ("10.244.0.0/22", Masks(24), [f"10.244.{each}.0/24" for each in (3, 1, 0, 2)], 1, None),
    "elsewhere": ("10.244.0.0/22", Masks(24), ["192.168.0.0/16", "fd00::/8", "nonsense", ""], 0, "10.244.0.0/24"),
    "behind the last given": ("10.244.0.0/22", Masks(24), ["10.244.0.0/24"], 3, "10.244.3.0/24"),
    "from the start again": ("10.244.0.0/22", Masks(24), ["10.244.3.0/24"], 3, "10.244.0.0/24"),
    "behind the end": ("10.244.0.0/22", Masks(24), [], 4, "10.244.0.0/24"),
    "IPv6": ("fd00::/48", Masks(), ["fd00::/64"], 0, "fd00:0:0:1::/64"),
}


@pytest.mark.parametrize("case", FREE)
def test_first_free(case: str) -> None:
    cidr, masks, taken, after, expected = FREE[case]
    (range_,) = ranges_of_flags(cidr, masks)
    part = first_free(range_, taken, after)
    assert (None if part is None else str(range_.part(part))) == expected


FLAGS: dict[str, tuple[str, Masks, list[int] | str]] = {
    "defaults": ("10.0.0.0/16", Masks(), [24]),
    "defaults of both": ("fd00::/56,10.0.0.0/16", Masks(), [64, 24]),
    "both told": ("fd00::/56,10.0.0.0/16", Masks(ipv4=26, ipv6=72), [72, 26]),
    "one told": ("10.0.0.0/16", Masks(ipv4=26), [26]),
    "IPv6 told": ("fd00::/56", Masks(68), [68]),
    "none": ("", Masks(), "invalid CIDR[0]: <nil> (invalid CIDR address: )"),
    "not one": ("10.0.0.0/16,here", Masks(), "invalid CIDR[1]: <nil> (invalid CIDR address: here)"),
    "one family twice": (
        "10.0.0.0/16,10.1.0.0/16",
        Masks(),
        "len of ClusterCIDRs==2 and they are not configured as dual stack (at least one from each IPFamily",
    ),
    "three": (
        "10.0.0.0/16,fd00::/56,10.1.0.0/16",
        Masks(),
        "length of clusterCIDRs is:3 more than max allowed of 2",
    ),
    "one mask for both": (
        "10.0.0.0/16,fd00::/56",
        Masks(24),
        "usage of --node-cidr-mask-size is not allowed with dual-stack clusters",
    ),
    "two masks": ("10.0.0.0/16", Masks(24, 24), "usage of --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6"),
    "the other family's": (
        "10.0.0.0/16",
        Masks(ipv6=64),
        "usage of --node-cidr-mask-size-ipv6 is not allowed for a single-stack IPv4 cluster",
    ),
    "the other family's too": (
        "fd00::/56",
        Masks(ipv4=24),
        "usage of --node-cidr-mask-size-ipv4 is not allowed for a single-stack IPv6 cluster",
    ),
    "smaller than a part": ("10.0.0.0/26", Masks(), "Controller: Invalid --cluster-cidr, mask size of cluster CIDR"),
    "too many parts": ("fd00::/40", Masks(), "New CIDR set failed; the node CIDR size is too big"),
    "no mask": ("10.0.0.0/16", Masks(40), "invalid mask size 40 of 10.0.0.0/16"),
}


@pytest.mark.parametrize("case", FLAGS)
def test_flags(case: str) -> None:
    cidrs, masks, expected = FLAGS[case]
    if isinstance(expected, str):
        with pytest.raises(ValueError) as error:
            ranges_of_flags(cidrs, masks)
        assert str(error.value).startswith(expected)
    else:
        assert [each.node_mask for each in ranges_of_flags(cidrs, masks)] == expected
