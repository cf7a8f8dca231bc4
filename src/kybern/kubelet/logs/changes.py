"""Wakes a reader when something happens in a directory: inotify, so that following a quiet log costs nothing."""

import asyncio
import ctypes
import os
from pathlib import Path
from types import TracebackType
from typing import Self

_IN_MODIFY, _IN_MOVED_FROM, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_EVENTS = _IN_MODIFY | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE
_BUFFER_BYTES = 16384

_libc = ctypes.CDLL(None, use_errno=True)


class Changes:
    """An open watch of a directory; use it with `with`. Raises OSError when there is no such directory.

    `happened` is set at each change.
    """

    def __init__(self, directory: Path, happened: asyncio.Event | None = None) -> None:
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0 or _libc.inotify_add_watch(self._descriptor, os.fsencode(directory), _EVENTS) < 0:
            code = ctypes.get_errno()
            if self._descriptor >= 0:
                os.close(self._descriptor)
            raise OSError(code, os.strerror(code), str(directory))
        self._happened = happened or asyncio.Event()
        asyncio.get_running_loop().add_reader(self._descriptor, self._drain)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    async def wait(self, seconds: float) -> None:
        """Return at the first change since the last `wait`, or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._happened.wait()
        except TimeoutError:
            return
        self._happened.clear()

    def _drain(self) -> None:
        try:
            while os.read(self._descriptor, _BUFFER_BYTES):
                self._happened.set()
        except BlockingIOError:
            return
