"""`/logs/`: the files below the node's /var/log, as upstream's file server shows them."""

import asyncio
import html
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from kybern.kubelet.server.plain import PLAIN, plain
from kybern.transport.exchange import Answer, Request, Response, Stream

HTML: Final = "text/html; charset=utf-8"
HEAD: Final = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n'
PIECE_BYTES: Final = 64 << 10


async def node_logs(root: Path, request: Request, parts: list[str]) -> Answer:
    """A file, or the list of a directory; nothing outside of `root`, wherever its links lead."""
    place = await asyncio.to_thread(_find, root, parts)
    if place is None:
        return plain(404, "404 page not found\n")
    if place.is_dir():
        if not request.path.endswith("/"):
            return Response(301, b"", HTML, (("Location", f"{place.name}/"),))
        return Response(200, await asyncio.to_thread(_listing, place), HTML)
    return Stream(_pieces(place), content_type=PLAIN)


def _find(root: Path, parts: list[str]) -> Path | None:
    place = root.joinpath(*parts).resolve()
    inside = place.is_relative_to(root.resolve())
    return place if inside and (place.is_dir() or place.is_file()) else None


def _listing(directory: Path) -> bytes:
    names = sorted(f"{each.name}/" if each.is_dir() else each.name for each in directory.iterdir())
    links = [f'<a href="{quote(name)}">{html.escape(name)}</a>\n' for name in names]
    return f"{HEAD}{''.join(links)}</pre>\n".encode()


async def _pieces(place: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(place.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
