"""The loop of the supervisor: keeps a set of programs running, each in a forked child, until it is told to stop.

Invariants: the supervisor has one thread, no event loop and no gRPC channel, so a fork is always safe; what it has
imported its children share. A program that ends is started again with back-off. The supervisor's death harms no child:
a later one finds them by their recorded identities, and adopts or ends them.
"""

import gc
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kybern.supervisor.identity import Failure, Identity, identify, stop
from kybern.supervisor.title import set_title

FIRST_DELAY_SECONDS = 0.1
LAST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""A program that ran so long is healthy again: its next failure waits the first delay."""
LOG_LIMIT_BYTES = 16 << 20
"""A log larger than this when its program starts is put aside, in place of the one put aside before."""


@dataclass(frozen=True)
class Program:
    """Something to keep running."""

    name: str
    run: Callable[[], None]
    """Runs in the forked child; the child ends when it returns."""
    once: bool = False
    """Whether success ends it for good; a failure is still tried again."""
    prepare: Callable[[], None] = lambda: None
    """Runs in the supervisor before each start: what it imports the child has already."""
    stop_seconds: float = 10.0
    guards: bool = False
    """Whether it watches over all this, and so is stopped before all others."""


@dataclass
class _Child:
    program: Program
    identity: Identity | None = None
    descriptor: int = -1
    started: float = 0.0
    failure: Failure | None = None
    next_start: float = 0.0
    done: bool = False


class Supervisor:
    """Runs programs; `changed` is told who runs and what fails whenever that changes.

    `born` is what each forked child does first. `adopted` run already, under an earlier supervisor.
    """

    def __init__(
        self,
        programs: list[Program],
        logs: Path,
        changed: Callable[[Mapping[str, Identity], Mapping[str, Failure]], None],
        born: Callable[[], None] = lambda: None,
        adopted: Mapping[str, Identity] | None = None,
    ) -> None:
        self._children = [_Child(program) for program in programs]
        self._logs = logs
        self._changed = changed
        self._born = born
        self._adopted = adopted or {}
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Keep everything running until SIGTERM or SIGINT; then stop the programs: guards, then the last one first."""
        self._logs.mkdir(parents=True, exist_ok=True)
        with self._signals():
            poll = select.poll()
            poll.register(self._wake_read, select.POLLIN)
            self._adopt(poll)
            while not self._stopping:
                self._start_due(poll)
                for descriptor, _ in poll.poll(self._patience()):
                    if descriptor == self._wake_read:
                        os.read(self._wake_read, 4096)
                    else:
                        self._ended(descriptor, poll)
        self._stop_all()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def leave(_number: int, _frame: object) -> None:
            self._stopping = True

        former = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
        former_wake = signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            yield
        finally:
            signal.set_wakeup_fd(former_wake)
            for number, handler in former.items():
                signal.signal(number, handler)

    def _patience(self) -> int:
        """Milliseconds until the next start is due."""
        now = time.monotonic()
        waits = [c.next_start - now for c in self._children if c.identity is None and not c.done]
        return int(1000 * max(0.005, min(waits))) if waits else 60_000

    def _adopt(self, poll: select.poll) -> None:
        """Watch over the programs that an earlier supervisor started and that run on."""
        for child in self._children:
            found = self._adopted.get(child.program.name)
            descriptor = found.watch() if found is not None else None
            if descriptor is not None:
                child.identity, child.descriptor, child.started = found, descriptor, time.monotonic()
                poll.register(descriptor, select.POLLIN)

    def _start_due(self, poll: select.poll) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.identity is None and not child.done and now >= child.next_start and not self._stopping:
                child.started = now
                try:
                    child.program.prepare()
                except Exception as error:
                    traceback.print_exc()
                    self._postpone(child, f"could not be prepared ({type(error).__name__}: {error})")
                    self._tell()
                    continue
                self._start(child)
                poll.register(child.descriptor, select.POLLIN)
                self._tell()

    def _start(self, child: _Child) -> None:
        gc.collect()
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            self._become(child.program)
        child.identity = identify(pid) or Identity(pid, 0)
        child.descriptor = os.pidfd_open(pid)
        child.started = time.monotonic()

    def _become(self, program: Program) -> None:
        """The child's life: never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            self._born()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            self._redirect(program.name)
            set_title(f"kybern {program.name}")
            for child in self._children:
                if child.descriptor >= 0:
                    os.close(child.descriptor)
            program.run()
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _redirect(self, name: str) -> None:
        path = self._logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        os.close(nothing)

    def _ended(self, descriptor: int, poll: select.poll) -> None:
        child = next(child for child in self._children if child.descriptor == descriptor)
        assert child.identity is not None
        waited = _reap(child.identity)
        poll.unregister(descriptor)
        os.close(descriptor)
        child.identity, child.descriptor = None, -1
        if child.program.once and waited == 0:
            child.done, child.failure = True, None
        else:
            self._postpone(child, _told(waited))
        self._tell()

    def _postpone(self, child: _Child, how: str) -> None:
        """Start a program again, later each time that it fails soon."""
        now = time.monotonic()
        earlier = child.failure.times if child.failure is not None and now - child.started <= STEADY_SECONDS else 0
        child.failure = Failure(earlier + 1, how, now)
        delay = min(LAST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(earlier, 16))
        child.next_start = now + delay
        print(f"{child.program.name} {how}; started again in {delay:.1f} s", file=sys.stderr, flush=True)

    def _tell(self) -> None:
        running = {c.program.name: c.identity for c in self._children if c.identity is not None}
        self._changed(running, {c.program.name: c.failure for c in self._children if c.failure is not None})

    def _stop_all(self) -> None:
        backwards = self._children[::-1]
        for child in sorted(backwards, key=lambda child: not child.program.guards):
            if child.identity is None:
                continue
            name = child.program.name
            try:
                os.kill(child.identity.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            ready, _, _ = select.select([child.descriptor], [], [], child.program.stop_seconds)
            if not ready:
                print(f"{name} did not leave; killed", file=sys.stderr, flush=True)
                stop({name: child.identity}, 0.0)
            _reap(child.identity)
            os.close(child.descriptor)
            child.identity = None


def _reap(identity: Identity) -> int | None:
    """The wait status of a child that has ended; None of an adopted one, which only its own parent is told."""
    try:
        return os.waitpid(identity.pid, 0)[1]
    except ChildProcessError:
        return None


def _told(waited: int | None) -> str:
    """How a program ended, in words."""
    if waited is None:
        return "ended"
    code = os.waitstatus_to_exitcode(waited)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
