"""The switch to SPDY/3.1 and the choice of a protocol within it, from both sides."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from kybern.base.errors import Unreachable
from kybern.kubelet.server.plain import PLAIN, plain
from kybern.transport.exchange import Answer, Connection, Request, Response, Upgrade
from kybern.transport.websocket_client import StreamConnection, UpgradeRefused

SPDY: Final = "SPDY/3.1"
CONNECT_SECONDS: Final = 10.0
HEAD_BYTES: Final = 64 << 10
BODY_BYTES: Final = 64 << 10
"""What is read of an answer that refuses."""


def spdy_upgrade(
    request: Request, protocols: Sequence[str], serve: Callable[[Connection, str], Awaitable[None]]
) -> Answer:
    """Switch, in the first of the client's protocols that is one of `protocols`; or say why not."""
    if request.headers.get("upgrade", "").upper() != SPDY:
        return plain(400, "unable to upgrade: missing upgrade headers in request\n")
    offered = [name.strip() for name in request.headers.get("x-stream-protocol-version", "").split(",") if name.strip()]
    if not offered:
        return plain(400, "unable to upgrade: X-Stream-Protocol-Version is required\n")
    agreed = next((name for name in offered if name in protocols), "")
    if not agreed:
        supported, accepted = " ".join(offered), " ".join(protocols)
        text = f"unable to negotiate protocol: client supports [{supported}], server accepts [{accepted}]"
        ours = tuple(("X-Accepted-Stream-Protocol-Versions", name) for name in protocols)
        return Response(403, f"unable to upgrade: {text}\n".encode(), PLAIN, ours)

    async def run(connection: Connection) -> None:
        await serve(connection, agreed)

    return Upgrade(SPDY, run, (("X-Stream-Protocol-Version", agreed),))


async def spdy_connect(url: str, protocol: str) -> Connection:
    """Ask the server at `http://…` to switch. Raises Unreachable, UpgradeRefused."""
    place = urlsplit(url)
    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {place.netloc}",
        "Connection: Upgrade",
        f"Upgrade: {SPDY}",
        f"X-Stream-Protocol-Version: {protocol}",
        "Content-Length: 0",
    ]
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(place.hostname, place.port or 80, limit=HEAD_BYTES)
            try:
                writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                status = int(head.split(" ", 2)[1])
                if status != 101:
                    raise UpgradeRefused(status, await reader.read(BODY_BYTES), PLAIN)
            except BaseException:
                writer.close()
                raise
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError) as e:
        raise Unreachable(f"{place.netloc}: {e or 'timed out'}") from e
    return StreamConnection(reader, writer)
