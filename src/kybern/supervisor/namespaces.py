"""Network and mount namespaces of the nodes: made once, kept alive by a bind mount, entered by a forked process; and
the hostname of such a process."""

import ctypes
import os
import socket
import subprocess
from pathlib import Path

from kybern.base.errors import KybernError

NETWORK_NAMESPACES = Path("/run/netns")
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
COMMAND_SECONDS = 20.0
"""Longest that a command of the machine may take."""


class CommandFailed(KybernError):
    """A command of the machine failed: which, and what it said."""


def run(*command: str, check: bool = True, text: str | None = None, seconds: float = COMMAND_SECONDS) -> str:
    """Run a command of the machine and return what it printed. Raises CommandFailed, unless told not to check."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, input=text, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{' '.join(command)}: {error}") from error
    if check and done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def enter(namespace: Path, kind: int) -> None:
    """Move this process (which must have one thread only) into a namespace. Raises OSError."""
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, kind):
            code = ctypes.get_errno()
            raise OSError(code, f"setns {namespace}: {os.strerror(code)}")
    finally:
        os.close(descriptor)


def enter_network(name: str) -> None:
    """Move this process into a named network namespace."""
    enter(NETWORK_NAMESPACES / name, CLONE_NEWNET)


def enter_mount(path: Path) -> None:
    """Move this process into a mount namespace that `create_mount` made; its directory becomes `/`."""
    enter(path, CLONE_NEWNS)
    os.chdir("/")


def take_hostname(name: str) -> None:
    """Give this process and what it starts a name of its own for the machine: Pods in a node's network show it.

    Raises OSError.
    """
    if _libc.unshare(CLONE_NEWUTS):
        code = ctypes.get_errno()
        raise OSError(code, f"unshare the hostname: {os.strerror(code)}")
    socket.sethostname(name)


def create_network(name: str) -> None:
    """Make a named network namespace where there is none.

    Not by `ip netns add`, which leaves a mount of /run/netns upon itself on the machine for ever.
    """
    path = NETWORK_NAMESPACES / name
    if not _is_mounted(path):
        path.parent.mkdir(exist_ok=True)
        path.touch()
        run("unshare", f"--net={path}", "true")


def delete_network(name: str) -> None:
    """Delete a named network namespace, mounted or not, and the directory of all when it was the last one."""
    path = NETWORK_NAMESPACES / name
    if _is_mounted(path):
        run("umount", str(path), check=False)
    path.unlink(missing_ok=True)
    if path.parent.exists() and not any(path.parent.iterdir()) and not _is_mounted(path.parent):
        path.parent.rmdir()


def create_mount(path: Path, hidden: list[Path]) -> None:
    """Make a mount namespace, kept alive at `path`, with the `hidden` mounts taken away and the rest shared below.

    Shared propagation inside lets a Pod's mounts reach the node, and the other way round; private propagation to the
    machine keeps them from it. The directory of `path` must be a private mount, or the kernel refuses the bind.
    """
    if _is_mounted(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _is_mounted(path.parent):
        run("mount", "--bind", str(path.parent), str(path.parent))
        run("mount", "--make-private", str(path.parent))
    path.touch()
    hide = "".join(f"umount {mount} && " for mount in hidden)
    script = f"{hide}mount --make-rshared /"
    _run_on_some_processor("unshare", f"--mount={path}", "--propagation", "private", "sh", "-c", script)


def _run_on_some_processor(*command: str) -> None:
    """Run a command that binds a new mount namespace, on one processor after the other until it succeeds.

    Linux 6.18 takes the numbers of namespaces from one pool for each processor, and still refuses (EINVAL) to bind one
    whose number is below that of our own, as if it were older. On the processor where ours was made it is above.
    Raises CommandFailed.
    """
    allowed = os.sched_getaffinity(0)
    attempts: list[set[int]] = [allowed, *({processor} for processor in sorted(allowed))]
    try:
        for number, processors in enumerate(attempts, 1):
            os.sched_setaffinity(0, processors)
            try:
                run(*command)
                return
            except CommandFailed:
                if number == len(attempts):
                    raise
    finally:
        os.sched_setaffinity(0, allowed)


def delete_mount(path: Path) -> None:
    """Let go of a mount namespace, and of the private mount that held it when it was the last one."""
    if _is_mounted(path):
        run("umount", str(path), check=False)
    path.unlink(missing_ok=True)
    if path.parent.exists() and not any(path.parent.iterdir()):
        if _is_mounted(path.parent):
            run("umount", str(path.parent), check=False)
        path.parent.rmdir()


def mounts_below(directory: Path) -> list[Path]:
    """Mount points below `directory` in this mount namespace, the newest first."""
    return [point for point in reversed(_mounts()) if directory in point.parents]


def _mounts() -> list[Path]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [Path(point.encode().decode("unicode_escape")) for point in points]


def unmount_below(directory: Path) -> list[Path]:
    """Unmount everything below `directory`, which may itself be a disk that someone mounted; what would not go."""
    for point in mounts_below(directory):
        run("umount", "-l", str(point), check=False)
    return mounts_below(directory)


def _is_mounted(path: Path) -> bool:
    return path in _mounts()
