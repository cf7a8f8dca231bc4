"""What the machine must have before a cluster can start, and the command that brings it."""

import ctypes
import errno
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kybern.supervisor import identity
from kybern.supervisor.containerd import CNI_DIRECTORIES, find_cni
from kybern.supervisor.images import BUSYBOX_PROGRAM
from kybern.supervisor.layout import (
    API_PORT,
    DNS_METRICS_PORT,
    DNS_PORT,
    HOST_ADDRESS,
    KUBELET_PORT,
    MANAGER_PORT,
    SCHEDULER_PORT,
    ClusterLayout,
)
from kybern.supervisor.namespaces import run
from kybern.supervisor.network import conflicting_routes

INSTALL_SECONDS = 900.0
IP_FREEBIND = 15
NFT_LIBRARY = "libnftables.so.1"


@dataclass(frozen=True)
class Missing:
    """One thing that the machine lacks."""

    what: str
    package: str
    """Debian's package; "" where no package helps."""
    optional: bool = False


class InstallFailed(Exception):
    """The packages could not be installed; the message says why."""


def find_missing(own_containerd: bool = True) -> list[Missing]:
    """Everything that is missing, the optional things too."""
    missing = []
    if os.geteuid():
        missing.append(Missing("root's rights (run it with sudo)", ""))
    programs = {"ip": "iproute2", "nsenter": "util-linux", "nft": "nftables", "mount": "mount"}
    if own_containerd:
        programs |= {"containerd": "containerd", "ctr": "containerd"}
        if not (shutil.which("runc") or shutil.which("crun")):
            missing.append(Missing("runc or crun", "runc"))
        if find_cni() is None:
            places = " or ".join(str(path) for path in CNI_DIRECTORIES)
            missing.append(Missing(f"CNI plugins in {places}", "containernetworking-plugins"))
    missing += [Missing(name, package) for name, package in programs.items() if not shutil.which(name)]
    if not _has_library(NFT_LIBRARY):
        missing.append(Missing(NFT_LIBRARY, "libnftables1"))
    if not BUSYBOX_PROGRAM.exists():
        missing.append(Missing("a static busybox, for the example images", "busybox-static", optional=True))
    return missing


def _has_library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def install_command(missing: Sequence[Missing]) -> list[str]:
    """The command that brings the packages; empty when there is nothing to install."""
    packages = sorted({each.package for each in missing if each.package})
    return ["apt-get", "install", "--yes", "--no-install-recommends", *packages] if packages else []


def explain(missing: Sequence[Missing]) -> str:
    """For a person: what is missing, and exactly what to do."""
    if len(missing) == 1 and not missing[0].package:
        return f"error: kybern up needs {missing[0].what}"
    lines = ["This machine lacks:"]
    lines += [f"  - {each.what}{' (optional)' if each.optional else ''}" for each in missing]
    command = install_command(missing)
    if command:
        lines += ["On Debian or Ubuntu this brings it:", f"  sudo {' '.join(command)}"]
        lines += ["or let Kybern do it:", "  sudo kybern up --install"]
    return "\n".join(lines)


def install(missing: Sequence[Missing]) -> None:
    """Install Debian's packages, and keep their containerd from starting: Kybern runs one of its own.

    Raises InstallFailed.
    """
    command = install_command(missing)
    if not command:
        return
    if not shutil.which("apt-get"):
        raise InstallFailed(f"there is no apt-get here; please install {', '.join(command[4:])} yourself")
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        # Debian's way to say "start no service now" (invoke-rc.d asks this script).
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        for step in (["apt-get", "update"], command):
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            done = subprocess.run(step, env=environment, timeout=INSTALL_SECONDS, check=False)
            if done.returncode and step is command:
                raise InstallFailed(f"{' '.join(step)} failed with {done.returncode}")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallFailed(str(error)) from error
    finally:
        if ours:
            policy.unlink(missing_ok=True)


def find_taken_ports(layout: ClusterLayout) -> list[str]:
    """`address:port` of what the cluster will listen on and a program of others already does.

    Nothing, where programs of a former cluster may still run: those are ours, and will be taken over.
    """
    if _has_former_programs():
        return []
    wanted = [("127.0.0.1", API_PORT), (HOST_ADDRESS, API_PORT)]
    if not layout.has_namespaces:
        wanted += [(HOST_ADDRESS, port) for port in (KUBELET_PORT, DNS_PORT, DNS_METRICS_PORT)]
    return [f"{address}:{port}" for address, port in wanted if _is_taken(address, port)]


def find_silenced() -> list[tuple[str, str]]:
    """(component, `address:port`) of each that will run and cannot be asked how it is: a program of others listens there.

    A cluster is none the worse for it.
    """
    if _has_former_programs():
        return []
    ports = (("controller-manager", MANAGER_PORT), ("scheduler", SCHEDULER_PORT))
    return [(component, f"127.0.0.1:{port}") for component, port in ports if _is_taken("127.0.0.1", port)]


def _has_former_programs() -> bool:
    record = identity.read_record()
    return record is not None and any(process.alive for process in record.processes.values())


def _is_taken(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)  # The address need not be there yet.
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def find_conflicts(layout: ClusterLayout) -> list[str]:
    """Routes of this machine that overlap the cluster's ranges."""
    return conflicting_routes(json.loads(run("ip", "-json", "-4", "route") or "[]"), layout)
