"""`kybern scheduler`: the scheduler alone, against any conformant API server."""

import argparse
from typing import TYPE_CHECKING

from kybern.cli.parser import words_for
from kybern.cli.serving import add_serving, serving_of
from kybern.cli.values import add_boolean

if TYPE_CHECKING:
    from kybern.scheduler.config import SchedulerConfig

NAME = "scheduler"
HELP = "run the scheduler alone, against the API server of a kubeconfig"
PORT = 10259
AGENT = "kube-scheduler"


def configure(parser: argparse.ArgumentParser) -> None:
    """Upstream's names."""
    parser.add_argument("--kubeconfig", required=True, metavar="FILE", help="which API server, and as whom")
    parser.add_argument(
        "--config", metavar="FILE", help="a KubeSchedulerConfiguration (profiles, score weights, back-off)"
    )
    add_boolean(parser, "--leader-elect", True, "work only while holding the lease kube-system/kube-scheduler")
    add_serving(parser, PORT)


def execute(args: argparse.Namespace) -> int:
    """Until told to stop, or until leadership is lost."""
    import asyncio
    import socket
    import sys
    from dataclasses import replace

    import uvloop

    from kybern.base.garbage import collect_seldom
    from kybern.client.leader_election import LeadershipLost
    from kybern.scheduler.config_file import load

    config = replace(load(args.config), host=socket.gethostname())
    collect_seldom()
    status = 0
    try:
        uvloop.run(_run(config, args))
    except* asyncio.CancelledError:
        status = 0
    except* KeyboardInterrupt:
        status = 130
    except* LeadershipLost as group:
        print(f"kybern scheduler: {words_for(group)}", file=sys.stderr)
        status = 1
    return status


async def _run(config: "SchedulerConfig", args: argparse.Namespace) -> None:
    import asyncio
    import signal

    from kybern.base.clock import SystemClock
    from kybern.client.kubeconfig import client_from_kubeconfig
    from kybern.client.request_counts import RequestCounts
    from kybern.client.trace_shipper import ship_traces
    from kybern.scheduler.run import run

    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # The lease is let go on the way.
    counts = RequestCounts()
    serving = serving_of(args, AGENT, counts)
    client = client_from_kubeconfig(args.kubeconfig, user_agent=AGENT, counts=counts)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(ship_traces(client, clock=SystemClock()))
            group.create_task(run(config, client, leader_elect=args.leader_elect, serving=serving))
    finally:
        await client.close()
