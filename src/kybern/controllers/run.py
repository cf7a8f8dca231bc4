"""The table of all controllers, and one process that runs those that were asked for, over shared caches."""

import asyncio
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kybern.base.clock import Clock, SystemClock
from kybern.base.ids import Ids, RandomIds
from kybern.client.client import Client
from kybern.client.events import EventRecorder
from kybern.client.factory import InformerFactory
from kybern.client.leader_election import LeaderElector
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
from kybern.controllers.node_ranges import Masks, ranges_of_flags

LEASE_NAME = "kube-controller-manager"


@dataclass(frozen=True, slots=True)
class Config:
    """Upstream's flags and defaults, where it has them."""

    controllers: tuple[str, ...] = ("*",)
    """Names to run: `*` is all, `-NAME` is not that one."""
    allocate_node_cidrs: bool = False
    """Nodes get their ranges of Pod addresses from here; a network add-on may bring its own."""
    cluster_cidr: str = ""
    """Of all Pods: one range, or one of each family, comma-separated."""
    node_cidr_masks: Masks = field(default_factory=Masks)
    service_cluster_ip_range: str = ""
    """Ranges, comma-separated, that no Node gets."""
    root_ca_file: str = ""
    """PEM bundle for the ConfigMap kube-root-ca.crt; "": none is published."""
    service_account_private_key_file: str = ""
    """Signs the tokens that are kept in Secrets; "": such Secrets are not filled."""
    legacy_token_clean_up_seconds: float = legacy_token_cleaner.CLEAN_UP_SECONDS
    """For how long a token stays that came without asking and that nobody uses."""
    cluster_signing_cert_file: str = ""
    """PEM of the authority of the built-in certificate signers; "": nothing is signed."""
    cluster_signing_key_file: str = ""
    cluster_signing_duration_seconds: float = csr_signing.YEAR_SECONDS
    node_monitor_grace_period_seconds: float = 50.0
    node_startup_grace_period_seconds: float = 60.0
    terminated_pod_gc_threshold: int = 12500
    leader_elect: bool = False
    identity: str = ""
    """Of the candidate for the lease; "": the host's name and a random part."""


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
    """The names to run. Raises ValueError for a name that no controller has."""
    unknown = [each for each in controllers if each != "*" and each.removeprefix("-") not in NAMES]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not in the list of known controllers: {', '.join(NAMES)}")
    everything = "*" in controllers
    return [
        name
        for name in NAMES
        if name in controllers or (everything and name not in ON_DEMAND and f"-{name}" not in controllers)
    ]


async def run(
    config: Config,
    client: Client,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    source: random.Random | None = None,
) -> None:
    """Run until cancelled; with leader election, only while leading (raises LeadershipLost after that)."""
    clock = clock or SystemClock()
    source = source or random.SystemRandom()
    ids = ids or RandomIds(source)
    async with asyncio.TaskGroup() as group:
        group.create_task(ship_traces(client, clock=clock))
        if not config.leader_elect:
            group.create_task(run_all(config, client, clock, ids, source))
            return
        events = EventRecorder(client, LEASE_NAME, clock=clock)
        group.create_task(events.run())
        identity = config.identity or f"{socket.gethostname().lower()}_{ids.uid()}"
        elector = LeaderElector(client, LEASE_NAME, identity, clock=clock, source=source, events=events)
        group.create_task(elector.run(lambda: run_all(config, client, clock, ids, source)))


async def run_all(config: Config, client: Client, clock: Clock, ids: Ids, source: random.Random) -> None:
    """The chosen controllers over one set of caches."""
    names = chosen(config.controllers)
    if not config.allocate_node_cidrs:
        names = [name for name in names if name != "node-ipam-controller"]
    if not config.root_ca_file:
        names = [name for name in names if name != "root-ca-certificate-publisher-controller"]
    if not (config.cluster_signing_cert_file and config.cluster_signing_key_file):
        names = [name for name in names if name != csr_signing.NAME]
    if not config.service_account_private_key_file:
        names = [name for name in names if name != service_account_tokens.NAME]
    factory = InformerFactory(client, clock=clock, source=source)
    # The loops make the kinds' own informers first; the garbage collector then shares them.
    made = [CONTROLLERS[name](config) for name in names if name in CONTROLLERS]
    controllers = [each for one in made for each in (one if isinstance(one, tuple) else (one,))]
    loops = [Loop(each, client, factory, clock=clock, ids=ids) for each in controllers]
    async with asyncio.TaskGroup() as group:
        group.create_task(factory.run())
        for loop in loops:
            group.create_task(loop.run())
        if GARBAGE_COLLECTOR in names:
            collector = garbage_collector.GarbageCollector(client, factory, clock=clock)
            group.create_task(collector.run())
