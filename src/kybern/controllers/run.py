"""The table of all controllers, and one process that runs those that were asked for, over shared caches."""

import asyncio
import logging
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kybern.base.clock import Clock, SystemClock
from kybern.base.ids import Ids, RandomIds
from kybern.client.client import Client
from kybern.client.events import EventRecorder
from kybern.client.factory import InformerFactory
from kybern.client.leader_election import LeaderElector
from kybern.client.queue_counts import QueueCounts
from kybern.client.reconciler import Controller, Loop, controller_of_module
from kybern.client.trace_shipper import ship_traces
from kybern.controllers import (
    admission_policy_status,
    autoscaler,
    bootstrap_tokens,
    cluster_role_aggregation,
    cronjob,
    csr_approving,
    csr_cleaner,
    csr_signing,
    daemonset,
    deployment,
    disruption,
    endpoints,
    endpointslice,
    endpointslice_mirroring,
    ephemeral_volume,
    garbage_collector,
    job,
    legacy_token_cleaner,
    namespace,
    node_ipam,
    node_lifecycle,
    node_ttl,
    pod_gc,
    replicaset,
    replication_controller,
    resource_claim_release,
    resource_claims,
    resource_quota,
    root_ca,
    service_account,
    service_account_tokens,
    service_cidr,
    stale_disruption,
    statefulset,
    taint_eviction,
    ttl_after_finished,
    volume_binder,
    volume_protection,
    volume_release,
)
from kybern.controllers.config import Config
from kybern.controllers.configz import configz
from kybern.controllers.names import ALIASES, ELSEWHERE, QUEUES
from kybern.controllers.node_ranges import ranges_of_flags
from kybern.serving.health import Check, Health, well
from kybern.serving.server import Serving, Told, serve

log = logging.getLogger(__name__)

LEASE_NAME = "kube-controller-manager"


def _node_lifecycle(config: Config) -> Controller:
    return node_lifecycle.controller(
        node_lifecycle.Config(
            grace_seconds=config.node_monitor_grace_period_seconds,
            startup_grace_seconds=config.node_startup_grace_period_seconds,
        )
    )


def _node_ipam(config: Config) -> Controller:
    return node_ipam.controller(
        node_ipam.Config(
            ranges=ranges_of_flags(config.cluster_cidr, config.node_cidr_masks),
            service_cidrs=tuple(filter(None, config.service_cluster_ip_range.split(","))),
        )
    )


CONTROLLERS: dict[str, Callable[[Config], Controller | tuple[Controller, ...]]] = {
    cluster_role_aggregation.NAME: lambda config: controller_of_module(cluster_role_aggregation),
    csr_approving.NAME: lambda config: controller_of_module(csr_approving),
    csr_cleaner.NAME: lambda config: controller_of_module(csr_cleaner),
    csr_signing.NAME: lambda config: csr_signing.controller(
        config.cluster_signing_cert_file,
        config.cluster_signing_key_file,
        config.cluster_signing_duration_seconds,
    ),
    "cronjob-controller": lambda config: controller_of_module(cronjob),
    "daemonset-controller": lambda config: daemonset.controller(),
    "deployment-controller": lambda config: controller_of_module(deployment),
    "disruption-controller": lambda config: (
        controller_of_module(disruption),
        controller_of_module(stale_disruption),
    ),
    "endpoints-controller": lambda config: controller_of_module(endpoints),
    "endpointslice-controller": lambda config: controller_of_module(endpointslice),
    endpointslice_mirroring.NAME: lambda config: controller_of_module(endpointslice_mirroring),
    ephemeral_volume.NAME: lambda config: controller_of_module(ephemeral_volume),
    "horizontal-pod-autoscaler-controller": lambda config: autoscaler.controller(),
    "job-controller": lambda config: job.controller(),
    legacy_token_cleaner.NAME: lambda config: legacy_token_cleaner.controller(config.legacy_token_clean_up_seconds),
    "namespace-controller": lambda config: controller_of_module(namespace),
    "node-ipam-controller": _node_ipam,
    "node-lifecycle-controller": _node_lifecycle,
    node_ttl.NAME: lambda config: node_ttl.controller(),
    "persistentvolume-binder-controller": lambda config: (
        controller_of_module(volume_binder),
        controller_of_module(volume_release),
    ),
    "persistentvolume-protection-controller": lambda config: volume_protection.volumes(),
    "persistentvolumeclaim-protection-controller": lambda config: volume_protection.claims(),
    "volumeattributesclass-protection-controller": lambda config: volume_protection.classes(),
    bootstrap_tokens.SIGNER: lambda config: bootstrap_tokens.signer(),
    bootstrap_tokens.CLEANER: lambda config: bootstrap_tokens.cleaner(),
    "pod-garbage-collector-controller": lambda config: pod_gc.controller(
        terminated_limit=config.terminated_pod_gc_threshold
    ),
    "replicaset-controller": lambda config: controller_of_module(replicaset),
    resource_claims.NAME: lambda config: (
        controller_of_module(resource_claims),
        controller_of_module(resource_claim_release),
    ),
    resource_quota.NAME: lambda config: controller_of_module(resource_quota),
    "replicationcontroller-controller": lambda config: controller_of_module(replication_controller),
    "root-ca-certificate-publisher-controller": lambda config: root_ca.controller(
        Path(config.root_ca_file).read_text()
    ),
    service_account_tokens.NAME: lambda config: service_account_tokens.controller(
        config.service_account_private_key_file,
        Path(config.root_ca_file).read_text() if config.root_ca_file else "",
    ),
    service_cidr.NAME: lambda config: controller_of_module(service_cidr),
    "serviceaccount-controller": lambda config: controller_of_module(service_account),
    "statefulset-controller": lambda config: controller_of_module(statefulset),
    "taint-eviction-controller": lambda config: taint_eviction.controller(),
    "ttl-after-finished-controller": lambda config: controller_of_module(ttl_after_finished),
    admission_policy_status.NAME: lambda config: controller_of_module(admission_policy_status),
}
"""By upstream's names (kube-controller-manager --help)."""

