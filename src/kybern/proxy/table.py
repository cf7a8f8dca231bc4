"""The text of the proxy's table: maps and the few chains that read them. No I/O.

A first packet passes `prerouting` (or `output`): `frontends` says by (address, protocol, port) whether it is for the
cluster's or for an external address, `nodeports` the same by (protocol, port) for addresses of the node: those of
loopback too, for the node's own programs, where the kernel routes them (`route_localnet`).
The chain they name puts the number of a group of endpoints into the packet's mark; `counts` leads from the mark to the
chain of the group's size, which draws an endpoint. The connection mark's bit MASQUERADE says that the source must be
the node's. Later packets of the connection never come here: they follow conntrack.

Elements, not chains: one Service changed among 10,000 costs 0.2 ms so, and 250 ms with a chain for each.
nft 1.0.6 (Debian 12) must understand every line.
"""

from kybern.proxy.decide import GROUP_MARK

TABLE = "kybern-proxy"
MASQUERADE = 0x4000
PROTOCOL_SET = "{ tcp, udp, sctp }"
SERVICE_KEY = "ip daddr . meta l4proto . th dport"
PORT_KEY = "meta l4proto . th dport"
LOOPBACK = "127.0.0.0/8"
NODE_ADDRESS = f"fib daddr type local ip daddr != {LOOPBACK}"
AFFINITY_LIMIT = 65536
"""Clients remembered; the kernel refuses to remember more, which costs those their affinity."""


def base_table(pod_network: str, routes_loopback: bool = False, own_pods: str = "") -> str:
    """The empty table. `pod_network` is the range of all Pods: others' traffic to a Service address is masqueraded.

    `routes_loopback`: whether the kernel lets a packet from 127.0.0.1 leave, so that node ports can be served there.
    `own_pods`: the range of this node's Pods, which reach all endpoints under any policy; "": all Pods do.
    """
    address_key = "ipv4_addr . inet_proto . inet_service"
    outside = f"ip saddr != {pod_network} fib saddr type != local"
    elsewhere = f"ip saddr != {own_pods or pod_network} fib saddr type != local"
    mark_masquerade = f"ct mark set ct mark or 0x{MASQUERADE:x}"
    loopback = "jump loopback_ports;" if routes_loopback else ""
    return f"""table ip {TABLE} {{
  map frontends {{ type {address_key} : verdict; }}
  map nodeports {{ type inet_proto . inet_service : verdict; }}
  map cluster_groups {{ type {address_key} : mark; }}
  map external_groups {{ type {address_key} : mark; }}
  map external_local {{ type {address_key} : mark; }}
  map nodeport_groups {{ type inet_proto . inet_service : mark; }}
  map nodeport_local {{ type inet_proto . inet_service : mark; }}
  map counts {{ type mark : verdict; }}
  map endpoints {{ typeof meta mark . numgen random mod 1 : ip daddr . th dport; }}
  map affinity {{ typeof ip saddr . meta mark : ip daddr . th dport; flags dynamic,timeout; size {AFFINITY_LIMIT}; }}
  map remember {{ type mark : verdict; }}
  map hostports {{ typeof meta l4proto . th dport : ip daddr . th dport; }}
  map hostip_ports {{ typeof ip daddr . meta l4proto . th dport : ip daddr . th dport; }}
  set hairpin {{ type ipv4_addr . ipv4_addr; }}
  set cluster_ips {{ type ipv4_addr; }}
  set refused {{ type {address_key}; }}
  set refused_ports {{ type inet_proto . inet_service; }}
  set guarded {{ type {address_key}; }}
  set allowed {{ type {address_key} . ipv4_addr; flags interval; }}

  chain balance {{ meta mark vmap @counts; }}
  chain cluster {{
    {outside} {mark_masquerade}
    meta mark set {SERVICE_KEY} map @cluster_groups
    goto balance
  }}
  chain external {{
    {outside} {SERVICE_KEY} @guarded {SERVICE_KEY} . ip saddr != @allowed drop
    {elsewhere} meta mark set {SERVICE_KEY} map @external_local goto balance
    {mark_masquerade}
    meta mark set {SERVICE_KEY} map @external_groups
    goto balance
  }}
  chain nodeport {{
    {elsewhere} meta mark set {PORT_KEY} map @nodeport_local goto balance
    {mark_masquerade}
    meta mark set {PORT_KEY} map @nodeport_groups
    goto balance
  }}
  chain translate {{
    {SERVICE_KEY} vmap @frontends
    {NODE_ADDRESS} {PORT_KEY} vmap @nodeports
    meta l4proto {PROTOCOL_SET} dnat ip to {SERVICE_KEY} map @hostip_ports
    {NODE_ADDRESS} meta l4proto {PROTOCOL_SET} dnat ip to {PORT_KEY} map @hostports
  }}
  chain prerouting {{ type nat hook prerouting priority dstnat; jump translate; }}
  chain loopback_ports {{
    ip daddr {LOOPBACK} {PORT_KEY} vmap @nodeports
    ip daddr {LOOPBACK} meta l4proto {PROTOCOL_SET} dnat ip to {PORT_KEY} map @hostports
  }}
  chain output {{ type nat hook output priority -100; jump translate; {loopback} }}

  chain memorize {{ ct state new ct status dnat meta mark vmap @remember; }}
  chain forwarded {{ type filter hook postrouting priority 90; jump memorize; }}
  chain delivered {{
    type filter hook input priority 90
    jump memorize
    meta mark and 0xff000000 == 0x{GROUP_MARK:08x} meta mark set 0
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat
    ct status dnat ip saddr . ip daddr @hairpin masquerade
    ct status dnat ip saddr {LOOPBACK} masquerade
    ct status dnat ct mark and 0x{MASQUERADE:x} == 0x{MASQUERADE:x} masquerade
  }}
  chain unmarked {{
    type filter hook postrouting priority 101
    meta mark and 0xff000000 == 0x{GROUP_MARK:08x} meta mark set 0
  }}

  chain refuse {{
    {SERVICE_KEY} @refused reject
    ip daddr @cluster_ips reject
    {NODE_ADDRESS} {PORT_KEY} @refused_ports reject
  }}
  chain refuse_forwarded {{ type filter hook forward priority filter; ct state new jump refuse; }}
  chain refuse_delivered {{ type filter hook input priority filter; ct state new jump refuse; }}
  chain refuse_own {{ type filter hook output priority filter; ct state new jump refuse; }}
}}
"""


def size_chains(size: int) -> set[str]:
    """Names of the chains for groups of up to `size` endpoints."""
    return {f"{kind}{number}" for kind in "na" for number in range(1, size + 1)}


def verdict_chain(name: str) -> list[str]:
    """The commands that make a chain which a verdict names: `n3`, `a3` (with affinity) or `aff10800` (remember)."""
    lines = [f"add chain ip {TABLE} {name}"]
    rule = f"add rule ip {TABLE} {name}"
    if name.startswith("aff"):
        key = f"ip saddr . meta mark timeout {name[3:]}s : ip daddr . th dport"
        return [*lines, f"{rule} update @affinity {{ {key} }}"]
    if name.startswith("a"):
        lines.append(f"{rule} meta l4proto {PROTOCOL_SET} dnat ip to ip saddr . meta mark map @affinity")
    draw = f"meta mark . numgen random mod {int(name[1:])} map @endpoints"
    return [*lines, f"{rule} meta l4proto {PROTOCOL_SET} dnat ip to {draw}"]
