"""The ControllerRevisions of a StatefulSet: the templates that its Pods come from. Pure but for `settle`.

The data is a strategic merge patch that puts the template back: `kubectl rollout undo` sends it as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from msgspec.structs import replace

from kybern.api.types import convert, to_dict
from kybern.api.types.apps_v1 import ControllerRevision, StatefulSet
from kybern.api.types.core_v1 import Pod, PodTemplateSpec
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.errors import AlreadyExists
from kybern.client.cluster import Cluster
from kybern.client.objects import controller_reference
from kybern.client.plan import Create, Delete, Plan, Update
from kybern.controllers.deployment_revisions import safe_encoded
from kybern.controllers.statefulset_pods import revision_of

HASH = "controller.kubernetes.io/hash"
_GO_ESCAPES = tuple((char.encode(), f"\\u{ord(char):04x}".encode()) for char in "<>&\u2028\u2029")
HISTORY_LIMIT = 10
"""Old revisions that are kept where spec.revisionHistoryLimit does not say (the API's default)."""


@dataclass(frozen=True, slots=True)
class Revisions:
    """What the Pods come from now, and what they shall come from."""

    current: ControllerRevision
    update: ControllerRevision
    collisions: int


def template_patch(stateful_set: StatefulSet) -> dict[str, Any]:
    patch = {"spec": {"template": {**to_dict(stateful_set.spec.template), "$patch": "replace"}}}
    ordered: dict[str, Any] = orjson.loads(orjson.dumps(patch, option=orjson.OPT_SORT_KEYS))
    return ordered


def template_of(revision: ControllerRevision) -> PodTemplateSpec:
    """The template that a revision holds."""
    plain = {key: value for key, value in revision.data["spec"]["template"].items() if key != "$patch"}
    return convert(plain, PodTemplateSpec)


def sorted_revisions(revisions: Sequence[ControllerRevision]) -> list[ControllerRevision]:
    """The oldest first."""
    return sorted(revisions, key=lambda each: (each.revision, each.metadata.creation_timestamp, each.metadata.name))


async def settle(cluster: Cluster, stateful_set: StatefulSet, known: Sequence[ControllerRevision]) -> Revisions:
    """Find or make the revision of the template as it is now. Raises what the server says."""
    collisions = stateful_set.status.collision_count or 0
    revisions = sorted_revisions(known)
    wanted = template_patch(stateful_set)
    number = revisions[-1].revision + 1 if revisions else 1
    same = [each for each in revisions if each.data == wanted]
    if same and same[-1] is revisions[-1]:
        update = same[-1]
    elif same:
        update = replace(same[-1], revision=number)
        plan = Plan(stateful_set)
        plan.updates.append(Update(update))
        await cluster.apply(plan)
    else:
        update, collisions = await _create(cluster, stateful_set, number, collisions)
    current = next((each for each in revisions if each.metadata.name == stateful_set.status.current_revision), update)
    return Revisions(current, update, collisions)


async def _create(
    cluster: Cluster, stateful_set: StatefulSet, number: int, collisions: int
) -> tuple[ControllerRevision, int]:
    """Another hash is tried where the name is taken by another template."""
    while True:
        new = make(stateful_set, number, collisions)
        plan = Plan(stateful_set)
        plan.creates.append(Create(new))
        try:
            await cluster.apply(plan)
            return new, collisions
        except AlreadyExists:
            there = await cluster.client.get(ControllerRevision, new.metadata.name, new.metadata.namespace)
            if there.data == new.data:
                return there, collisions
            collisions += 1


def fnv1(data: bytes) -> int:
    """The 32-bit hash of Fowler, Noll and Vo that multiplies first (http://www.isthe.com/chongo/tech/comp/fnv)."""
    digest = 0x811C9DC5
    for byte in data:
        digest = digest * 0x01000193 & 0xFFFFFFFF ^ byte
    return digest


def revision_hash(data: dict[str, Any], collisions: int) -> str:
    """Of the data as Go writes it, and the number of collisions: the name is upstream's (pkg/controller/history)."""
    encoded = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    for character, escaped in _GO_ESCAPES:
        encoded = encoded.replace(character, escaped)
    return safe_encoded(fnv1(encoded + str(collisions).encode()))


def make(stateful_set: StatefulSet, number: int, collisions: int) -> ControllerRevision:
    data = template_patch(stateful_set)
    digest = revision_hash(data, collisions)
    meta = stateful_set.metadata
    return ControllerRevision(
        metadata=ObjectMeta(
            name=f"{meta.name}-{digest}",
            namespace=meta.namespace,
            labels={**stateful_set.spec.template.metadata.labels, HASH: digest},
            annotations=dict(meta.annotations),
            owner_references=[controller_reference(stateful_set)],
        ),
        data=data,
        revision=number,
    )


def tidy(
    plan: Plan,
    stateful_set: StatefulSet,
    revisions: Revisions,
    known: Sequence[ControllerRevision],
    pods: Sequence[Pod],
) -> None:
    """Forget the oldest revisions that nothing comes from any more."""
    live = {revision_of(pod) for pod in pods}
    live |= {revisions.current.metadata.name, revisions.update.metadata.name}
    unused = [each for each in sorted_revisions(known) if each.metadata.name not in live]
    limit = stateful_set.spec.revision_history_limit
    excess = len(unused) - (HISTORY_LIMIT if limit is None else limit)
    if excess > 0:
        plan.deletes += [Delete(each) for each in unused[:excess]]
