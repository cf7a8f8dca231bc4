"""The writer thread: it waits for the disk, so that the loop does not."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Final

Done = Callable[[BaseException | None], None]

GRACE_SECONDS: Final = 0.001
"""How long a commit may be under way before the loop makes room for it, and between two such times."""

ROOM_SECONDS: Final = 0.0003
"""How long the loop then stands aside, at most: enough for a thread to wake and to take the interpreter's lock."""


class Committer:
    """Runs one piece of blocking work at a time on its own thread and tells the loop how it ended.

    Only the commit runs here; statements take microseconds and stay on the loop. A thread that comes back from the disk
    needs the interpreter's lock, and a loop that is never idle but lets go of it again and again for a moment can keep
    a waiting thread from it for seconds (measured: 0 to 20 writes a second). So while a commit takes long, the loop
    stands aside for a moment every millisecond.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._work: queue.SimpleQueue[tuple[Callable[[], None], Done] | None] = queue.SimpleQueue()
        self._room = threading.Lock()
        """Held while a commit is under way."""
        self._aside: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._run, name="kybern-store", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], None], done: Done) -> None:
        """Run `work` on the thread, then `done(error)` on the loop. The caller keeps at most one under way."""
        assert self._aside is None, "one commit at a time"
        self._room.acquire()
        self._aside = self._loop.call_later(GRACE_SECONDS, self._stand_aside)
        self._work.put((work, done))

    def stop(self) -> None:
        """End the thread; what was submitted is done first."""
        self._work.put(None)
        self._thread.join()

    def _stand_aside(self) -> None:
        if self._room.acquire(timeout=ROOM_SECONDS):
            self._room.release()
        self._aside = self._loop.call_later(GRACE_SECONDS, self._stand_aside)

    def _ended(self, done: Done, error: BaseException | None) -> None:
        if self._aside is not None:
            self._aside.cancel()
            self._aside = None
        done(error)

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            work, done = item
            error: BaseException | None = None
            try:
                work()
            except Exception as raised:
                # Whatever the disk or SQLite raised is the writers' to hear, and this thread must live on.
                error = raised
            try:
                self._loop.call_soon_threadsafe(self._ended, done, error)
            except RuntimeError:
                return  # The loop is closed: nobody waits for an answer any more.
            finally:
                self._room.release()
