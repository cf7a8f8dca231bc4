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
    add_boolean(parser, "--leader-elect", False, "work only while holding the lease kube-system/kube-scheduler")


def execute(args: argparse.Namespace) -> int:
    """Until interrupted."""
    import asyncio
    import socket
    from dataclasses import replace

    import uvloop

    from kybern.base.garbage import collect_seldom
    from kybern.client.kubeconfig import client_from_kubeconfig
    from kybern.scheduler.config_file import load

    config = replace(load(args.config), host=socket.gethostname())

    async def run() -> None:
        from kybern.base.clock import SystemClock
        from kybern.client.trace_shipper import ship_traces
        from kybern.scheduler.loop import run as run_scheduler

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
    try:
        uvloop.run(run())
    except KeyboardInterrupt:
        return 130
    return 0


async def _elected(client: "Client", callback: Callable[[], Awaitable[None]]) -> None:
    import random
    import socket
    import uuid

    from kybern.base.clock import SystemClock
    from kybern.client.leader_election import LeaderElector

    identity = f"{socket.gethostname().lower()}_{uuid.uuid4()}"
    elector = LeaderElector(client, LEASE_NAME, identity, clock=SystemClock(), source=random.SystemRandom())
    await elector.run(callback)
