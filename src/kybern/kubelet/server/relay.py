"""Joins a client to the streaming server of the container runtime, which speaks SPDY: only there input has an end."""

import asyncio

import orjson

from kybern.base.errors import Unreachable
from kybern.kubelet.cri import Runtime
from kybern.kubelet.server.channels import V4, Channel, Close, Data, Resize
from kybern.kubelet.server.command import Streams
from kybern.kubelet.server.outcome import SUCCESS, Status, internal_error
from kybern.kubelet.server.remote import Caller, Serve, wanted
from kybern.kubelet.server.spdy import SpdyError
from kybern.kubelet.server.spdy_channels import SpdyChannels
from kybern.kubelet.server.spdy_upgrade import spdy_connect
from kybern.transport.websocket_client import UpgradeRefused

STATUS_BYTES = 64 << 10
"""What is taken of the runtime's last words."""


async def prepare_attach(runtime: Runtime, container: str, streams: Streams) -> Serve:
    """Attach to a container's first process. Raises RuntimeFailed."""
    return relay_to(await runtime.attach_url(container, flags(streams)), streams)


def flags(streams: Streams) -> dict[str, bool]:
    """As the CRI's requests name the streams."""
    return {"stdin": streams.stdin, "stdout": streams.stdout, "stderr": streams.stderr, "tty": streams.tty}


def relay_to(url: str, streams: Streams) -> Serve:
    """Join the client to the runtime's streaming server at `http://…`."""

    async def serve(caller: Caller) -> None:
        try:
            runtime = SpdyChannels(await spdy_connect(url, V4))
        except (UpgradeRefused, Unreachable) as error:
            await caller.finish(internal_error(str(error)))
            return
        try:
            await runtime.open(wanted(streams))
            status = await _relay(caller, runtime)
        except SpdyError as error:
            status = internal_error(str(error))
        finally:
            await runtime.close()
        if status is not None:
            await caller.finish(status)

    return serve


async def _relay(caller: Caller, runtime: SpdyChannels) -> Status | None:
    """How it ended; None: the client has left."""
    inward = asyncio.create_task(_inward(caller, runtime))
    outward = asyncio.create_task(_outward(runtime, caller))
    try:
        await asyncio.wait((inward, outward), return_when=asyncio.FIRST_COMPLETED)
        if not outward.done() and inward.result():
            return None
        return await outward
    finally:
        for task in (inward, outward):
            task.cancel()
        await asyncio.gather(inward, outward, return_exceptions=True)


async def _inward(caller: Caller, runtime: SpdyChannels) -> bool:
    """What the client says, to the runtime; whether it is the client that has left."""
    while (said := await caller.receive()) is not None:
        try:
            match said:
                case Data(data=data):
                    await runtime.send(Channel.STDIN, data)
                case Close(Channel.STDIN):
                    await runtime.end(Channel.STDIN)
                case Resize(columns, rows):
                    await runtime.send(Channel.RESIZE, orjson.dumps({"Width": columns, "Height": rows}))
        except ConnectionError:
            return False
    return True


async def _outward(runtime: SpdyChannels, caller: Caller) -> Status:
    """What the runtime says, to the client; how it ended. Raises SpdyError, ConnectionError."""
    words = b""
    while (said := await runtime.receive()) is not None:
        if isinstance(said, Data):
            if said.channel is Channel.ERROR:
                words = (words + said.data)[:STATUS_BYTES]
            else:
                await caller.send(said.channel, said.data)
    if not words:
        return SUCCESS
    try:
        status = orjson.loads(words)
    except orjson.JSONDecodeError:
        status = None
    return status if isinstance(status, dict) and "status" in status else internal_error(words.decode(errors="replace"))
