"""A private containerd for tests that need real containers: own root, state, socket, runc directory, bridge.

Everything is removed again: containers, mounts, the bridge, routes, cgroups, processes.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kybern.kubelet.cri import RuntimeFailed
from kybern.kubelet.volumes import kernel
from kybern.supervisor.images import write_busybox_archive, write_pause_archive

if TYPE_CHECKING:
    from kybern.kubelet.kubelet_config import KubeletConfig

BRIDGE = "kbtG0"
SUBNET = "10.244.77.0/24"
CGROUP = "kybern-test-node"
START_SECONDS = 60

CONFIG = """version = 2
root = "{d}/root"
state = "{d}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{d}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{d}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{d}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{d}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{d}/runc"
"""


@dataclass(frozen=True)
class Containerd:
    """A running containerd."""

    directory: Path
    socket: Path
    cgroup_root: str


def _missing() -> str:
    if os.geteuid() != 0:
        return "not root"
    for program in ("containerd", "runc", "ctr", "ip"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if not Path("/usr/lib/cni/bridge").exists():
        return "the CNI plugins are not installed"
    return "" if Path("/bin/busybox").exists() else "busybox-static is not installed"


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def _configure(directory: Path) -> Path:
    network = {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(directory / "ipam"),
                    "ranges": [[{"subnet": SUBNET}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }
    (directory / "cni").mkdir()
    (directory / "cni" / "10-pods.conflist").write_text(json.dumps(network))
    config = directory / "config.toml"
    config.write_text(CONFIG.format(d=directory))
    return config


def _wait_for_socket(process: subprocess.Popen[bytes], socket: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "containerd has ended"
        if socket.exists() and _run("ctr", "-a", str(socket), "--connect-timeout", "2s", "version").returncode == 0:
            return
        time.sleep(0.05)
    pytest.fail("containerd did not start")


@pytest.fixture(scope="session")
def containerd() -> Iterator[Containerd]:
    """containerd with the images localhost/pause:1 and localhost/busybox:1."""
    reason = _missing()
    if reason:
        pytest.skip(f"no real containers here: {reason}")
    directory = Path(f"/tmp/kybern-node-{os.getpid()}")
    directory.mkdir()
    # The route keeps the range on this machine also before the bridge has it.
    _run("ip", "route", "add", "unreachable", SUBNET, "metric", "4096")
    socket = directory / "containerd.sock"
    with (directory / "containerd.log").open("wb") as log:
        process = subprocess.Popen(
            ["containerd", "-c", str(_configure(directory))], stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for_socket(process, socket)
        for name, write in (("pause", write_pause_archive), ("busybox", write_busybox_archive)):
            archive = directory / f"{name}.tar"
            write(archive)
            done = _run("ctr", "-a", str(socket), "-n", "k8s.io", "images", "import", "--all-platforms", str(archive))
            assert done.returncode == 0, done.stderr
        yield Containerd(directory, socket, f"/{CGROUP}")
        asyncio.run(_remove_pods(socket))
    finally:
        _take_down(process, directory)


@pytest.fixture
def config(containerd: Containerd, tmp_path: Path) -> "Iterator[KubeletConfig]":
    """A kubelet's, with directories of the test's own."""
    from .kubelets import configure

    yield configure(containerd, tmp_path)
    for point in kernel.mounts_below(tmp_path):
        kernel.unmount(point)


async def _remove_pods(socket: Path) -> None:
    from kybern.kubelet.cri import Runtime

    runtime = Runtime(str(socket))
    async with asyncio.timeout(START_SECONDS):
        # One that is just being made or unmade refuses for a moment.
        while sandboxes := await runtime.list_sandboxes():
            for sandbox in sandboxes:
                with contextlib.suppress(RuntimeFailed):
                    await runtime.stop_sandbox(sandbox.id)
                    await runtime.remove_sandbox(sandbox.id)
    await runtime.close()


def _take_down(process: subprocess.Popen[bytes], directory: Path) -> None:
    from kybern.supervisor import cgroups

    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    cgroups.kill(CGROUP)
    cgroups.remove(CGROUP)
    _kill_shims(directory)
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in reversed([point for point in points if point.startswith(f"{directory}/")]):
        _run("umount", "-l", point)
    _run("ip", "link", "delete", BRIDGE)
    _run("ip", "route", "del", "unreachable", SUBNET, "metric", "4096")
    shutil.rmtree(directory, ignore_errors=True)


def _kill_shims(directory: Path) -> None:
    """Shims that outlived a failed test: only those of this containerd, by its socket."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"containerd-shim" in words[0] and str(directory).encode() in b" ".join(words):
            os.kill(int(entry.parent.name), signal.SIGKILL)
