"""Nodes that this machine had under an earlier `kybern up` and has no more: with another number of nodes, or another
hostname. Nobody but `up` knows that they will not come back, so it deletes them, and their Pods are replaced.

A node that others have joined has no identity among the cluster's keys, and is left alone.
"""

from kybern.base.errors import NotFound
from kybern.client.client import Client
from kybern.supervisor.layout import ClusterLayout

IDENTITY = "kubelet-"
"""How the files of a node's identity begin, before its name."""


def former_nodes(layout: ClusterLayout) -> list[str]:
    """The names of those that have an identity here, and no place in the layout."""
    known = {path.stem.removeprefix(IDENTITY) for path in layout.pki.glob(f"{IDENTITY}*.crt")}
    return sorted(known - {node.name for node in layout.nodes})


async def forget_node(client: Client, layout: ClusterLayout, name: str) -> bool:
    """Delete a Node, then its identity; whether the API knew it. Raises the server's errors."""
    try:
        await client.call("DELETE", f"/api/v1/nodes/{name}")
        known = True
    except NotFound:
        known = False
    for suffix in ("kubeconfig", "key", "crt"):
        (layout.pki / f"{IDENTITY}{name}.{suffix}").unlink(missing_ok=True)
    return known
