"""The least of HTTP that a load balancer or a person asks the proxy: a path in, one whole answer out."""

import asyncio
from collections.abc import Callable

REQUEST_SECONDS = 10.0
REASONS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}


def answer(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> bytes:
    """A whole answer; underscores in the names of headers are hyphens."""
    fields = {"Content-Type": content_type, "X-Content-Type-Options": "nosniff"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    fields |= {"Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def listen(address: str, port: int, respond: Callable[[str], bytes]) -> asyncio.Server:
    """Answer what is asked at a port with what `respond` gives for its path. Raises OSError where it is taken."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
            path = request.split(b" ", 2)[1].split(b"?")[0].decode("latin-1")
            writer.write(respond(path))
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            pass  # A client that left or spoke no HTTP gets no answer.
        finally:
            writer.close()

    return await asyncio.start_server(serve, address, port)
