"""The node's door to HTTP: the only file of the kubelet that knows where the transport lives."""

from kybern.apiserver.exchange import Answer, Connection, Handler, Request, Response, Stream, Upgrade
from kybern.apiserver.transport import Server, Tls, TlsFiles
from kybern.apiserver.transport.websocket import WebSocket, WebSocketClosed, accept
from kybern.apiserver.transport.websocket_client import UpgradeRefused, connect

__all__ = [
    "Answer",
    "Connection",
    "Handler",
    "Request",
    "Response",
    "Server",
    "Stream",
    "Tls",
    "TlsFiles",
    "Upgrade",
    "UpgradeRefused",
    "WebSocket",
    "WebSocketClosed",
    "accept",
    "connect",
    "plain",
]

PLAIN = "text/plain; charset=utf-8"


def plain(status: int, message: str) -> Response:
    """An answer in plain text, as the kubelet words its errors."""
    return Response(status, message.encode(), PLAIN)
