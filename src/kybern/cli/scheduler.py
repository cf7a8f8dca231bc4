"""`kybern scheduler`: the scheduler alone, against any conformant API server."""

import argparse
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from kybern.cli.values import add_boolean

if TYPE_CHECKING:
    from kybern.client.client import Client

NAME = "scheduler"
HELP = "run the scheduler alone, against the API server of a kubeconfig"
LEASE_NAME = "kube-scheduler"


def configure(parser: argparse.ArgumentParser) -> None:
    """Upstream's names."""
    parser.add_argument("--kubeconfig", required=True, metavar="FILE", help="which API server, and as whom")
    parser.add_argument(
        "--config", metavar="FILE", help="a KubeSchedulerConfiguration (profiles, score weights, back-off)"
    )
    add_boolean(parser, "--leader-elect", True, "work only while holding the lease kube-system/kube-scheduler")


def execute(args: argparse.Namespace) -> int:
    """Until told to stop, or until leadership is lost."""
    import asyncio
    import signal
    import socket
    import sys
    from dataclasses import replace

    import uvloop

    from kybern.base.garbage import collect_seldom
    from kybern.client.kubeconfig import client_from_kubeconfig
    from kybern.client.leader_election import LeadershipLost
    from kybern.scheduler.config_file import load

    config = replace(load(args.config), host=socket.gethostname())

    async def run() -> None:
        from kybern.base.clock import SystemClock
        from kybern.client.trace_shipper import ship_traces
        from kybern.scheduler.loop import run as run_scheduler

        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # The lease is let go on the way.
        client = client_from_kubeconfig(args.kubeconfig, user_agent="kube-scheduler")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(ship_traces(client, clock=SystemClock()))
                if args.leader_elect:
                    group.create_task(_elected(client, lambda: run_scheduler(config, client)))
                else:
                    group.create_task(run_scheduler(config, client))
        finally:
            await client.close()

    collect_seldom()
    status = 0
    try:
        uvloop.run(run())
    except* asyncio.CancelledError:
        status = 0
    except* KeyboardInterrupt:
        status = 130
    except* LeadershipLost as group:
        print(f"kybern scheduler: {group.exceptions[0]}", file=sys.stderr)
        status = 1
    return status


async def _elected(client: "Client", callback: Callable[[], Awaitable[None]]) -> None:
    import random
    import socket
    import uuid

    from kybern.base.clock import SystemClock
    from kybern.client.leader_election import LeaderElector

    identity = f"{socket.gethostname().lower()}_{uuid.uuid4()}"
    elector = LeaderElector(client, LEASE_NAME, identity, clock=SystemClock(), source=random.SystemRandom())
    await elector.run(callback)
