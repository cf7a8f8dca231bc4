"""The network of the nodes: the fabric's bridge, routes, kernel switches, the CNI configuration of each node.

Invariant: an address of the cluster that nobody has dies on this machine. Where a node lives, Service addresses lead to
an empty bridge (an `unreachable` route would fail `connect()` before the OUTPUT hook can translate). Pod addresses
outside the node's own subnet and its peers' are unreachable. Everything may be applied again at any time.
"""

import ipaddress
import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kybern.supervisor.firewall import close_forwarding, open_forwarding
from kybern.supervisor.layout import (
    FABRIC_BRIDGE,
    FABRIC_NETWORK,
    HOST_ADDRESS,
    NODE_LINK,
    POD_BRIDGE,
    POD_NETWORK,
    SERVICE_BRIDGE,
    SERVICE_NETWORK,
    ClusterLayout,
    NodeLayout,
)
from kybern.supervisor.namespaces import CommandFailed, create_network, run

LAST_METRIC = 4096
"""Metric of the routes that end what no other route takes."""
TABLE = "kybern-fabric"
SWITCHES = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")
"""Kernel switches that must be on wherever a node lives: forwarding, and NAT for what stays on one bridge."""
LOOPBACK_SWITCH = "net/ipv4/conf/all/route_localnet"
"""Lets the machine's own programs reach node ports at 127.0.0.1; the table below keeps everybody else away from there."""
CNI_NETWORK = "kybern"

MASQUERADE = f"""table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
  set inside {{ type ipv4_addr; flags interval; elements = {{ {FABRIC_NETWORK}, {POD_NETWORK}, {SERVICE_NETWORK} }} }}
  chain postrouting {{
    type nat hook postrouting priority srcnat;
    ip saddr @inside ip daddr != @inside masquerade
  }}
  chain loopback {{
    type filter hook prerouting priority raw;
    iif != lo ip saddr 127.0.0.0/8 drop
    iif != lo ip daddr 127.0.0.0/8 drop
  }}
}}
"""
"""What leaves the cluster takes the machine's address; what stays inside keeps its own. Nothing from outside may speak
to the machine's loopback addresses, though they are routed (CVE-2020-8558)."""


def conflicting_routes(routes: Iterable[Mapping[str, str]], layout: ClusterLayout) -> list[str]:
    """Routes (as `ip -json route` tells them) of this machine that overlap the cluster's ranges and are not its own.

    Of the Pods' range only what this cluster's nodes use counts.
    """
    ranges = (FABRIC_NETWORK, SERVICE_NETWORK, *(node.pod_network for node in layout.nodes))
    ours = {FABRIC_BRIDGE, SERVICE_BRIDGE, POD_BRIDGE}
    found = []
    for route in routes:
        destination = route.get("dst", "default")
        if destination == "default" or route.get("type") == "unreachable" or route.get("dev") in ours:
            continue
        network = ipaddress.IPv4Network(destination, strict=False)
        if any(network.overlaps(range_) for range_ in ranges):
            found.append(f"{destination} dev {route.get('dev', '?')}")
    return found


def apply_fabric(layout: ClusterLayout) -> dict[str, str]:
    """Build the machine's side. Returns the former values of the kernel switches that had to be changed."""
    _bridge(FABRIC_BRIDGE, f"{HOST_ADDRESS}/24")
    changed = switch_on(SWITCHES)
    with _needing("nf_tables"):
        run("nft", "-f", "-", text=MASQUERADE)
    open_forwarding()
    if layout.has_namespaces:
        ends = [SERVICE_NETWORK, POD_NETWORK]
    else:
        _bridge(SERVICE_BRIDGE, "")
        _ip([f"route replace {SERVICE_NETWORK} dev {SERVICE_BRIDGE} src {HOST_ADDRESS}"])
        ends = [POD_NETWORK]
        changed |= switch_on([LOOPBACK_SWITCH])
    _ip([f"route replace unreachable {network} metric {LAST_METRIC}" for network in ends])
    return changed