GARBAGE_COLLECTOR = "garbage-collector-controller"
"""It follows every resource, so it is no `Controller` of one."""

NAMES = (*CONTROLLERS, GARBAGE_COLLECTOR)

ON_DEMAND = (bootstrap_tokens.SIGNER, bootstrap_tokens.CLEANER)
"""Run only where they are named; `*` leaves them out, as upstream does."""


def chosen(controllers: Sequence[str]) -> list[str]:
    """The names to run. Raises ValueError for a name that no controller of upstream's has."""
    asked = [f"{'-' * each.startswith('-')}{_full(each)}" for each in controllers]
    unknown = [each.removeprefix("-") for each in controllers if _full(each) not in (*NAMES, *ELSEWHERE, "*")]
    if unknown:
        faults = [f'"{each}" is not in the list of known controllers' for each in unknown]
        raise ValueError(faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")
    everything = "*" in asked
    return [
        name for name in NAMES if name in asked or (everything and name not in ON_DEMAND and f"-{name}" not in asked)
    ]


def _full(name: str) -> str:
    name = name.removeprefix("-")
    return ALIASES.get(name, name)


async def run(
    config: Config,
    client: Client,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    source: random.Random | None = None,
    serving: Serving | None = None,
) -> None:
    """Run until cancelled; with leader election, only while leading (raises LeadershipLost after that).

    `serving`: where it is told how they are. Raises OSError where that cannot be had.
    """
    clock = clock or SystemClock()
    source = source or random.SystemRandom()
    ids = ids or RandomIds(source)
    counts = QueueCounts(clock) if serving is not None else None
    checks: dict[str, Check] = {}
    elector = None
    async with asyncio.TaskGroup() as group:
        if config.leader_elect:
            events = EventRecorder(client, LEASE_NAME, clock=clock)
            group.create_task(events.run())
            identity = config.identity or f"{socket.gethostname().lower()}_{ids.uid()}"
            elector = LeaderElector(client, LEASE_NAME, identity, clock=clock, source=source, events=events)
            checks["leaderElection"] = elector.check
        if serving is not None and counts is not None:
            sources = (counts.families, elector.families) if elector is not None else (counts.families,)
            health = Health({"healthz": checks})
            group.create_task(serve(serving, Told(LEASE_NAME, health, configz(config), sources), clock))
        group.create_task(ship_traces(client, clock=clock))
        work = _Work(config, client, clock, ids, source, counts, checks)
        group.create_task(work.run() if elector is None else elector.run(work.run))


async def run_all(config: Config, client: Client, clock: Clock, ids: Ids, source: random.Random) -> None:
    """The chosen controllers over one set of caches, and nothing else."""
    await _Work(config, client, clock, ids, source).run()


@dataclass(frozen=True, slots=True)
class _Work:
    """The chosen controllers over one set of caches."""

    config: Config
    client: Client
    clock: Clock
    ids: Ids
    source: random.Random
    counts: QueueCounts | None = None
    checks: dict[str, Check] = field(default_factory=dict)
    """Health: each controller that runs has its place."""

    async def run(self) -> None:
        names = self._names()
        self.checks.update(dict.fromkeys(names, well))
        factory = InformerFactory(self.client, clock=self.clock, source=self.source)
        # The loops make the kinds' own informers first; the garbage collector then shares them.
        loops = [loop for name in names if name in CONTROLLERS for loop in self._loops(name, factory)]
        async with asyncio.TaskGroup() as group:
            group.create_task(factory.run())
            for loop in loops:
                group.create_task(loop.run())
            if GARBAGE_COLLECTOR in names:
                (queue,) = QUEUES[GARBAGE_COLLECTOR]
                collector = garbage_collector.GarbageCollector(
                    self.client, factory, clock=self.clock, queue=queue, counts=self.counts
                )
                group.create_task(collector.run())

    def _names(self) -> list[str]:
        """Those that have what they need."""
        config = self.config
        lacking = set()
        if not config.allocate_node_cidrs:
            lacking.add("node-ipam-controller")
        if not config.root_ca_file:
            lacking.add("root-ca-certificate-publisher-controller")
        if not (config.cluster_signing_cert_file and config.cluster_signing_key_file):
            lacking.add(csr_signing.NAME)
        if not config.service_account_private_key_file:
            lacking.add(service_account_tokens.NAME)
        for name in config.controllers:
            if _full(name) in ELSEWHERE and not name.startswith("-"):
                log.warning("%s is not built: nobody does its work", _full(name))
        return [name for name in chosen(config.controllers) if name not in lacking]

    def _loops(self, name: str, factory: InformerFactory) -> Iterator[Loop]:
        made = CONTROLLERS[name](self.config)
        controllers = made if isinstance(made, tuple) else (made,)
        for controller, queue in zip(controllers, QUEUES.get(name, (name,)), strict=True):
            yield Loop(
                controller,
                self.client,
                factory,
                clock=self.clock,
                ids=self.ids,
                queue=queue,
                counts=self.counts,
            )
