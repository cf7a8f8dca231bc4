"""Where kubelets are and how to show them who asks."""

import ssl
from pathlib import Path

from kybern.api.resource import Object
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.proxy.backend import Place
from kybern.apiserver.status import Unclassified
from kybern.base.errors import NotFound

DEFAULT_PORT = 10250
ADDRESS_TYPES = ("InternalIP", "ExternalIP", "InternalDNS", "ExternalDNS", "Hostname")
"""In the order of preference; InternalIP first, since a node's name may not resolve here."""


class Kubelets:
    """Finds the kubelet of a node."""

    def __init__(self, lookup: Lookup, certificate: Path | None, key: Path | None, authority: Path | None) -> None:
        self._lookup = lookup
        self._files = (certificate, key, authority)
        self._tls: ssl.SSLContext | None = None

    def place(self, node_name: str) -> Place:
        """Raises NotFound, BadRequest, Unclassified."""
        node = self._lookup.get("nodes", node_name)
        if node is None:
            raise NotFound(f'nodes "{node_name}" not found', details={"name": node_name, "kind": "nodes"})
        return Place(_address(node), _port(node), self._context())

    def _context(self) -> ssl.SSLContext:
        """Made when first needed. Without an authority kubelets are taken at their word, as upstream does."""
        if self._tls is None:
            certificate, key, authority = self._files
            context = ssl.create_default_context(cafile=authority)
            if authority is None:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if certificate is not None:
                context.load_cert_chain(certificate, key)
            self._tls = context
        return self._tls


def _address(node: Object) -> str:
    addresses = {each["type"]: each["address"] for each in (node.get("status") or {}).get("addresses") or ()}
    for kind in ADDRESS_TYPES:
        if addresses.get(kind):
            return str(addresses[kind])
    raise Unclassified(f"no preferred addresses found; known addresses: {sorted(addresses)}")


def _port(node: Object) -> int:
    endpoints = (node.get("status") or {}).get("daemonEndpoints") or {}
    return int((endpoints.get("kubeletEndpoint") or {}).get("Port") or DEFAULT_PORT)
