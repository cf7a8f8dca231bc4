"""Commands in containers: run by the OCI runtime here, or by the CRI's own streaming."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from kybern.kubelet.cri import Runtime
from kybern.kubelet.server.channels import Channel, Close, Data, Resize
from kybern.kubelet.server.command import Command, Streams
from kybern.kubelet.server.outcome import exited, internal_error
from kybern.kubelet.server.relay import flags, relay_to
from kybern.kubelet.server.remote import Caller, Serve
from kybern.transport.exchange import Request

TRUE = ("1", "true")
START_POLL_SECONDS = 0.002


class Executor(Protocol):
    """Runs commands in containers."""

    async def prepare(self, container: str, command: Sequence[str], streams: Streams) -> Serve:
        """What is to be done once the client's streams are open. Raises RuntimeFailed."""
        ...


@dataclass(frozen=True, slots=True)
class OciExecutor:
    """`runc --root ROOT exec`: a fifth of the time of the CRI's way."""

    program: str = "runc"
    root: str = "/run/containerd/runc/k8s.io"

    async def prepare(self, container: str, command: Sequence[str], streams: Streams) -> Serve:
        async def serve(caller: Caller) -> None:
            with tempfile.TemporaryDirectory(prefix="kybern-exec-") as directory:
                log, pid = Path(directory) / "log", Path(directory) / "pid"
                tool = [self.program, "--root", self.root, "--log", str(log), "--log-format", "json", "exec"]
                tool += ["--pid-file", str(pid), *(["--tty"] if streams.tty else [])]
                try:
                    running = await Command.start([*tool, container, *command], streams)
                except OSError as error:
                    await caller.finish(internal_error(f"error executing command in container: {error}"))
                    return
                code = await converse(caller, running, pid)
                reason = runtime_error(log) if code else ""
            if reason:
                text = f"failed to exec in container: OCI runtime exec failed: {reason}"
                await caller.finish(internal_error(f"error executing command in container: {text}"))
            elif code is not None:
                await caller.finish(exited(code))

        return serve


@dataclass(frozen=True, slots=True)
class CriExecutor:
    """The runtime's streaming server, for a runtime that is not ours."""

    runtime: Runtime

    async def prepare(self, container: str, command: Sequence[str], streams: Streams) -> Serve:
        return relay_to(await self.runtime.exec_url(container, command, flags(streams)), streams)


def streams_of(request: Request) -> Streams:
    """What the client asks for, in the kubelet's parameters or the API server's. Raises ValueError."""

    def wants(*names: str) -> bool:
        return any(request.parameter(name) in TRUE for name in names)

    tty = wants("tty")
    stderr = wants("error", "stderr") and not tty  # A terminal has one output.
    streams = Streams(wants("input", "stdin"), wants("output", "stdout"), stderr, tty)
    if not (streams.stdin or streams.stdout or streams.stderr):
        raise ValueError("you must specify at least 1 of stdin, stdout, stderr")
    return streams


async def converse(caller: Caller, command: Command, pid: Path) -> int | None:
    """Carry input and output until the command has ended; its exit code. None: the client has left.

    `pid` is the file that the runtime writes once the command has started.
    """
    speaking = asyncio.create_task(_speak(caller, command, pid))
    listening = asyncio.create_task(_listen(caller, command))
    try:
        await asyncio.wait((speaking, listening), return_when=asyncio.FIRST_COMPLETED)
        if not speaking.done():
            return None
        speaking.result()
        return await command.wait()
    finally:
        command.kill()
        for task in (speaking, listening):
            task.cancel()
        await asyncio.gather(speaking, listening, return_exceptions=True)


def runtime_error(log: Path) -> str:
    """The last error in an OCI runtime's log (JSON lines); "" where there is none."""
    try:
        lines = log.read_bytes().splitlines()
    except FileNotFoundError:
        return ""
    for line in reversed(lines):
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(entry, dict) and entry.get("level") in ("error", "fatal"):
            return str(entry.get("msg", ""))
    return ""


async def _speak(caller: Caller, command: Command, pid: Path) -> None:
    started = False
    async for piece in command.output():
        started = started or await _has_started(command, pid)
        if started:  # The runtime's own words come from its log.
            await caller.send(piece.channel, piece.data)


async def _has_started(command: Command, pid: Path) -> bool:
    """Whether it is the command that speaks, and not the runtime that says why it cannot start it."""
    while not _is_there(pid):
        if command.has_ended:
            return _is_there(pid)
        await asyncio.sleep(START_POLL_SECONDS)
    return True


def _is_there(file: Path) -> bool:
    return file.exists()


async def _listen(caller: Caller, command: Command) -> None:
    """Until the client leaves."""
    while (said := await caller.receive()) is not None:
        match said:
            case Data(data=data):
                await command.write(data)
            case Close(Channel.STDIN):
                command.end_input()
            case Resize():
                command.resize(said)
