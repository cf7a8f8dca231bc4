"""Who is who in a cluster of `kybern up`: beside the API server's own keys, an identity for each component and node.

Names and organisations are kubeadm's (https://kubernetes.io/docs/setup/best-practices/certificates/). How keys and
certificates are made and kept is the API server's affair.
"""

import os

from kybern.apiserver.pki import ensure_authority, ensure_leaf, write_kubeconfig
from kybern.apiserver.pki import ensure_pki as ensure_own
from kybern.supervisor.layout import API_PORT, CLUSTER_DOMAIN, HOST_ADDRESS, KUBERNETES_ADDRESS, ClusterLayout

COMPONENTS = {
    "controller-manager": "system:kube-controller-manager",
    "scheduler": "system:kube-scheduler",
    "kube-proxy": "system:kube-proxy",
    "dns": "kybern:dns",
}
"""The file of each component, and its name in the API."""


def ensure_pki(layout: ClusterLayout) -> None:
    """Make what is missing of the authority, the certificates, the keys and the kubeconfigs."""
    service = "kubernetes.default.svc"
    names = ("localhost", "kubernetes", "kubernetes.default", service, f"{service}.{CLUSTER_DOMAIN}")
    hosts = (*names, os.uname().nodename, "127.0.0.1", HOST_ADDRESS, KUBERNETES_ADDRESS)
    pki = ensure_own(layout.pki, hosts, f"https://127.0.0.1:{API_PORT}")
    authority = ensure_authority(pki)
    url = f"https://{HOST_ADDRESS}:{API_PORT}"
    for file, user in COMPONENTS.items():
        ensure_leaf(pki, authority, file, user, ())
        write_kubeconfig(layout.pki / f"{file}.kubeconfig", pki, file, user, url)
    for node in layout.nodes:
        file, user = f"kubelet-{node.name}", f"system:node:{node.name}"
        at = (node.name, node.address, "127.0.0.1")
        ensure_leaf(pki, authority, file, user, ("system:nodes",), at, client=True)
        write_kubeconfig(layout.pki / f"{file}.kubeconfig", pki, file, user, url)
