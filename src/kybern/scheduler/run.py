"""The component: the loop, alone or only while it leads, and the server that tells how it is."""

import asyncio
import random
import socket
import uuid
from collections.abc import Mapping

from kybern.base.clock import Clock, SystemClock
from kybern.client.client import Client
from kybern.client.leader_election import LeaderElector
from kybern.scheduler.config import SchedulerConfig
from kybern.scheduler.configz import configz
from kybern.scheduler.loop import Scheduler
from kybern.serving.health import Check, Health, well
from kybern.serving.server import Serving, Told, serve

LEASE_NAME = "kube-scheduler"


async def run(
    config: SchedulerConfig,
    client: Client,
    clock: Clock | None = None,
    *,
    leader_elect: bool = False,
    serving: Serving | None = None,
) -> None:
    """Until cancelled; with leader election it works only while it leads (raises LeadershipLost after that).

    `serving`: where it is told how it is. Raises OSError where that cannot be had.
    """
    clock = clock or SystemClock()
    source = random.Random(config.seed) if config.seed is not None else random.SystemRandom()
    scheduler = Scheduler(config, client, clock, source)
    elector = None
    if leader_elect:
        identity = f"{socket.gethostname().lower()}_{uuid.uuid4()}"
        elector = LeaderElector(client, LEASE_NAME, identity, clock=clock, source=source)
    async with asyncio.TaskGroup() as group:
        if serving is not None:
            sources = (scheduler.metrics.families, *((elector.families,) if elector is not None else ()))
            health = Health(_checks(scheduler, elector))
            told = Told(LEASE_NAME, health, configz(config, leader_elect=leader_elect), sources)
            group.create_task(serve(serving, told, clock))
        group.create_task(scheduler.run() if elector is None else elector.run(scheduler.run))


def _checks(scheduler: Scheduler, elector: LeaderElector | None) -> Mapping[str, Mapping[str, Check]]:
    """By path. One that waits for the lease has seen nothing yet, and is as ready as it should be."""

    def seen() -> str:
        waits = elector is not None and not elector.leading
        return "" if scheduler.synced or waits else "handlers are not fully synchronized"

    election: dict[str, Check] = {"leaderElection": elector.check} if elector is not None else {}
    alive: dict[str, Check] = {"ping": well}
    return {
        "healthz": election or alive,
        "livez": alive,
        "readyz": {**election, "shutdown": well, "sched-handler-sync": seen},
    }
