"""ResourceQuota: `status.used` is what there is, `status.hard` what is enforced (pkg/controller/resourcequota).

Admission adds to what is used before an object is stored; this loop takes away what is gone, by counting anew.
"""

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from msgspec.structs import replace

from kybern.api.quota import Evaluator, evaluator_of, matches_quota
from kybern.api.quota.amounts import Amounts, add, equal, masked
from kybern.api.types import ResourceName, to_dict
from kybern.api.types.apps_v1 import Deployment, ReplicaSet, StatefulSet
from kybern.api.types.batch_v1 import CronJob, Job
from kybern.api.types.core_v1 import (
    ConfigMap,
    PersistentVolumeClaim,
    Pod,
    ResourceQuota,
    ResourceQuotaStatus,
    Service,
)
from kybern.client.client import Client, path_of
from kybern.client.cluster import Cluster
from kybern.client.discovery import discover
from kybern.client.objects import Key, key_of
from kybern.client.plan import Done, Outcome, Plan
from kybern.client.watches import KeysOf, watch
from kybern.trace import Verdict

NAME = "resourcequota-controller"
WORKERS = 5
RESYNC_SECONDS = 300.0
"""Upstream's --resource-quota-sync-period."""
RECOUNT_SECONDS = 5.0
"""Resources whose deletions this loop does not see are counted again so often."""

_MEASURED: dict[str, type[Any]] = {
    "pods": Pod,
    "services": Service,
    "persistentvolumeclaims": PersistentVolumeClaim,
}
"""Counted object by object."""
_FOLLOWED: dict[str, type[Any]] = {
    "configmaps": ConfigMap,
    "deployments.apps": Deployment,
    "replicasets.apps": ReplicaSet,
    "statefulsets.apps": StatefulSet,
    "jobs.batch": Job,
    "cronjobs.batch": CronJob,
}
"""Counted by number, from caches that other loops have anyway."""


def _quotas_of(kind: type[Any], *, changes: bool) -> KeysOf:
    """The quotas of a namespace, when something there went away (or, with `changes`, changed)."""

    def keys(obj: Any, cluster: Cluster) -> Iterable[Key]:
        if changes or cluster.get(kind, key_of(obj)) is None:
            return [key_of(quota) for quota in cluster.list(ResourceQuota, obj.metadata.namespace)]
        return ()

    return keys


def _frees(new: Pod, old: Pod) -> bool:
    """Whether a Pod's change may free something."""
    finished = ("Failed", "Succeeded")
    return (
        (new.status.phase in finished) != (old.status.phase in finished)
        or new.spec.active_deadline_seconds != old.spec.active_deadline_seconds
        or [each.resources for each in new.spec.containers] != [each.resources for each in old.spec.containers]
    )


WATCHES = (
    watch(ResourceQuota, changed=lambda new, old: new.spec != old.spec or new.spec.hard != new.status.hard)
    .also(Pod, _quotas_of(Pod, changes=False), changed=lambda new, old: False)
    .also(Pod, _quotas_of(Pod, changes=True), changed=_frees)
    .also(Service, _quotas_of(Service, changes=True), changed=lambda new, old: new.spec.type != old.spec.type)
    .also(
        PersistentVolumeClaim,
        _quotas_of(PersistentVolumeClaim, changes=True),
        changed=lambda new, old: new.spec.resources != old.spec.resources or new.status != old.status,
    )
)
for _kind in _FOLLOWED.values():
    WATCHES = WATCHES.also(_kind, _quotas_of(_kind, changes=False), changed=lambda new, old: False)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Count, and write what differs."""
    quota = cluster.get(ResourceQuota, key)
    if quota is None:
        return Done()
    hard = quota.spec.hard
    others, complete = await _others(cluster, key.namespace, hard)
    used = measured(to_dict(quota), lambda name: _objects(cluster, key.namespace, name), others, cluster.now())
    plan = decide(quota, used)
    plan.requeue(RESYNC_SECONDS if complete else RECOUNT_SECONDS)
    return await cluster.apply(plan) if plan.writes else plan.outcome


def _objects(cluster: Cluster, namespace: str, group_resource: str) -> list[dict[str, Any]]:
    kind = _MEASURED[group_resource]
    return [to_dict(each) for each in cluster.list(kind, namespace)]


def measured(
    quota: dict[str, Any],
    objects: Callable[[str], Iterable[dict[str, Any]]],
    counted: Amounts,
    now: float,
) -> dict[str, str]:
    """What is used of everything in `spec.hard`. Pure: `objects` gives those of `pods`, …; `counted` the numbers."""
    hard = (quota.get("spec") or {}).get("hard") or {}
    used = dict.fromkeys(hard, "0") | masked(counted, hard)
    for group_resource in _MEASURED:
        evaluator: Evaluator = evaluator_of(group_resource)
        if not evaluator.names(hard):
            continue
        for obj in objects(group_resource):
            if matches_quota(quota, obj, evaluator.in_scope):
                used = add(used, masked(evaluator.usage(obj, now), hard))
    return used


def decide(quota: ResourceQuota, used: dict[str, str]) -> Plan:
    """Pure: write the status where it says something else."""
    plan = Plan(quota)
    hard = quota.spec.hard
    if equal(quota.status.hard, hard) and equal(quota.status.used, used):
        return plan
    plan.status(replace(quota, status=ResourceQuotaStatus(hard=dict(hard), used=used)))
    plan.decide(Verdict.ACTED, "UsageChanged", f"{len(used)} resources were counted anew")
    return plan


async def _others(cluster: Cluster, namespace: str, hard: Iterable[str]) -> tuple[dict[str, str], bool]:
    """Numbers of what is counted only; whether all of it is followed by caches."""
    counted: dict[str, str] = {}
    complete = True
    for name in hard:
        group_resource = name.removeprefix("count/")
        if group_resource in _FOLLOWED:
            counted[name] = str(len(cluster.list(_FOLLOWED[group_resource], namespace)))
        elif _is_counted(name, group_resource):
            complete = False
            counted[name] = str(await _count(cluster.client, group_resource, namespace))
    return counted, complete


def _is_counted(name: str, group_resource: str) -> bool:
    if any(evaluator_of(measured).counts(name) for measured in _MEASURED):
        return False
    return name.startswith("count/") or evaluator_of(group_resource).counts(name)


async def _count(client: Client, group_resource: str, namespace: str) -> int:
    """How many there are now, of whatever the server has under this name; 0 of what it does not have."""
    plural, _, group = group_resource.partition(".")
    resource = await _named(client, group, plural)
    if resource is None or not resource.namespaced:
        return 0
    answer = orjson.loads(await client.call("GET", path_of(resource, namespace), {"limit": "1"}))
    return len(answer.get("items") or ()) + int((answer.get("metadata") or {}).get("remainingItemCount") or 0)


async def _named(client: Client, group: str, plural: str) -> ResourceName | None:
    if not group and plural in _CORE:
        return ResourceName("", "v1", plural, _CORE[plural], True)
    found = await discover(client)
    return next((each.name for each in found.resources if (each.name.group, each.name.plural) == (group, plural)), None)


_CORE = {
    "secrets": "Secret",
    "replicationcontrollers": "ReplicationController",
    "resourcequotas": "ResourceQuota",
    "serviceaccounts": "ServiceAccount",
}
