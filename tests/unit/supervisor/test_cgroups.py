"""Processes move between real cgroups, where this machine lets us make some."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kybern.supervisor import cgroups

UNIFIED = "31 25 0:27 / {path} rw,relatime shared:4 - cgroup2 cgroup2 rw\n"


@pytest.fixture
def group() -> Iterator[Path]:
    """An empty cgroup of version 2."""
    mounts = [path for path, kind in cgroups.hierarchies() if kind == "cgroup2"]
    path = mounts[0] / f"kybern-test-{os.getpid()}" if mounts else None
    try:
        assert path is not None
        path.mkdir()
    except (OSError, AssertionError):
        pytest.skip("no cgroup of version 2 can be made here")
    yield path
    cgroups.resettle(path)
    path.rmdir()


def test_a_container_root_is_told_from_the_machines(tmp_path: Path) -> None:
    assert cgroups.container_root(UNIFIED.format(path=tmp_path)) is None
    (tmp_path / "cgroup.type").write_text("domain\n")
    assert cgroups.container_root(UNIFIED.format(path=tmp_path)) == tmp_path
    hybrid = UNIFIED.format(path=tmp_path) + "30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    assert cgroups.container_root(hybrid) is None


def test_a_root_is_emptied_and_settled_again(group: Path) -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        (group / "cgroup.procs").write_text(str(process.pid))
        cgroups.evacuate(group)
        cgroups.evacuate(group)
        assert (group / "cgroup.procs").read_text() == ""
        assert (group / cgroups.INIT / "cgroup.procs").read_text().split() == [str(process.pid)]
        cgroups.resettle(group)
        assert (group / "cgroup.procs").read_text().split() == [str(process.pid)]
        assert not (group / cgroups.INIT).exists()
    finally:
        process.kill()
        process.wait()
