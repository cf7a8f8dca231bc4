"""The cluster's cgroups in whatever hierarchies this machine has: version 2 alone, version 1, or both.

A process joins before it executes containerd, so that shims and what they start inherit a cgroup that `down` finds.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
INIT = "kybern-init"
"""Where the processes of a container go that were in its root."""
KILL_SECONDS = 5.0
"""How long killed processes may take to vanish."""


def hierarchies(mountinfo: str | None = None) -> list[tuple[Path, str]]:
    """Mount points of all cgroup hierarchies, each with its type: `cgroup2`, or `cgroup` (version 1)."""
    text = MOUNTS.read_text() if mountinfo is None else mountinfo
    found: dict[Path, str] = {}
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        kind = right.split(" ", 1)[0]
        if kind in ("cgroup", "cgroup2"):
            found[Path(left.split()[4])] = kind
    return list(found.items())


def is_unified(mountinfo: str | None = None) -> bool:
    """Whether version 2 is the only one, as on current distributions."""
    kinds = {kind for _, kind in hierarchies(mountinfo)}
    return kinds == {"cgroup2"}


def hybrid_mounts(mountinfo: str | None = None) -> list[Path]:
    """Mount points of version 2 beside version 1: crun refuses to run where it sees one."""
    found = hierarchies(mountinfo)
    return [path for path, kind in found if kind == "cgroup2"] if len({kind for _, kind in found}) > 1 else []


def container_root(mountinfo: str | None = None) -> Path | None:
    """The root of version 2 where it is alone and not the machine's own, but that of a container we live in.

    There a group hands controllers down only if it holds no process itself (the machine's root is exempt).
    """
    if not is_unified(mountinfo):
        return None
    root = hierarchies(mountinfo)[0][0]
    return root if (root / "cgroup.type").exists() else None


def evacuate(root: Path) -> None:
    """Move the processes of `root` into a leaf of its own, so that it can hand its controllers down."""
    leaf = root / INIT
    leaf.mkdir(exist_ok=True)
    _move_all(root, leaf)


def resettle(root: Path) -> None:
    """Undo `evacuate`: the processes go back to `root`, which hands nothing down any more."""
    leaf = root / INIT
    if leaf.exists():
        for controller in (root / "cgroup.subtree_control").read_text().split():
            (root / "cgroup.subtree_control").write_text(f"-{controller}")
        _move_all(leaf, root)
        leaf.rmdir()


def _move_all(source: Path, target: Path) -> None:
    """Move every process, also those that are born meanwhile."""
    while pids := (source / "cgroup.procs").read_text().split():
        for pid in pids:
            try:
                (target / "cgroup.procs").write_text(pid)
            except ProcessLookupError:
                continue


def join(cgroup: str) -> None:
    """Move this process into `cgroup` (a path without leading slash) in every hierarchy, creating it.

    A cpuset of version 1 begins empty and takes its parent's processors and memory nodes first.
    """
    for mount, kind in hierarchies():
        path = mount
        for part in cgroup.split("/"):
            path = path / part
            path.mkdir(exist_ok=True)
            if kind == "cgroup":
                _inherit_cpuset(path)
        try:
            (path / "cgroup.procs").write_text(str(os.getpid()))
        except OSError:
            # Version 2 beside version 1 may forbid the move (a controller in use above): version 1 holds the process.
            if kind == "cgroup":
                raise


def _inherit_cpuset(path: Path) -> None:
    for name in ("cpuset.cpus", "cpuset.mems"):
        own = path / name
        if own.exists() and not own.read_text().strip():
            own.write_text((path.parent / name).read_text())


def directories(cgroup: str) -> Iterator[Path]:
    """All directories of `cgroup` in every hierarchy, the deepest first."""
    for mount, _ in hierarchies():
        for found, _names, _files in os.walk(mount / cgroup, topdown=False):
            yield Path(found)


def processes(cgroup: str) -> set[int]:
    """Every process in `cgroup` or below it."""
    found: set[int] = set()
    for directory in directories(cgroup):
        try:
            found.update(int(line) for line in (directory / "cgroup.procs").read_text().split())
        except OSError:
            continue  # It vanished under our hands, which is what is wanted.
    return found - {0}


def kill(cgroup: str) -> bool:
    """Kill all processes in `cgroup` and below, also those that appear meanwhile; whether none is left."""
    deadline = time.monotonic() + KILL_SECONDS
    while remaining := processes(cgroup) - {os.getpid()}:
        for pid in remaining:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def remove(cgroup: str) -> list[Path]:
    """Remove `cgroup` with all below it in every hierarchy; the directories that would not go."""
    deadline = time.monotonic() + KILL_SECONDS
    while True:
        left = [directory for directory in directories(cgroup) if not _removed(directory)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def _removed(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
