"""A whole cluster as programs under one supervisor: what `kybern up` leaves running.

The order is the way to a quick start: containerd comes up on its own while the API server's modules are imported; each
process is forked as soon as its own modules are there, and the supervisor imports the next one's. So they share
what they have in common.
"""

import os
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kybern.supervisor import cgroups, containerd, identity, keeper, network, teardown
from kybern.supervisor.identity import SUPERVISOR, Failure, Identity, identify, write_record
from kybern.supervisor.layout import CGROUP, ClusterLayout, NodeLayout, plan_layout
from kybern.supervisor.namespaces import enter_mount, enter_network
from kybern.supervisor.processes import Program, Supervisor
from kybern.supervisor.store import EtcdAccess

CONTROL_CGROUP = f"{CGROUP}/control"
"""All Python processes of the cluster, the keeper, and nothing else."""
LEAST_LIFE_SECONDS = 3.0
"""A successor begins no earlier after its predecessor did, so that a defect cannot take the processor."""


@dataclass(frozen=True)
class Options:
    """What `kybern up` was asked for."""

    data_directory: Path
    nodes: int = 1
    store: str = "sqlite"
    """`sqlite`, `memory`, or the URLs of an etcd."""
    cri_socket: str = ""
    """A container runtime that is there already; "": start our own."""
    etcd: EtcdAccess = field(default_factory=EtcdAccess)

    @property
    def layout(self) -> ClusterLayout:
        return plan_layout(self.data_directory, self.nodes)


class Composition(Protocol):
    """What the composition root lends: the three Python processes, and what each imports before it is forked."""

    def import_apiserver(self) -> None: ...

    def run_apiserver(self, options: Options) -> None: ...

    def import_controllers(self) -> None: ...

    def run_controllers(self, options: Options) -> None: ...

    def import_node(self) -> None: ...

    def run_node(self, options: Options, node: NodeLayout) -> None: ...


def supervise(options: Options, composition: Composition) -> None:
    """Take over from whatever is left of an earlier cluster, and keep this one running until SIGTERM."""
    take_over()
    prepare(options)
    _keep_running(options, composition, {})


def succeed(options: Options, composition: Composition) -> None:
    """Adopt the programs of a supervisor that died, if it has no successor yet, and go on as it would have."""
    own = _own_identity()
    # The keeper was started with its supervisor: who dies young, again and again, is not followed at once.
    time.sleep(max(0.0, LEAST_LIFE_SECONDS - own.age_seconds))
    with identity.turn():
        record = identity.read_record()
        if record is None or not record.is_bereft or record.data_directory != options.data_directory:
            return
        adopted = adopt(record)
        write_record({SUPERVISOR: own, **adopted}, options.data_directory, options.nodes)
    while True:
        try:
            prepare(options)
            break
        except Exception:
            traceback.print_exc()
            time.sleep(LEAST_LIFE_SECONDS)
    _keep_running(options, composition, adopted)


def prepare(options: Options) -> None:
    """What must be there before any program can start: cgroups, keys, the network between the nodes."""
    # Threads of numpy's library would be of no use on so small matrices, and no thread may exist where is forked.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Where a channel exists only programs are started, never forks that go on: gRPC need not prepare, nor complain.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from kybern.supervisor.pki import ensure_pki

    layout = options.layout
    root = cgroups.container_root()
    if root is not None:
        cgroups.evacuate(root)
    cgroups.join(CONTROL_CGROUP)
    layout.data_directory.mkdir(parents=True, exist_ok=True)
    ensure_pki(layout)
    teardown.remember_switches(layout.data_directory, network.apply_fabric(layout))


def _keep_running(options: Options, composition: Composition, adopted: Mapping[str, Identity]) -> None:
    own = _own_identity()
    line = keeper.LifeLine()

    def changed(processes: Mapping[str, Identity], failures: Mapping[str, Failure]) -> None:
        write_record({SUPERVISOR: own, **processes}, options.data_directory, options.nodes, failures)

    changed(adopted, {})
    guard = Program(keeper.NAME, lambda: line.keep(successor(options)), guards=True)
    chosen = [guard, *programs(options, composition)]
    Supervisor(chosen, options.layout.logs, changed, line.let_go, adopted).run()
    # A record without a supervisor wants none.
    write_record({}, options.data_directory, options.nodes)


def _own_identity() -> Identity:
    own = identify(os.getpid())
    assert own is not None, "/proc is not mounted"
    return own


def successor(options: Options) -> list[str]:
    """The command that takes over from a supervisor of these options when it dies."""
    command = [sys.executable, "-m", "kybern", "supervisor", "--data-dir", str(options.data_directory)]
    command += ["--nodes", str(options.nodes), "--store", options.store, *options.etcd.flags]
    return [*command, "--cri-socket", options.cri_socket] if options.cri_socket else command


def programs(options: Options, composition: Composition) -> list[Program]:
    """Everything that runs, in the order of its start."""
    layout = options.layout
    first, last = [], []
    for node in layout.nodes:
        name = node.program
        if not options.cri_socket:
            first.append(_containerd(name, layout, node))
            last.append(_images(name, layout, node))
        else:
            network.apply_node(layout, node)
        last.append(_node(name, options, node, composition))
    apiserver = Program("apiserver", lambda: composition.run_apiserver(options), prepare=composition.import_apiserver)
    controllers = Program(
        "controllers", lambda: composition.run_controllers(options), prepare=composition.import_controllers
    )
    return [*first, apiserver, *last, controllers]


def _containerd(name: str, layout: ClusterLayout, node: NodeLayout) -> Program:
    def prepare() -> None:
        network.apply_node(layout, node)
        containerd.prepare(node)

    return Program(f"containerd-{name}", lambda: containerd.execute(node), prepare=prepare)


def _images(name: str, layout: ClusterLayout, node: NodeLayout) -> Program:
    archives = layout.data_directory / "images"
    return Program(f"images-{name}", lambda: containerd.provide_base_images(node, archives), once=True)


def _node(name: str, options: Options, node: NodeLayout, composition: Composition) -> Program:
    def run() -> None:
        if node.index:
            enter_network(node.network_namespace)
            if not options.cri_socket:
                enter_mount(node.mount_namespace)
        composition.run_node(options, node)

    return Program(name, run, prepare=composition.import_node)


def take_over() -> None:
    """End the processes of an earlier supervisor that died, but no container: those are picked up again."""
    teardown.forget_last_boot()
    record = identity.read_record()
    if record is not None:
        teardown.stop_orphans(record)
    # Whoever was forked in the moment of the death is in no record, but in the cgroup.
    cgroups.kill(CONTROL_CGROUP)
    _stop(pid for pid in cgroups.processes(CGROUP) if _command(pid) == "containerd")


def adopt(record: identity.Record) -> dict[str, Identity]:
    """The programs of a supervisor that died which run on; those that it had no time to record are ended."""
    own = os.getpid()
    adopted = {name: found for name, found in record.processes.items() if found.alive and found.pid != own}
    known = {found.pid for found in adopted.values()} | {own}
    control = cgroups.processes(CONTROL_CGROUP)
    # What a program has started has that for a parent; what the supervisor had started has lost it.
    orphans = {pid for pid in control - known if _parent(pid) not in control}
    runtimes = {pid for pid in cgroups.processes(CGROUP) - known if _command(pid) == "containerd"}
    _stop(orphans | runtimes)
    return adopted


def _stop(pids: Iterable[int]) -> None:
    identity.stop({str(pid): found for pid in pids if (found := identify(pid)) is not None})


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
