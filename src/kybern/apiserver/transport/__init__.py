"""Sockets and bytes: HTTP/1.1 and WebSocket, over TLS or not, behind the `Handler` of `apiserver/exchange.py`.

It knows nothing of Kubernetes; the body of an error answer comes from a hook (`Refuse`).
"""

from kybern.apiserver.transport.limits import Limits
from kybern.apiserver.transport.response import Refuse
from kybern.apiserver.transport.server import Server
from kybern.apiserver.transport.tls import Tls, TlsFiles

__all__ = ["Limits", "Refuse", "Server", "Tls", "TlsFiles"]
