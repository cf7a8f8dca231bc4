"""Sockets and bytes: HTTP/1.1 and WebSocket, over TLS or not, behind the `Handler` of `transport/exchange.py`.

It knows nothing of Kubernetes; the body of an error answer comes from a hook (`Refuse`).
"""

from kybern.transport.limits import Limits
from kybern.transport.response import Refuse
from kybern.transport.server import Server
from kybern.transport.tls import Tls, TlsFiles

__all__ = ["Limits", "Refuse", "Server", "Tls", "TlsFiles"]