def apply_node(layout: ClusterLayout, node: NodeLayout) -> None:
    """Build one node's network: its namespace, its cable to the fabric, its routes, its CNI configuration."""
    write_cni(node)
    if not node.network_namespace:
        return
    create_network(node.network_namespace)
    if node.host_link not in links():
        # Plugged in once: a cable that someone pulls stays pulled, also when the node's programs start again.
        with _needing("veth"):
            _ip([f"link add {node.host_link} type veth peer name {NODE_LINK} netns {node.network_namespace}"])
        _ip([f"link set {node.host_link} master {FABRIC_BRIDGE} up"])
    inside = ("nsenter", f"--net=/run/netns/{node.network_namespace}")
    _ip(
        [
            "link set lo up",
            f"addr replace {node.address}/24 dev {NODE_LINK}",
            f"link set {NODE_LINK} up",
            f"route replace default via {HOST_ADDRESS}",
            f"route replace unreachable {POD_NETWORK} metric {LAST_METRIC}",
            *(
                f"route replace {peer.pod_network} via {peer.address}"
                for peer in layout.nodes
                if peer.index != node.index
            ),
        ],
        inside,
    )
    _bridge(SERVICE_BRIDGE, "", inside)
    _ip([f"route replace {SERVICE_NETWORK} dev {SERVICE_BRIDGE} src {node.address}"], inside)
    for switch in SWITCHES:
        run(*inside, "sh", "-c", f"test ! -e /proc/sys/{switch} || echo 1 > /proc/sys/{switch}")
    _ip([f"route replace {node.pod_network} via {node.address}"])


def remove_fabric(layout_nodes: Iterable[NodeLayout], switches: Mapping[str, str]) -> None:
    """Take away everything that `apply_fabric` and `apply_node` put on the machine, and set the switches back."""
    for node in layout_nodes:
        run("ip", "link", "delete", node.host_link, check=False)
        run("ip", "route", "delete", str(node.pod_network), check=False)
    for bridge in (FABRIC_BRIDGE, SERVICE_BRIDGE, POD_BRIDGE):
        run("ip", "link", "delete", bridge, check=False)
    for network in (SERVICE_NETWORK, POD_NETWORK):
        run("ip", "route", "delete", "unreachable", str(network), "metric", str(LAST_METRIC), check=False)
    run("nft", "delete", "table", "ip", TABLE, check=False)
    close_forwarding()
    for switch, former in switches.items():
        path = Path("/proc/sys", switch)
        if path.exists():
            path.write_text(former)


def switch_on(names: Iterable[str], root: Path = Path("/proc/sys")) -> dict[str, str]:
    """Set kernel switches to 1; the former values of those that were not. A missing one belongs to a missing module."""
    former = {}
    for name in names:
        path = root / name
        if path.exists() and (value := path.read_text().strip()) != "1":
            former[name] = value
            path.write_text("1")
    return former


def write_cni(node: NodeLayout) -> None:
    """The node's CNI configuration: one bridge, addresses of the node's Pod range, no masquerading of its own."""
    plugin = {
        "type": "bridge",
        "bridge": POD_BRIDGE,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(node.volatile / "ipam"),
            "ranges": [[{"subnet": str(node.pod_network)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    path = node.directory / "cni" / "10-kybern.conflist"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cniVersion": "0.4.0", "name": CNI_NETWORK, "plugins": [plugin]}, indent=2) + "\n")


def links() -> set[str]:
    """Names of this network namespace's links. /sys may show those of another namespace, where it was mounted."""
    return {name for _, name in socket.if_nameindex()}


@contextmanager
def _needing(module: str) -> Iterator[None]:
    """What fails in the block is told with the kernel's module that it needs. Raises CommandFailed."""
    try:
        yield
    except CommandFailed as error:
        raise CommandFailed(f"{error} (does this kernel have {module}? sudo modprobe {module})") from error


def _bridge(name: str, address: str, inside: tuple[str, ...] = ()) -> None:
    """A bridge that exists, is up and has the address."""
    present = any(link.get("ifname") == name for link in json.loads(run(*inside, "ip", "-json", "link") or "[]"))
    if not present:
        with _needing("bridge"):
            _ip([f"link add {name} type bridge"], inside)
    addresses = [f"addr replace {address} dev {name}"] if address else []
    _ip([*addresses, f"link set {name} up"], inside)


def _ip(lines: list[str], inside: tuple[str, ...] = ()) -> None:
    run(*inside, "ip", "-batch", "-", text="\n".join(lines) + "\n")
