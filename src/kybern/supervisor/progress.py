"""What a person sees while something comes up: a line for each thing that is done, and one for what is under way."""

import sys
import time
from typing import TextIO

WIDTH = 100


class Progress:
    """Lines with a tick and the seconds since the start; on a terminal the line under way is rewritten in place."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._started = time.monotonic()
        self._terminal = stream.isatty()
        self._current = ""

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def done(self, text: str) -> None:
        """One thing more is there."""
        self._clear()
        print(f"  ✓ {text:<{WIDTH - 12}} {self.seconds:6.2f} s", file=self._stream, flush=True)

    def failed(self, text: str) -> None:
        """One thing does not come."""
        self._clear()
        print(f"  ✗ {text}", file=self._stream, flush=True)

    def say(self, text: str = "") -> None:
        """Anything else."""
        self._clear()
        print(text, file=self._stream, flush=True)

    def now(self, text: str) -> None:
        """What is under way; shown on a terminal only, where it is overwritten."""
        if self._terminal and text != self._current:
            self._clear()
            self._current = text
            print(f"  … {text}"[:WIDTH], end="", file=self._stream, flush=True)

    def _clear(self) -> None:
        if self._current:
            print("\r" + " " * WIDTH + "\r", end="", file=self._stream, flush=True)
            self._current = ""
