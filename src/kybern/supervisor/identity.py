"""Which process is which: a pid means nothing without the time at which its process started."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kybern.supervisor.layout import RUN_DIRECTORY

RECORD = RUN_DIRECTORY / "processes.json"
SUPERVISOR = "supervisor"
TURN = "\0kybern-up-or-down"
TURN_SECONDS = 60.0
STOP_SECONDS = 10.0
"""How long a process may take to leave after SIGTERM before it is killed."""


@dataclass(frozen=True)
class Identity:
    """One process, for ever: no other process will have the same pid and start on this boot."""

    pid: int
    started: int
    """Clock ticks from boot to its start."""

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return _start(self.pid) == self.started

    def watch(self) -> int | None:
        """A descriptor that is readable once this very process has ended; None if it has."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        if self.alive:
            return descriptor
        os.close(descriptor)
        return None

    @property
    def age_seconds(self) -> float:
        """How long ago it started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / os.sysconf("SC_CLK_TCK")


def identify(pid: int) -> Identity | None:
    """The identity of a running process."""
    started = _start(pid)
    return None if started is None else Identity(pid, started)


def _start(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


@dataclass(frozen=True)
class Failure:
    """How a program failed last, and how often it has since it last ran steadily."""

    times: int
    how: str
    """In words that follow its name: "exited with 1"."""
    at: float
    """When, in seconds of the clock that no jump of the time of day reaches."""


def write_record(
    processes: Mapping[str, Identity],
    data_directory: Path,
    nodes: int,
    failures: Mapping[str, Failure] | None = None,
    path: Path = RECORD,
) -> None:
    """Note who runs, and what fails: replaced in one step, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    document = {
        "dataDirectory": str(data_directory),
        "nodes": nodes,
        "processes": {name: asdict(identity) for name, identity in processes.items()},
        "failures": {name: asdict(failure) for name, failure in (failures or {}).items()},
    }
    partial.write_text(json.dumps(document, indent=2) + "\n")
    partial.rename(path)


@dataclass(frozen=True)
class Record:
    """What the last supervisor noted."""

    data_directory: Path
    nodes: int
    processes: Mapping[str, Identity]
    failures: Mapping[str, Failure] = field(default_factory=dict)

    @property
    def supervisor(self) -> Identity | None:
        """The supervisor, if it is alive."""
        found = self.processes.get(SUPERVISOR)
        return found if found and found.alive else None

    @property
    def is_bereft(self) -> bool:
        """Whether there should be a supervisor, and is none: it has died, and nobody took over yet."""
        return SUPERVISOR in self.processes and self.supervisor is None


def read_record(path: Path = RECORD) -> Record | None:
    """The last note; None where there is none, or none that can be read."""
    try:
        document = json.loads(path.read_text())
        return Record(
            Path(document["dataDirectory"]),
            int(document["nodes"]),
            {name: Identity(**identity) for name, identity in document["processes"].items()},
            {name: Failure(**failure) for name, failure in document.get("failures", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def turn(seconds: float = TURN_SECONDS) -> Iterator[socket.socket]:
    """Only one `up` or `down` of a machine begins at a time. Raises TimeoutError.

    What is held is a name of the kernel's that goes with the process: no file is left, and no lock outlives a kill. A
    fork must close the socket.
    """
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX) as token:
        while True:
            try:
                token.bind(TURN)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise TimeoutError("another kybern up or down is at work") from None
            time.sleep(0.02)
        yield token


def stop(processes: Mapping[str, Identity], seconds: float = STOP_SECONDS) -> None:
    """End these very processes: SIGTERM, and SIGKILL for those that stay."""
    for code, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, STOP_SECONDS)):
        alive = [identity for identity in processes.values() if identity.alive]
        for identity in alive:
            try:
                os.kill(identity.pid, code)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience
        while any(identity.alive for identity in alive) and time.monotonic() < deadline:
            time.sleep(0.01)
