"""Answers in plain text, as the kubelet words its errors."""

from kybern.transport.exchange import Response

PLAIN = "text/plain; charset=utf-8"


def plain(status: int, message: str) -> Response:
    """An answer of one line of text."""
    return Response(status, message.encode(), PLAIN)
