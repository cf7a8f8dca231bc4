"""What the proxy is told, and how it tells that again at `/configz`. Pure."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProxyConfig:
    """What the proxy of one node must know."""

    node_name: str
    cluster_cidr: str = "10.244.0.0/16"
    """The range of all Pods; traffic to Services from elsewhere is masqueraded."""
    host_ports: bool = True
    """Whether to serve the host ports of this node's Pods (needs the right to list Pods)."""
    health_address: str = "0.0.0.0:10256"
    """Where load balancers ask for the node; "" for nowhere."""
    status_address: str = "127.0.0.1:10249"


def configz(config: ProxyConfig) -> dict[str, Any]:
    """Under upstream's names (KubeProxyConfiguration), the fields that mean something here."""
    told = {
        "kind": "KubeProxyConfiguration",
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "hostnameOverride": config.node_name,
        "healthzBindAddress": config.health_address,
        "metricsBindAddress": config.status_address,
        "mode": "nftables",
        "clusterCIDR": config.cluster_cidr,
    }
    return {"kubeproxy.config.k8s.io": told}
