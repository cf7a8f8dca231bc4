"""`kybern up`: start a cluster, or join the one that runs, and bring manifests into it."""

import argparse
from typing import TYPE_CHECKING, cast

from kybern.cli.parser import failed, words_for

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from kybern.supervisor.arrival import Arrival
    from kybern.supervisor.cluster import Composition, Options
    from kybern.supervisor.identity import Identity
    from kybern.supervisor.manifests import Manifest
    from kybern.supervisor.progress import Progress

RECORD_POLL_SECONDS = 0.01
NAME = "up"
HELP = "start a cluster on this machine, and apply manifests to it"


def configure(parser: argparse.ArgumentParser) -> None:
    from kybern.supervisor.store import add_etcd_flags

    add = parser.add_argument
    add("-f", "--filename", action="append", default=[], metavar="FILE", help="manifest to apply; may be repeated")
    add("--detach", action="store_true", help="leave the cluster running in the background; the default")
    add("--foreground", action="store_true", help="stay, and stop the processes on Ctrl-C; containers go on")
    add(
        "--data-dir",
        type=_directory,
        default="/var/lib/kybern",
        metavar="DIR",
        help="where everything is kept; default: %(default)s",
    )
    add("--store", default="sqlite", help="sqlite, memory, or the URLs of an etcd with commas between; default: sqlite")
    add_etcd_flags(parser)
    add("--nodes", type=_nodes, default=1, metavar="N", help="nodes on this machine; default: 1, the machine itself")
    add("--cri-socket", default="", metavar="SOCKET", help="use this container runtime instead of starting containerd")
    add("--install", action="store_true", help="install what the machine lacks with apt-get")


def _nodes(text: str) -> int:
    from kybern.supervisor.layout import NODES_LIMIT

    if not text.isdecimal() or not 1 <= int(text) <= NODES_LIMIT:
        raise argparse.ArgumentTypeError(f"must be a number between 1 and {NODES_LIMIT}, not {text}")
    return int(text)


def _directory(text: str) -> "Path":
    from pathlib import Path

    if not text:
        raise argparse.ArgumentTypeError("names no directory")
    return Path(text).absolute()


def execute(args: argparse.Namespace) -> int:
    from kybern.supervisor.cluster import Options
    from kybern.supervisor.manifests import BadManifest, read
    from kybern.supervisor.progress import Progress
    from kybern.supervisor.store import etcd_access, refuse_store

    socket = args.cri_socket.removeprefix("unix://")
    options = Options(args.data_dir, args.nodes, args.store, socket, etcd_access(args))
    try:
        manifests = read(args.filename)
        refuse_store(options.store, options.etcd)
    except (ValueError, BadManifest, OSError) as error:
        return failed(words_for(error) or str(error))
    if not _is_equipped(options, args.install):
        return 1
    return _bring_up(options, cast("Composition", args.composition), manifests, Progress(), args.foreground)


def _is_equipped(options: "Options", install: bool) -> bool:
    """Whether the machine has what is needed, after installing it if that was asked for."""
    import sys

    from kybern.supervisor import requirements
    from kybern.supervisor.data_directory import BadDataDirectory, refuse

    own_containerd = not options.cri_socket
    missing = requirements.find_missing(own_containerd)
    if missing and install:
        try:
            requirements.install(missing)
        except requirements.InstallFailed as error:
            return not failed(str(error))
        missing = requirements.find_missing(own_containerd)
    needed = [each for each in missing if not each.optional]
    if needed:
        print(requirements.explain(missing), file=sys.stderr)
        return False
    conflicts = requirements.find_conflicts(options.layout)
    if conflicts:
        return not failed(f"these routes overlap the cluster's networks: {', '.join(conflicts)}")
    taken = requirements.find_taken_ports(options.layout)
    if taken:
        return not failed(f"another program listens on {', '.join(taken)}; end it first (ss -lptn names it)")
    for component, where in requirements.find_silenced():
        print(f"warning: another program listens on {where}: nobody can ask the {component} how it is", file=sys.stderr)
    try:
        refuse(options.data_directory)
    except BadDataDirectory as error:
        return not failed(str(error))
    return True


