"""How many Pods the controllers of some Pods want."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from kybern.api.types.apps_v1 import Deployment, ReplicaSet, StatefulSet
from kybern.api.types.core_v1 import Pod, ReplicationController
from kybern.api.types.meta_v1 import OwnerReference
from kybern.base.errors import KybernError, NotFound
from kybern.client.client import path_of
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, controller_of
from kybern.controllers.scale_targets import resource_of_kind


class NoScale(KybernError):
    """A Pod's controller does not say how many Pods it wants."""


class _Scaled(Protocol):
    metadata: Any
    spec: Any


@dataclass(frozen=True, slots=True)
class Expected:
    """`unmanaged` names the Pods that nobody controls."""

    count: int
    unmanaged: Sequence[str]


async def expected_scale(cluster: Cluster, pods: Sequence[Pod]) -> Expected:
    """The sum over all controllers of the Pods. Raises NoScale, and what the server says of a scale."""
    scales: dict[str, int] = {}
    asked: set[str] = set()
    unmanaged: list[str] = []
    for pod in pods:
        owner = controller_of(pod)
        if owner is None:
            unmanaged.append(pod.metadata.name)
        elif owner.uid not in asked:
            asked.add(owner.uid)
            found = _known(cluster, owner, pod.metadata.namespace) or await _scale(
                cluster, owner, pod.metadata.namespace
            )
            if found is None:
                raise NoScale(f'found no controllers for pod "{pod.metadata.name}"')
            scales[found[0]] = found[1]
    return Expected(sum(scales.values()), unmanaged)


def _known(cluster: Cluster, owner: OwnerReference, namespace: str) -> tuple[str, int] | None:
    """(uid, wanted) of a controller that is watched; a ReplicaSet's Deployment stands for it."""
    key, group = Key(namespace, owner.name), owner.api_version.partition("/")[0]
    found: _Scaled | None = None
    if (group, owner.kind) == ("apps", "ReplicaSet"):
        replica_set = cluster.get(ReplicaSet, key)
        above = controller_of(replica_set) if replica_set is not None else None
        if above is not None and above.kind == "Deployment":
            deployment = cluster.get(Deployment, Key(namespace, above.name))
            return _wanted(deployment, above.uid)
        found = replica_set
    elif (group, owner.kind) == ("apps", "StatefulSet"):
        found = cluster.get(StatefulSet, key)
    elif (owner.api_version, owner.kind) == ("v1", "ReplicationController"):
        found = cluster.get(ReplicationController, key)
    return _wanted(found, owner.uid)


def _wanted(found: _Scaled | None, uid: str) -> tuple[str, int] | None:
    if found is None or found.metadata.uid != uid:
        return None
    return uid, 1 if found.spec.replicas is None else found.spec.replicas


async def _scale(cluster: Cluster, owner: OwnerReference, namespace: str) -> tuple[str, int] | None:
    """(uid, wanted) of any other controller, by its scale subresource."""
    named = await resource_of_kind(cluster.client, owner.api_version, owner.kind)
    if named is None:
        group = owner.api_version.rpartition("/")[0]
        raise NoScale(f'no matches for kind "{owner.kind}" in group "{group}"')
    try:
        scale = orjson.loads(await cluster.client.call("GET", path_of(named, namespace, owner.name, "scale")))
    except NotFound:
        exists = await _exists(cluster, path_of(named, namespace, owner.name))
        if exists:
            shown = f"{owner.api_version}, Resource={named.plural}"
            raise NoScale(f"{shown} does not implement the scale subresource") from None
        return None
    if scale["metadata"]["uid"] != owner.uid:
        return None
    return owner.uid, int((scale.get("spec") or {}).get("replicas") or 0)


async def _exists(cluster: Cluster, path: str) -> bool:
    try:
        await cluster.client.call("GET", path)
    except NotFound:
        return False
    return True
