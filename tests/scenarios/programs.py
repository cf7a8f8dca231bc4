"""Programs that go on while a story is told: with pipes, or at a terminal."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence

from tests.scenarios.patience import patience
from tests.scenarios.text import holds

SHOWS_SECONDS = 30.0
END_SECONDS = 10.0
PIECE_BYTES = 1 << 16


class Program:
    """A running program and all that it has written so far; stderr is mixed in."""

    def __init__(self, line: str, process: subprocess.Popen[bytes], output: int, entry: int) -> None:
        self._line = line
        self._process = process
        self._output = output
        self._entry = entry
        self.written = b""

    @classmethod
    @contextlib.contextmanager
    def started(cls, line: str, command: Sequence[str]) -> Iterator["Program"]:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        program = cls(line, process, process.stdout.fileno(), process.stdin.fileno())
        try:
            yield program
        finally:
            program.end()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()

    def shows(self, *expected: str, within: float = SHOWS_SECONDS) -> "Program":
        """Wait until each of these is somewhere in what it has written."""
        deadline = time.monotonic() + patience(within)
        for each in expected:
            while not holds(each, self.text):
                left = deadline - time.monotonic()
                assert left > 0, f"not seen in {within:g} s: {each}\n$ {self._line}\n{self.text}"
                more = self._read(left)
                assert more or holds(each, self.text), f"it ended without: {each}\n$ {self._line}\n{self.text}"
        return self

    @property
    def text(self) -> str:
        return self.written.decode(errors="replace")

    def types(self, text: str) -> "Program":
        os.write(self._entry, text.encode())
        return self

    def ends(self, code: int = 0, within: float = SHOWS_SECONDS) -> "Program":
        """Wait for its end with that exit code, and for the rest of what it writes."""
        deadline = time.monotonic() + patience(within)
        while self._read(deadline - time.monotonic()):
            pass
        left = max(deadline - time.monotonic(), 0.1)
        try:
            ended = self._process.wait(left)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"has not ended in {within:g} s: {self._line}\n{self.text}") from late
        assert ended == code, f"$ {self._line}\n{self.text}\n(exit {ended})"
        return self

    def interrupt(self) -> "Program":
        """As Ctrl-C does."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self

    def end(self) -> None:
        """Whatever it is doing."""
        for kill in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, kill)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
                return

    def _read(self, seconds: float) -> bool:
        """Take what comes within that time. False at the end of its output."""
        if not select.select([self._output], [], [], max(seconds, 0))[0]:
            return True
        try:
            piece = os.read(self._output, PIECE_BYTES)
        except OSError:  # A terminal whose other side is closed.
            return False
        self.written += piece
        return bool(piece)


class Terminal(Program):
    """A program at a terminal."""

    @classmethod
    @contextlib.contextmanager
    def started(cls, line: str, command: Sequence[str], rows: int = 24, columns: int = 80) -> Iterator["Terminal"]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        terminal = cls(line, process, ours, ours)
        terminal.resizes(rows, columns)
        try:
            yield terminal
        finally:
            terminal.end()
            os.close(ours)

    def resizes(self, rows: int, columns: int) -> "Terminal":
        """As a window that is dragged; the program's foreground processes get SIGWINCH from the kernel."""
        fcntl.ioctl(self._entry, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        return self