def _bring_up(
    options: "Options", composition: "Composition", manifests: "list[Manifest]", progress: "Progress", foreground: bool
) -> int:
    import asyncio
    import time

    from kybern.base.errors import KybernError
    from kybern.supervisor import identity
    from kybern.supervisor.arrival import Arrival, NotThere
    from kybern.supervisor.foreground import end, held_back, stay
    from kybern.supervisor.logs import Logs

    supervisor = None
    logs = Logs(options.layout.logs)
    try:
        with identity.turn() as token, held_back():
            record = identity.read_record()
            running = record.supervisor if record is not None else None
            asked = (options.data_directory, options.nodes)
            if record is not None and running is not None and (record.data_directory, record.nodes) != asked:
                what = f"a cluster of {record.data_directory} with {record.nodes} node(s)"
                return failed(f"{what} runs; kybern down ends it")
            progress.say("Kybern is coming up:")
            if running:
                progress.say("  (it runs already)")
            since = 0.0 if running else time.time()
            supervisor = running or _start_supervisor(options, composition, token)
        arrival = Arrival(options, progress, lambda: supervisor.alive, logs, since)
        status = asyncio.run(_arrive(arrival, manifests, "in the foreground" if foreground else "in the background"))
    except (NotThere, KybernError) as error:
        progress.failed(str(error))
        if isinstance(error, NotThere) and supervisor is not None and supervisor.alive:
            progress.say("  It is tried again and again; kybern down ends that, kybern status tells what runs.")
        status = 1
    except KeyboardInterrupt:
        if foreground and supervisor is not None:
            end(supervisor)
        raise
    if foreground and supervisor is not None:
        progress.say("Ctrl-C stops the processes; the containers go on.")
        stay(supervisor)
    return status


async def _arrive(arrival: "Arrival", manifests: "list[Manifest]", where: str) -> int:
    from kybern.supervisor.kubeconfig import CONTEXT, write_context

    options, progress = arrival.options, arrival.progress
    client = await arrival.cluster()
    try:
        path = write_context(options.layout.admin_kubeconfig, options.data_directory)
        converged = await arrival.objects(client, manifests)
    finally:
        await client.close()
    progress.say()
    progress.say(f"The cluster runs {where}. Context {CONTEXT!r} is in {path}:")
    for line in next_steps(CONTEXT):
        progress.say(f"  {line}")
    return 0 if converged else 1


def next_steps(context: str) -> list[str]:
    """What may be typed now, as it works in this shell: with the program's path and sudo where those are needed."""
    import os
    import shutil
    import sys

    program = "kybern" if shutil.which("kybern") else os.path.relpath(sys.argv[0])
    privileged = f"sudo {program}" if os.environ.get("SUDO_USER") else program
    rows = [
        (f"kubectl --context {context} get pods --all-namespaces", ""),
        (f"{privileged} status", "what runs"),
        (f"{program} why pod/NAME", "why a Pod is as it is"),
        (f"{privileged} down", "stop it (--purge: and forget its data)"),
    ]
    if not shutil.which("kubectl"):
        rows.append(("(kubectl is not on your PATH: https://kubernetes.io/docs/tasks/tools/)", ""))
    width = max(len(command) for command, what in rows if what)
    return [f"{command:<{width}}  {what}".rstrip() for command, what in rows]


def _start_supervisor(options: "Options", composition: "Composition", token: "socket.socket") -> "Identity":
    """Fork the supervisor off: it outlives this command. Returns once others can see that it runs."""
    import os
    import sys
    import time

    from kybern.supervisor.cluster import supervise
    from kybern.supervisor.daemon import become_daemon
    from kybern.supervisor.identity import identify, read_record

    options.layout.logs.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        token.close()
        become_daemon(options.layout.logs, lambda: supervise(options, composition))
    found = identify(pid)
    assert found is not None, "the supervisor ended before it began"
    while found.alive and ((record := read_record()) is None or record.supervisor != found):
        time.sleep(RECORD_POLL_SECONDS)
    return found
