"""Staying with a cluster (`kybern up --foreground`): until it ends, or Ctrl-C or SIGTERM ask for that."""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kybern.supervisor.identity import Identity, read_record

SUCCESSOR_SECONDS = 30.0
"""How long the successor of a supervisor that died may take to begin."""
POLL_SECONDS = 0.1
STOPS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C and SIGTERM come after the block, as KeyboardInterrupt: so nothing is left half begun."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def stay(supervisor: Identity) -> None:
    """Wait for the end of the supervisor and of those that take over from it. Returns once all programs have ended."""
    current: Identity | None = supervisor
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True
        if current is not None:
            _tell(current)

    former = {number: signal.signal(number, ask) for number in STOPS}
    try:
        while current is not None:
            _wait(current)
            current = None if asked else _successor()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def end(supervisor: Identity) -> None:
    """Ask the supervisor to stop its programs, and wait until it has."""
    _tell(supervisor)
    _wait(supervisor)


def _tell(supervisor: Identity) -> None:
    if supervisor.alive:
        os.kill(supervisor.pid, signal.SIGTERM)


def _wait(process: Identity) -> None:
    descriptor = process.watch()
    if descriptor is not None:
        select.select([descriptor], [], [])
        os.close(descriptor)


def _successor() -> Identity | None:
    """Who took over from a supervisor that died; None where none is wanted, or none came."""
    deadline = time.monotonic() + SUCCESSOR_SECONDS
    while (record := read_record()) is not None and record.is_bereft and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return record.supervisor if record is not None else None
