"""The Pods' cgroups: one for all, one for each class, one for each Pod; in whatever hierarchies the machine has.

`kubepods`, `kubepods/burstable`, `kubepods/besteffort`, and below them `pod<uid>`: upstream's cgroupfs driver. The
runtime makes the containers' own below. Nothing of a Pod is left when it is gone.
"""

import errno
import logging
import os
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.qos import (
    BEST_EFFORT,
    BURSTABLE,
    PERIOD_MICROSECONDS,
    cpu_quota,
    cpu_shares,
    pod_resources,
    qos_class,
)

log = logging.getLogger(__name__)

MOUNTS = Path("/proc/self/mountinfo")
CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids", "hugetlb")


@dataclass(frozen=True, slots=True)
class Hierarchy:
    mount: Path
    is_v2: bool


def find_hierarchies(mountinfo: str) -> list[Hierarchy]:
    """All that are mounted, from the text of /proc/self/mountinfo."""
    found: dict[Path, Hierarchy] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind = right.split(" ", 1)[0]
        if kind in ("cgroup", "cgroup2"):
            mount = Path(left.split()[4])
            found[mount] = Hierarchy(mount, kind == "cgroup2")
    return list(found.values())


def has_unified_memory(hierarchies: list[Hierarchy]) -> bool:
    """Whether memory is controlled by version 2, so that a container can be killed as a whole."""
    for hierarchy in hierarchies:
        file = hierarchy.mount / "cgroup.controllers"
        if hierarchy.is_v2 and file.exists() and "memory" in file.read_text().split():
            return True
    return False


def shares_to_weight(shares: int) -> int:
    """cgroup version 2's `cpu.weight` for version 1's shares, by KEP-2254."""
    return 1 + (shares - 2) * 9999 // 262_142


def pod_limits(pod: Pod, *, cfs_quota: bool) -> tuple[dict[str, str], dict[str, str]]:
    """What is written to a Pod's cgroup: files of version 1, files of version 2. Pure."""
    requests, limits = pod_resources(pod, limits=False), pod_resources(pod, limits=True)
    shares = cpu_shares(requests.get("cpu", 0))
    v1, v2 = {"cpu.shares": str(shares)}, {"cpu.weight": str(shares_to_weight(shares))}
    if cfs_quota and limits.get("cpu"):
        quota = cpu_quota(limits["cpu"])
        v1 |= {"cpu.cfs_period_us": str(PERIOD_MICROSECONDS), "cpu.cfs_quota_us": str(quota)}
        v2["cpu.max"] = f"{quota} {PERIOD_MICROSECONDS}"
    if limits.get("memory"):
        v1["memory.limit_in_bytes"] = v2["memory.max"] = str(limits["memory"])
    return v1, v2


class Cgroups:
    """Creates and removes. `root` is the path below which everything lies, `/` or `/kybern/node0`."""

    def __init__(self, root: str, *, cfs_quota: bool, hierarchies: list[Hierarchy] | None = None) -> None:
        self._root = root.strip("/")
        self._cfs_quota = cfs_quota
        self._hierarchies = find_hierarchies(MOUNTS.read_text()) if hierarchies is None else hierarchies

    def parent(self, pod: Pod) -> str:
        """The Pod's cgroup, as the runtime takes it."""
        kind = qos_class(pod)
        level = {BURSTABLE: ["burstable"], BEST_EFFORT: ["besteffort"]}.get(kind, [])
        return "/" + "/".join(filter(None, [self._root, "kubepods", *level, f"pod{pod.metadata.uid}"]))

    def ensure(self, pod: Pod) -> str:
        """Make the Pod's cgroup with its limits; its path. Idempotent. Raises OSError."""
        path = self.parent(pod)
        v1, v2 = pod_limits(pod, cfs_quota=self._cfs_quota)
        for hierarchy in self._hierarchies:
            directory = _make(hierarchy, path)
            for name, text in (v2 if hierarchy.is_v2 else v1).items():
                file = directory / name
                if file.exists():
                    file.write_text(text)
        return path

    def remove(self, pod: Pod) -> bool:
        """Kill what is left in the Pod's cgroup and remove it everywhere; False when something would not go (yet)."""
        left = [h for h in self._hierarchies if not _remove(h.mount / self.parent(pod).strip("/"))]
        return not left

    def pods(self) -> set[str]:
        """The uids of all Pods that have a cgroup."""
        found: set[str] = set()
        for hierarchy in self._hierarchies:
            base = hierarchy.mount / self._root / "kubepods"
            for pattern in ("pod*", "burstable/pod*", "besteffort/pod*"):
                found.update(each.name.removeprefix("pod") for each in base.glob(pattern))
        return found


def _make(hierarchy: Hierarchy, path: str) -> Path:
    directory = hierarchy.mount
    for part in path.strip("/").split("/"):
        if hierarchy.is_v2:
            _delegate(directory)
        parent, directory = directory, directory / part
        directory.mkdir(exist_ok=True)
        if not hierarchy.is_v2:
            # A cpuset of version 1 begins empty and holds no process before it has processors and memory nodes.
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (directory / name).exists() and not (directory / name).read_text().strip():
                    (directory / name).write_text((parent / name).read_text())
    return directory


def _delegate(directory: Path) -> None:
    """Hand the controllers of version 2 down to the children.

    A directory that is no true root and holds processes itself (a container that is the machine) cannot: there the
    Pods go without these controllers' limits, as their absent files tell `ensure`.
    """
    have = (directory / "cgroup.controllers").read_text().split()
    on = (directory / "cgroup.subtree_control").read_text().split()
    for name in CONTROLLERS:
        if name in have and name not in on:
            try:
                (directory / "cgroup.subtree_control").write_text(f"+{name}")
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                _warn(directory, name)


@cache
def _warn(directory: Path, name: str) -> None:
    """Once for each."""
    log.warning("cgroup %s holds processes: no %s for those below it", directory, name)


def _remove(top: Path) -> bool:
    gone = True
    for found, _names, _files in os.walk(top, topdown=False):
        directory = Path(found)
        try:
            for line in (directory / "cgroup.procs").read_text().split():
                os.kill(int(line), signal.SIGKILL)
            directory.rmdir()
        except (FileNotFoundError, ProcessLookupError):
            continue  # It vanished under our hands, which is what is wanted.
        except OSError:
            gone = False
    return gone
