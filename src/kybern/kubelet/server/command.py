"""A command in a container, run by the OCI runtime itself with pipes or a terminal between.

The CRI's own streaming cannot tell a command that its input has ended; pipes can, and start in a fifth of the time.
"""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from kybern.kubelet.server.channels import Channel, Data, Resize

READ_BYTES = 32 << 10
"""One message to the client."""

OUTPUT_PIECES_LIMIT = 64
"""Pieces that may wait for a slow client before the command itself has to wait: 2 MiB."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Which of the command's streams the client wants."""

    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    tty: bool = False


class Command:
    """A running command. Read `output()` to its end, then take `wait()`."""

    def __init__(self, process: asyncio.subprocess.Process, streams: Streams, terminal: int | None) -> None:
        self._process = process
        self._streams = streams
        self._terminal = terminal
        self._output: asyncio.Queue[Data | None] = asyncio.Queue(OUTPUT_PIECES_LIMIT)

    @classmethod
    async def start(
        cls, arguments: Sequence[str], streams: Streams, environment: Mapping[str, str] | None = None
    ) -> "Command":
        """Start the runtime's `exec` (`arguments` is its whole command line). Raises OSError."""
        if not streams.tty:
            piped, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=piped if streams.stdin else none,
                stdout=piped if streams.stdout else none,
                stderr=piped if streams.stderr else none,
                env=environment,
            )
            return cls(process, streams, None)
        terminal, inner = pty.openpty()
        os.set_blocking(terminal, False)
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments, stdin=inner, stdout=inner, stderr=inner, env=environment, start_new_session=True
            )
        except OSError:
            os.close(terminal)
            raise
        finally:
            os.close(inner)
        return cls(process, streams, terminal)

    async def write(self, data: bytes) -> None:
        """Input for the command; returns once it takes more. Nothing happens when it no longer listens."""
        if self._terminal is not None:
            await _write_terminal(self._terminal, data)
        elif self._process.stdin is not None:
            try:
                self._process.stdin.write(data)
                await self._process.stdin.drain()
            except (BrokenPipeError, ConnectionResetError):
                return

    def end_input(self) -> None:
        """The client sends no more: the command reads the end of its input."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def resize(self, size: Resize) -> None:
        """Tell the terminal, if there is one."""
        if self._terminal is not None:
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))
            if self._process.returncode is None:
                # The terminal is not the runtime's controlling one, so that the kernel does not tell it.
                self._process.send_signal(signal.SIGWINCH)

    async def output(self) -> AsyncIterator[Data]:
        """Everything that the command writes, until all its streams have ended."""
        if self._terminal is not None:
            readers = [self._read_terminal(self._terminal)]
        else:
            pipes = ((Channel.STDOUT, self._process.stdout), (Channel.STDERR, self._process.stderr))
            readers = [self._read_pipe(channel, pipe) for channel, pipe in pipes if pipe is not None]
        tasks = [asyncio.create_task(reader) for reader in readers]
        try:
            left = len(tasks)
            while left:
                piece = await self._output.get()
                if piece is None:
                    left -= 1
                else:
                    yield piece
        finally:
            # Whoever listens may stop listening: a process in the container can hold the streams open for ever.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def wait(self) -> int:
        """The exit code, as a shell tells it: 128 + the signal's number where one ended the command."""
        code = await self._process.wait()
        self._close_terminal()
        return 128 - code if code < 0 else code

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    def kill(self) -> None:
        """End the runtime's process, whose command ends with it; no error when it has ended."""
        if self._process.returncode is None:
            self._process.kill()
        self._close_terminal()

    def _close_terminal(self) -> None:
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    async def _read_pipe(self, channel: Channel, pipe: asyncio.StreamReader) -> None:
        while data := await pipe.read(READ_BYTES):
            await self._output.put(Data(channel, data))
        await self._output.put(None)

    async def _read_terminal(self, terminal: int) -> None:
        # Not in a thread: a terminal that is quiet would keep it for hours.
        while True:
            try:
                data = os.read(terminal, READ_BYTES)
            except BlockingIOError:
                await _ready(terminal, writing=False)
                continue
            except OSError:
                break  # EIO: the last holder of the other end has gone.
            if not data:
                break
            await self._output.put(Data(Channel.STDOUT, data))
        await self._output.put(None)


async def _write_terminal(terminal: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(terminal, data) :]
        except BlockingIOError:
            await _ready(terminal, writing=True)
        except OSError:
            return  # EIO: nobody holds the other end any more.


async def _ready(descriptor: int, *, writing: bool) -> None:
    """Return once the descriptor can be read or written."""
    loop = asyncio.get_running_loop()
    happened = asyncio.Event()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(descriptor, happened.set)
    try:
        await happened.wait()
    finally:
        remove(descriptor)
