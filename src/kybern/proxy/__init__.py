"""The Service proxy of one node: Services and EndpointSlices in, elements of nftables maps out.

`decide` is pure, `ledger` finds what changed, `nft` alone touches the kernel. The proxy never stands in the way of a
packet: what it has written works on while it is gone.
"""
