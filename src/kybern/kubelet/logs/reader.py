"""Reads a container's log: the newest lines, those since a time, and what comes while someone follows."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from kybern.kubelet.logs.changes import Changes
from kybern.kubelet.logs.entry import Entry, LogOptions, parse

BLOCK_BYTES = 64 << 10

LINE_LIMIT_BYTES = 1 << 20
"""Of one entry in the file. The runtime cuts lines at 16 KiB, so that a longer one is no log."""

IDLE_SECONDS = 1.0
"""How often a follower asks whether the container still runs while its log is quiet."""


async def read_log(path: Path, options: LogOptions, is_running: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
    """The log's text in pieces. With `follow`, until the container has ended and everything is read; a file that is
    rotated away is read to its end first. Raises FileNotFoundError."""
    printer = _Printer(options)
    file = path.open("rb")
    try:
        file.seek(tail_offset(file, options.tail_lines))
        lines = _Lines(file)
        yield printer.text(lines.whole())
        if not options.follow:
            return
        with Changes(path.parent) as changes:
            while not printer.full:
                running = await is_running()
                yield printer.text(lines.whole())
                if _replaced(file, path):
                    file.close()
                    file = path.open("rb")
                    lines = _Lines(file)
                elif running:
                    await changes.wait(IDLE_SECONDS)
                else:
                    return
    finally:
        file.close()


def tail_offset(file: BinaryIO, lines: int | None) -> int:
    """Where the last `lines` lines of a file begin (None: its start). Reads from the end, block by block."""
    if lines is None:
        return 0
    end = position = file.seek(0, os.SEEK_END)
    if lines == 0:
        return end
    missing = lines + 1  # The newline before the first wanted line ends the search; the last line has its own.
    while position > 0:
        start = max(0, position - BLOCK_BYTES)
        file.seek(start)
        block = file.read(position - start)
        count = block.count(b"\n")
        if count >= missing:
            index = len(block)
            for _ in range(missing):
                index = block.rindex(b"\n", 0, index)
            return start + index + 1
        missing -= count
        position = start
    return 0


def _replaced(file: BinaryIO, path: Path) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False  # Between the two renames of a rotation.
    own = os.fstat(file.fileno())
    return (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino)


class _Lines:
    """Whole lines of a growing file; what has no newline yet waits."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""

    def whole(self) -> Iterator[bytes]:
        while block := self._file.read(BLOCK_BYTES):
            *lines, self._rest = (self._rest + block).split(b"\n")
            yield from lines
            if len(self._rest) > LINE_LIMIT_BYTES:
                self._rest = b""


class _Printer:
    """Entries as text, up to the limit."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._left = options.limit_bytes
        self._at_line_start = True
        self.full = False
        """The limit is reached: nothing more will come."""

    def text(self, lines: Iterator[bytes]) -> bytes:
        out = bytearray()
        for line in lines:
            entry = parse(line)
            if entry is not None and self._wanted(entry):
                self._print(entry, out)
            if self._left is not None and len(out) >= self._left:
                break
        if self._left is not None:
            del out[self._left :]
            self._left -= len(out)
            self.full = self._left == 0
        return bytes(out)

    def _wanted(self, entry: Entry) -> bool:
        options = self._options
        if options.stream != "All" and entry.stream != options.stream.lower().encode():
            return False
        # "…05Z" against "…05.5Z": without its Z the shorter time sorts before every fraction of the same second.
        return entry.time >= options.since.removesuffix(b"Z")

    def _print(self, entry: Entry, out: bytearray) -> None:
        if self._options.timestamps and self._at_line_start:
            out += entry.time + b" "
        out += entry.text
        self._at_line_start = not entry.partial
        if not entry.partial:
            out += b"\n"
