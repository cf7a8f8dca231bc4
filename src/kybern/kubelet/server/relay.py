"""Joins a client to the streaming server of the container runtime, which speaks SPDY: only there input has an end."""

import asyncio
from collections.abc import Set

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

_OUTWARD = frozenset((Channel.ERROR, Channel.STDOUT, Channel.STDERR))
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
            channels = wanted(streams)
            await runtime.open(channels)
            status = await _relay(caller, runtime, _OUTWARD.intersection(channels))
        except SpdyError as error:
            status = internal_error(str(error))
        finally:
            await runtime.close()
        if status is not None:
            await caller.finish(status)

    return serve


async def _relay(caller: Caller, runtime: SpdyChannels, outward: Set[Channel]) -> Status | None:
    """How it ended; None: the client has left."""
    told = asyncio.create_task(_inward(caller, runtime))
    heard = asyncio.create_task(_outward(runtime, caller, outward))
    try:
        await asyncio.wait((told, heard), return_when=asyncio.FIRST_COMPLETED)
        if not heard.done() and told.result():
            return None
        return await heard
    finally:
        for task in (told, heard):
            task.cancel()
        await asyncio.gather(told, heard, return_exceptions=True)


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


async def _outward(runtime: SpdyChannels, caller: Caller, channels: Set[Channel]) -> Status:
    """What the runtime says, to the client, until it has ended all these channels; how it ended. Raises SpdyError,
    ConnectionError."""
    words, going_on = b"", set(channels)
    while going_on and (said := await runtime.receive()) is not None:
        match said:
            case Data(Channel.ERROR, data):
                words = (words + data)[:STATUS_BYTES]
            case Data(channel, data):
                await caller.send(channel, data)
            case Close(channel):
                going_on.discard(channel)
    if not words:
        return SUCCESS
    try:
        status = orjson.loads(words)
    except orjson.JSONDecodeError:
        status = None
    return status if isinstance(status, dict) and "status" in status else internal_error(words.decode(errors="replace"))
