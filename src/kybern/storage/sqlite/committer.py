"""The writer thread: it waits for the disk, so that the loop does not."""

import asyncio
import queue
import threading
from collections.abc import Callable

Done = Callable[[BaseException | None], None]


class Committer:
    """Runs one piece of blocking work at a time on its own thread and tells the loop how it ended.

    Only the commit runs here. Statements take microseconds and stay on the loop: on a second thread each of them
    would have to win the interpreter's lock back from a busy loop (up to 5 ms each).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._work: queue.SimpleQueue[tuple[Callable[[], None], Done] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="kybern-store", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], None], done: Done) -> None:
        """Run `work` on the thread, then `done(error)` on the loop. The caller keeps at most one under way."""
        self._work.put((work, done))

    def stop(self) -> None:
        """End the thread; what was submitted is done first."""
        self._work.put(None)
        self._thread.join()

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
                self._loop.call_soon_threadsafe(done, error)
            except RuntimeError:
                return  # The loop is closed: nobody waits for an answer any more.
