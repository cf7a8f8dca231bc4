"""The end of a cluster: after it, the machine is as it was before `kybern up`, but for the data (that too, if asked).

It trusts no memory but works from what is on the machine, so it also cleans up after a power cut or a kill -9 of all.
"""

import json
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from kybern.supervisor import cgroups, identity, namespaces
from kybern.supervisor.layout import CGROUP, NODES_LIMIT, RUN_DIRECTORY, plan_layout
from kybern.supervisor.network import CNI_NETWORK, links, remove_fabric

CNI_RESULTS = Path("/var/lib/cni/results")
"""Where libcni keeps the result of every ADD, for all networks of the machine."""
SHIM_SOCKETS = Path("/run/containerd/s")
"""Where the shims of every containerd of the machine listen, whatever its state directory is."""
SWITCHES = "switches.json"
PROXY_TABLE = "kybern-proxy"


def remember_switches(data_directory: Path, changed: Mapping[str, str]) -> None:
    """Keep the former values of kernel switches until `down`; the first `up` knows them, a later one finds its own."""
    path = data_directory / SWITCHES
    known = _read_switches(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({**changed, **known}) + "\n")
    partial.rename(path)


def _read_switches(path: Path) -> dict[str, str]:
    """The former values by name; none where the file is not there, or was cut off by a power cut."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in known.items() if isinstance(value, str)} if isinstance(known, dict) else {}


def forget_last_boot(boot: str = "") -> None:
    """Where /run survives a power cut, clear what describes processes of an earlier boot."""
    current = boot or Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    note = RUN_DIRECTORY / "boot"
    if note.exists() and note.read_text() == current:
        return
    shutil.rmtree(RUN_DIRECTORY, ignore_errors=True)
    RUN_DIRECTORY.mkdir(parents=True)
    note.write_text(current)


def stop_processes() -> None:
    """End the supervisor (which ends its programs), and whatever an earlier one left behind. Containers stay."""
    record = identity.read_record()
    if record is None:
        return
    if record.supervisor is not None:
        identity.stop({identity.SUPERVISOR: record.supervisor}, seconds=60.0)
    stop_orphans(record)


def stop_orphans(record: identity.Record) -> None:
    """End programs whose supervisor is gone, by their recorded identities."""
    identity.stop({name: found for name, found in record.processes.items() if name != identity.SUPERVISOR})


def tear_down(data_directory: Path, purge: bool, say: Callable[[str], None]) -> list[str]:
    """Take everything away. Returns what could not be (nothing, if all is well)."""
    say("stopping the processes")
    stop_processes()
    say("stopping the containers")
    left = [] if cgroups.kill(CGROUP) else [f"processes {sorted(cgroups.processes(CGROUP))}"]
    say("removing mounts, namespaces, bridges, routes")
    for index in range(1, NODES_LIMIT + 1):
        if (RUN_DIRECTORY / "mnt" / f"node{index}").exists():
            namespaces.delete_mount(RUN_DIRECTORY / "mnt" / f"node{index}")
        namespaces.delete_network(f"kybern-node{index}")
    _remove_network(data_directory)
    for directory in (data_directory, RUN_DIRECTORY):
        left += [f"mount {path}" for path in namespaces.unmount_below(directory)]
    left += [f"cgroup {path}" for path in cgroups.remove(CGROUP)]
    root = cgroups.container_root()
    if root is not None and not left:
        cgroups.resettle(root)
    _forget_cni_results()
    _forget_shims()
    if not left:
        shutil.rmtree(RUN_DIRECTORY, ignore_errors=True)
        if purge:
            shutil.rmtree(data_directory, ignore_errors=True)
    return left


def _remove_network(data_directory: Path) -> None:
    namespaces.run("nft", "delete", "table", "ip", PROXY_TABLE, check=False)
    path = data_directory / SWITCHES
    switches = _read_switches(path)
    present = links()
    nodes = [node for node in plan_layout(data_directory, NODES_LIMIT).nodes if node.host_link in present]
    remove_fabric(nodes, switches)
    path.unlink(missing_ok=True)


def _forget_cni_results() -> None:
    """Remove libcni's notes about our Pods and their loopbacks; nobody will send a DEL for them any more."""
    if not CNI_RESULTS.exists():
        return
    ours = [path for path in CNI_RESULTS.iterdir() if path.name.startswith(f"{CNI_NETWORK}-")]
    containers = {path.name.split("-")[1] for path in ours}
    loopbacks = [path for path in CNI_RESULTS.glob("cni-loopback-*") if path.name.split("-")[2] in containers]
    for path in [*ours, *loopbacks]:
        path.unlink(missing_ok=True)
    _remove_if_empty(CNI_RESULTS, CNI_RESULTS.parent)


def _forget_shims() -> None:
    """Remove the sockets on which no shim listens any more."""
    for path in SHIM_SOCKETS.glob("*"):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                continue  # No socket, or one that is busy: someone else's.
    _remove_if_empty(SHIM_SOCKETS, SHIM_SOCKETS.parent)


def _remove_if_empty(*directories: Path) -> None:
    for directory in directories:
        if directory.exists() and not any(directory.iterdir()):
            directory.rmdir()
