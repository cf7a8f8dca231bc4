"""containerd for one node: its configuration, its start in cgroups and namespaces of its own, the images it must hold.

It has its own root, state and socket, so it never meets a containerd of the machine. Its state, the runtime's and the
Pods' addresses lie below /run: after a power cut they are gone with the processes that they describe.
The configuration is version 2, which containerd 1.5 to 1.7 speak and 2.x migrates by itself when it reads it.
"""

import os
import platform
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kybern.supervisor import cgroups, images
from kybern.supervisor.layout import NodeLayout
from kybern.supervisor.namespaces import create_mount, enter_mount, enter_network, run, take_hostname

CNI_DIRECTORIES = (Path("/opt/cni/bin"), Path("/usr/lib/cni"), Path("/usr/libexec/cni"))
CNI_PLUGINS = ("bridge", "host-local", "loopback")
NAMESPACE = "k8s.io"
"""containerd's namespace of everything that CRI sees."""
START_SECONDS = 60.0
IMPORT_SECONDS = 120.0
CAP_SYS_RESOURCE = 24


@dataclass(frozen=True)
class Surroundings:
    """What this machine offers, and what containerd's configuration follows."""

    runtime: str
    """runc or crun, as a path."""
    cni: Path
    snapshotter: str
    may_lower_oom_score: bool
    has_apparmor: bool


def find_cni() -> Path | None:
    """The directory that holds the plugins needed."""
    return next((path for path in CNI_DIRECTORIES if all((path / name).exists() for name in CNI_PLUGINS)), None)


def find_runtime(hides_hybrid: bool, hybrid: bool) -> str | None:
    """crun where it can run (it starts a container in two thirds of the time, but refuses hybrid cgroups), or runc."""
    crun, runc = shutil.which("crun"), shutil.which("runc")
    return crun if crun and (hides_hybrid or not hybrid) else runc


def version(program: str = "containerd") -> tuple[int, ...]:
    """containerd's version as numbers: (1, 6, 20)."""
    found = re.search(r"\sv?(\d+)\.(\d+)\.(\d+)", run(program, "--version"))
    return tuple(int(part) for part in found.groups()) if found else (0,)


def look_around(node: NodeLayout) -> Surroundings:
    """Find out what containerd's configuration depends on. Raises FileNotFoundError where a part is missing."""
    runtime = find_runtime(bool(node.index), bool(cgroups.hybrid_mounts()))
    cni = find_cni()
    if runtime is None or cni is None:
        raise FileNotFoundError("runc" if runtime is None else "CNI plugins")
    status = Path("/proc/self/status").read_text()
    capabilities = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff")), 16)
    apparmor = Path("/sys/module/apparmor/parameters/enabled")
    return Surroundings(
        runtime,
        cni,
        "native" if _file_system(node.directory) == "overlay" else "overlayfs",
        bool(capabilities >> CAP_SYS_RESOURCE & 1),
        apparmor.exists() and apparmor.read_text().strip() == "Y",
    )


def _file_system(path: Path) -> str:
    """Type of the file system that holds `path`."""
    best = ("", "")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        point = left.split()[4]
        if (path == Path(point) or Path(point) in path.parents) and len(point) >= len(best[0]):
            best = (point, right.split(" ", 1)[0])
    return best[1]


def configuration(node: NodeLayout, around: Surroundings) -> str:
    """containerd's configuration file for a node."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{node.directory}/root"
state = "{node.volatile}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", \
"io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.restart", \
"io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "{node.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{node.directory}/opt"
[{cri}]
  sandbox_image = "{images.PAUSE_IMAGE}"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = {_toml(not around.may_lower_oom_score)}
  disable_apparmor = {_toml(not around.has_apparmor)}
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  [{cri}.cni]
    bin_dir = "{around.cni}"
    conf_dir = "{node.directory}/cni"
  [{cri}.registry]
    config_path = "{node.directory}/certs.d"
  [{cri}.containerd]
    snapshotter = "{around.snapshotter}"
    default_runtime_name = "runc"
    [{cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{cri}.containerd.runtimes.runc.options]
        BinaryName = "{around.runtime}"
        Root = "{node.volatile}/runtime"
"""


def _toml(value: bool) -> str:
    return "true" if value else "false"


def prepare(node: NodeLayout) -> None:
    """Write the configuration and make the directories and, for a node of its own, the mount namespace."""
    for directory in (node.directory / "certs.d", node.directory / "manifests", node.volatile):
        directory.mkdir(parents=True, exist_ok=True)
    (node.directory / "config.toml").write_text(configuration(node, look_around(node)))
    if node.index:
        create_mount(node.mount_namespace, cgroups.hybrid_mounts())


def execute(node: NodeLayout) -> None:
    """Become containerd (in a process forked for it); returns only by an exception."""
    cgroups.join(f"{node.cgroup}/runtime")
    if node.index:
        enter_network(node.network_namespace)
        enter_mount(node.mount_namespace)
        take_hostname(node.name)
    os.execvp("containerd", ["containerd", "-c", str(node.directory / "config.toml")])


def wait_ready(path: Path, seconds: float = START_SECONDS) -> bool:
    """Wait until containerd takes connections on its socket (it listens once all plugins are loaded)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
                return True
            except OSError:
                time.sleep(0.01)
    return False


def ctr(path: Path, *command: str, seconds: float = IMPORT_SECONDS) -> str:
    """Run containerd's own client, which waits for ever on a missing socket: hence the limit. Raises CommandFailed."""
    return run("ctr", "--address", str(path), "--namespace", NAMESPACE, *command, seconds=seconds)


def list_images(path: Path) -> list[str]:
    """Names of the images that CRI sees."""
    return sorted(name for name in ctr(path, "images", "list", "--quiet").split() if not name.startswith("sha256:"))


def import_archive(path: Path, archive: Path) -> list[str]:
    """Load an OCI or docker archive; the names of its images. Raises CommandFailed."""
    before = set(list_images(path))
    printed = ctr(path, "images", "import", str(archive))
    named = re.findall(r"^unpacking (\S+)", printed, re.MULTILINE)
    return sorted(set(named) or set(list_images(path)) - before)


def import_missing(path: Path, archives: Sequence[tuple[str, Path]]) -> None:
    """Load those archives (image name, file) whose image is not there yet."""
    present = set(list_images(path))
    for name, archive in archives:
        if name not in present:
            ctr(path, "images", "import", str(archive))


def provide_base_images(node: NodeLayout, directory: Path) -> None:
    """Once containerd is up: make sure that it holds pause, and busybox where this machine has a static one."""
    if not wait_ready(node.socket):
        raise TimeoutError(f"containerd of {node.name} did not listen on {node.socket}")
    tag = platform.machine()
    archives = [(images.PAUSE_IMAGE, directory / f"pause-{tag}.tar")]
    if not archives[0][1].exists():
        images.write_pause_archive(archives[0][1])
    busybox = directory / f"busybox-{tag}.tar"
    if not busybox.exists():
        try:
            images.write_busybox_archive(busybox)
        except (images.NoBusybox, subprocess.SubprocessError):
            busybox.unlink(missing_ok=True)
    if busybox.exists():
        archives.append((images.BUSYBOX_IMAGE, busybox))
    import_missing(node.socket, archives)
