"""Facts of the machine, read from the kernel's files. No decision is taken here."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES: Mapping[str, str] = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
"""The kernel's name -> Go's, which Kubernetes uses; other names are the same in both."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What does not change while the kubelet runs."""

    architecture: str
    kernel_version: str
    os_image: str
    machine_id: str
    system_uuid: str
    boot_id: str
    cpus: int
    memory_bytes: int
    swap_bytes: int
    disk_bytes: int
    """Of the file system that holds the kubelet's directory."""
    pid_limit: int


@dataclass(frozen=True, slots=True)
class Pressure:
    """What changes: how much is left."""

    memory_available_bytes: int
    disk_available_bytes: int
    disk_inodes: int
    disk_inodes_free: int
    pids: int


def read_machine(
    directory: Path, proc: Path = Path("/proc"), sys: Path = Path("/sys"), etc: Path = Path("/etc")
) -> Machine:
    """The facts of this machine; `directory` lies on the file system that Pods' data uses. Blocking."""
    memory = _memory(proc)
    disk = os.statvfs(directory)
    name = platform.machine()
    return Machine(
        architecture=ARCHITECTURES.get(name, name),
        kernel_version=platform.release(),
        os_image=_os_image(etc),
        machine_id=_text(etc / "machine-id"),
        system_uuid=_text(sys / "class/dmi/id/product_uuid"),
        boot_id=_text(proc / "sys/kernel/random/boot_id"),
        cpus=os.cpu_count() or 1,
        memory_bytes=memory.get("MemTotal", 0),
        swap_bytes=memory.get("SwapTotal", 0),
        disk_bytes=disk.f_blocks * disk.f_frsize,
        pid_limit=int(_text(proc / "sys/kernel/pid_max") or 32768),
    )


def read_pressure(directory: Path, proc: Path = Path("/proc")) -> Pressure:
    """How much is left now. Blocking, but cheap."""
    disk = os.statvfs(directory)
    # The last field but one of loadavg is `runnable/all` of kernel scheduling entities.
    processes = int(_text(proc / "loadavg").split()[3].partition("/")[2])
    return Pressure(
        memory_available_bytes=_memory(proc).get("MemAvailable", 0),
        disk_available_bytes=disk.f_bavail * disk.f_frsize,
        disk_inodes=disk.f_files,
        disk_inodes_free=disk.f_favail,
        pids=processes,
    )


def _memory(proc: Path) -> dict[str, int]:
    """/proc/meminfo in bytes."""
    lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if len(line) == 3}


def _os_image(etc: Path) -> str:
    for line in _text(etc / "os-release").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip().strip('"')
    return "Linux"


def _text(path: Path) -> str:
    """ "" where the machine has no such file, as in many containers and VMs."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
