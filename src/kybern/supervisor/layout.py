"""Where everything of a cluster lies: directories, addresses, names. Pure; the only place that knows the numbers."""

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

DEFAULT_DATA_DIRECTORY = Path("/var/lib/kybern")
RUN_DIRECTORY = Path("/run/kybern")
"""What must not outlive a power cut: records of processes, mount namespaces."""

FABRIC_BRIDGE = "kybern0"
SERVICE_BRIDGE = "kybern-svc0"
POD_BRIDGE = "kybern-pods0"
NODE_LINK = "eth0"
FABRIC_NETWORK = ipaddress.IPv4Network("10.89.0.0/24")
HOST_ADDRESS = "10.89.0.1"
POD_NETWORK = ipaddress.IPv4Network("10.244.0.0/16")
SERVICE_NETWORK = ipaddress.IPv4Network("10.96.0.0/16")
KUBERNETES_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
DNS_PORT = 10053
"""Where each node's DNS server listens, on the node's own address."""
DNS_METRICS_PORT = 9153
CLUSTER_DOMAIN = "cluster.local"
API_PORT = 6443
MANAGER_PORT, SCHEDULER_PORT = 10257, 10259
KUBELET_PORT = 10250
NODES_LIMIT = 64
"""Nodes on one machine; every one has its own containerd."""
CGROUP = "kybern"
"""All cgroups of a cluster lie below this one, in every hierarchy."""


@dataclass(frozen=True)
class NodeLayout:
    """One node on this machine."""

    name: str
    index: int
    """0: the node is the machine itself; from 1 on: a network namespace of its own."""
    directory: Path
    address: str
    pod_network: ipaddress.IPv4Network

    @property
    def program(self) -> str:
        """The name of its process and log."""
        return f"node-{self.index}" if self.index else "node"

    @property
    def network_namespace(self) -> str:
        """The name below /run/netns; "" where the node is the machine itself."""
        return f"kybern-node{self.index}" if self.index else ""

    @property
    def mount_namespace(self) -> Path:
        """Where the node's mount namespace is kept alive."""
        return RUN_DIRECTORY / "mnt" / f"node{self.index}"

    @property
    def volatile(self) -> Path:
        """What of the node must be gone after a power cut: containerd's state, the runtime's, the Pods' addresses."""
        return RUN_DIRECTORY / f"node{self.index}"

    @property
    def host_link(self) -> str:
        """The end of the node's cable that is plugged into the fabric's bridge."""
        return f"kybern-veth{self.index}"

    @property
    def cgroup(self) -> str:
        """The node's cgroup, without the leading slash. Pods go below it; containerd sits in `runtime` below it."""
        return f"{CGROUP}/node{self.index}"

    @property
    def socket(self) -> Path:
        """containerd's socket."""
        return self.directory / "containerd.sock"


@dataclass(frozen=True)
class ClusterLayout:
    """One cluster on this machine."""

    data_directory: Path
    nodes: tuple[NodeLayout, ...]

    @property
    def pki(self) -> Path:
        return self.data_directory / "pki"

    @property
    def logs(self) -> Path:
        return self.data_directory / "log"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.pki / "admin.kubeconfig"

    @property
    def has_namespaces(self) -> bool:
        """Whether the nodes have network namespaces of their own."""
        return bool(self.nodes[0].index)


def plan_layout(data_directory: Path, nodes: int = 1, hostname: str = "") -> ClusterLayout:
    """The layout of a cluster with so many nodes. Raises ValueError outside 1 to NODES_LIMIT."""
    if not 1 <= nodes <= NODES_LIMIT:
        raise ValueError(f"--nodes must be between 1 and {NODES_LIMIT}, not {nodes}")
    directory = data_directory.absolute()
    subnets = list(POD_NETWORK.subnets(new_prefix=24))
    if nodes == 1:
        name = (hostname or socket.gethostname()).lower().rstrip(".")
        return ClusterLayout(directory, (NodeLayout(name, 0, directory / "node", HOST_ADDRESS, subnets[0]),))
    first = int(FABRIC_NETWORK.network_address) + 10
    return ClusterLayout(
        directory,
        tuple(
            NodeLayout(
                f"kybern-{index}",
                index,
                directory / f"node-{index}",
                str(ipaddress.IPv4Address(first + index)),
                subnets[index],
            )
            for index in range(1, nodes + 1)
        ),
    )
