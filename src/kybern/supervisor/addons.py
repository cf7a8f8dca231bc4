"""What every cluster holds beside its own objects: the Service of its DNS, as kubeadm makes it, with true endpoints.

The DNS server of each node listens on the node's own address, so the Service's traffic stays on the node
(internalTrafficPolicy Local), and each node's address is an endpoint of a slice that `kybern up` keeps.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kybern.supervisor.layout import DNS_ADDRESS, DNS_METRICS_PORT, DNS_PORT, ClusterLayout

LABELS = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
PORTS: Sequence[tuple[str, str, int, int]] = (
    ("dns", "UDP", 53, DNS_PORT),
    ("dns-tcp", "TCP", 53, DNS_PORT),
    ("metrics", "TCP", 9153, DNS_METRICS_PORT),
)
"""Name, protocol, port of the Service, port of the endpoint."""


def dns_service() -> dict[str, Any]:
    """Service kube-system/kube-dns. It has no selector: its slice is written by `dns_slice`, not by a controller."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": LABELS},
        "spec": {
            "clusterIP": DNS_ADDRESS,
            "clusterIPs": [DNS_ADDRESS],
            "internalTrafficPolicy": "Local",
            "ports": [
                {"name": name, "protocol": protocol, "port": port, "targetPort": target}
                for name, protocol, port, target in PORTS
            ],
        },
    }


def dns_slice(layout: ClusterLayout) -> dict[str, Any]:
    """The endpoints of kube-dns: one for each node."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns-nodes",
            "namespace": "kube-system",
            "labels": {
                **LABELS,
                "kubernetes.io/service-name": "kube-dns",
                "endpointslice.kubernetes.io/managed-by": "supervisor.kybern.dev",
            },
        },
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [node.address],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": node.name,
            }
            for node in layout.nodes
        ],
        "ports": [{"name": name, "protocol": protocol, "port": target} for name, protocol, _, target in PORTS],
    }


def addons(layout: ClusterLayout) -> Sequence[Mapping[str, Any]]:
    """All of it, in the order of creation."""
    return [dns_service(), dns_slice(layout)]
