"""Deployment: rolls its Pods from one template to the next by sizing ReplicaSets."""

from collections.abc import Iterable, Sequence

import msgspec

from kybern.api.types.apps_v1 import Deployment, DeploymentStatus, ReplicaSet
from kybern.api.types.core_v1 import Pod
from kybern.base.errors import AlreadyExists, KybernError
from kybern.client.cache import CONTROLLER_INDEX, controller_index
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, controller_of
from kybern.client.plan import Create, Delete, Done, Outcome, Plan, Update
from kybern.client.watches import watch
from kybern.controllers import deployment_status as statuses
from kybern.controllers.claims import add_claims, decide_claims, verify_owner
from kybern.controllers.deployment_revisions import (
    brought_up_to_date,
    find_new,
    make_new,
    superfluous,
)
from kybern.controllers.deployment_sizes import (
    REVISION,
    is_rolling,
    is_scaling,
    new_size,
    proportional,
    resized,
    shrink_old,
    size,
    wanted,
)
from kybern.controllers.pods import is_terminal
from kybern.trace import Verdict

NAME = "deployment-controller"


def waiting_for(pod: Pod, cluster: Cluster) -> Iterable[Key]:
    """The Deployment that recreates, for it waits until the last old Pod is gone."""
    reference = controller_of(pod)
    if reference is None or reference.kind != ReplicaSet.KIND:
        return
    replica_set = cluster.get(ReplicaSet, Key(pod.metadata.namespace, reference.name))
    owner = controller_of(replica_set) if replica_set is not None else None
    if owner is not None and owner.kind == Deployment.KIND:
        key = Key(pod.metadata.namespace, owner.name)
        deployment = cluster.get(Deployment, key)
        if deployment is not None and not is_rolling(deployment):
            yield key


WATCHES = (
    watch(Deployment)
    .owns(ReplicaSet, adopting=lambda deployment: deployment.spec.selector)
    .also(Pod, waiting_for, changed=lambda new, old: is_terminal(new) != is_terminal(old))
    .indexed(Pod, CONTROLLER_INDEX, controller_index)
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Claim ReplicaSets, move the rollout one step, report."""
    deployment = cluster.get(Deployment, key)
    if deployment is None:
        return Done()
    owned = cluster.owned_by(deployment, ReplicaSet)
    orphans = cluster.orphans(ReplicaSet, key.namespace)
    claims = decide_claims(deployment, deployment.spec.selector, owned, orphans)
    if claims.adopted or claims.released:
        if claims.adopted:
            await verify_owner(cluster, deployment)
        plan = Plan(deployment)
        add_claims(plan, deployment, claims)
        return await cluster.apply(plan)
    pods = [pod for each in claims.owned for pod in cluster.owned_by(each, Pod)]
    plan = decide(deployment, claims.owned, pods, cluster.now())
    errors = await cluster.try_apply(plan)
    if errors:
        if plan.creates:
            await cluster.apply(decide_failure(deployment, plan.creates[0].obj.metadata.name, errors[0], cluster.now()))
        raise errors[0]
    return plan.outcome


def decide(deployment: Deployment, replica_sets: Sequence[ReplicaSet], pods: Sequence[Pod], now: float) -> Plan:
    """Pure: the next step. `pods` are those of all its ReplicaSets."""
    plan = Plan(deployment)
    new = find_new(deployment, replica_sets)
    old = [each for each in replica_sets if each is not new]
    if deployment.metadata.deletion_timestamp:
        _report(plan, deployment, statuses.counted(deployment, replica_sets, new, now), now)
        return plan
    paused = statuses.pause_condition(deployment, now)
    if paused is not None:
        plan.decide(Verdict.ACTED, "Paused" if deployment.spec.paused else "Resumed", "the pause is told")
        plan.status(msgspec.structs.replace(deployment, status=paused))
        return plan
    if deployment.spec.paused or is_scaling(deployment, replica_sets):
        _decide_scale(plan, deployment, new, old, now)
        return plan
    if new is None and not _must_wait_for_old(deployment, old, pods):
        _create(plan, deployment, old, now)
        return plan
    if new is not None:
        new = brought_up_to_date(deployment, new, old)
    sized_new, sized_old = _next_sizes(deployment, new, old, pods)
    _resize(plan, replica_sets, [*([sized_new] if sized_new else []), *sized_old])
    if not plan.updates and statuses.is_complete(deployment, deployment.status):
        plan.deletes += [Delete(each) for each in superfluous(deployment, old)]
    status = statuses.rolled_out(deployment, replica_sets, new, now)
    if new is not None and statuses.has_deadline(deployment) and statuses.progressing(status) is None:
        message = f'Found new replica set "{new.metadata.name}"'
        statuses.set_condition(status, "Progressing", "True", statuses.FOUND, message, now)
    _report(plan, deployment, status, now, new)
    return plan


def decide_failure(deployment: Deployment, name: str, error: KybernError, now: float) -> Plan:
    """Pure: what to report when the new ReplicaSet could not be created.

    Where another has taken its name, the collision count changes the hash and so the name of the next attempt.
    """
    plan = Plan(deployment)
    status = statuses.copied(deployment.status)
    if isinstance(error, AlreadyExists):
        status.collision_count = (status.collision_count or 0) + 1
        plan.decide(Verdict.FAILED, "HashCollision", f'"{name}" exists and is of another template')
    else:
        message = f'Failed to create new replica set "{name}": {error}'
        if statuses.has_deadline(deployment):
            statuses.set_condition(status, "Progressing", "False", statuses.CREATE_FAILED, message, now)
        plan.decide(Verdict.FAILED, statuses.CREATE_FAILED, message)
    if status != deployment.status:
        plan.status(msgspec.structs.replace(deployment, status=status))
    return plan


def _decide_scale(
    plan: Plan, deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet], now: float
) -> None:
    everything = [*old, *([new] if new is not None else [])]
    sized_new, sized_old = proportional(deployment, new, old)
    _resize(plan, everything, [*([sized_new] if sized_new else []), *sized_old])
    if deployment.spec.paused:
        plan.deletes += [Delete(each) for each in superfluous(deployment, old)]
    _report(plan, deployment, statuses.counted(deployment, everything, new, now), now)


def _next_sizes(
    deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet], pods: Sequence[Pod]
) -> tuple[ReplicaSet | None, list[ReplicaSet]]:
    """First grow, then shrink, one at a time: what is available decides the next step."""
    if not is_rolling(deployment):
        emptied = [resized(each, 0, deployment) if size(each) else each for each in old]
        if new is None or any(size(each) for each in old) or _must_wait_for_old(deployment, old, pods):
            return new, emptied
        return _sized(deployment, new, wanted(deployment)), emptied
    assert new is not None, "a rolling update creates the new ReplicaSet first"
    if size(new) > wanted(deployment):
        return _sized(deployment, new, wanted(deployment)), [*old]
    grown = _sized(deployment, new, new_size(deployment, new, [*old, new]))
    if size(grown) != size(new):
        return grown, [*old]
    return new, shrink_old(deployment, new, old)


def _sized(deployment: Deployment, replica_set: ReplicaSet, replicas: int) -> ReplicaSet:
    return replica_set if size(replica_set) == replicas else resized(replica_set, replicas, deployment)


def _must_wait_for_old(deployment: Deployment, old: Sequence[ReplicaSet], pods: Sequence[Pod]) -> bool:
    """Whether a recreation has to wait, for an old Pod still runs."""
    if is_rolling(deployment):
        return False
    uids = {each.metadata.uid for each in old}
    if any(size(each) or each.status.replicas for each in old):
        return True
    return any(not is_terminal(pod) and (owner := controller_of(pod)) is not None and owner.uid in uids for pod in pods)


def _create(plan: Plan, deployment: Deployment, old: Sequence[ReplicaSet], now: float) -> None:
    replicas = new_size(deployment, None, old)
    new = make_new(deployment, old, replicas)
    done = None
    if replicas:
        done = plan.notice(
            "Normal", "ScalingReplicaSet", f"Scaled up replica set {new.metadata.name} from 0 to {replicas}"
        )
    plan.creates.append(Create(new, done))
    status = statuses.counted(deployment, old, None, now)
    if statuses.has_deadline(deployment):
        message = f'Created new replica set "{new.metadata.name}"'
        statuses.set_condition(status, "Progressing", "True", statuses.CREATED, message, now)
    plan.status(msgspec.structs.replace(_numbered(deployment, new), status=status))
    plan.decide(
        Verdict.ACTED, statuses.CREATED, f"no ReplicaSet has the template: creating {new.metadata.name}", size=replicas
    )


def _numbered(deployment: Deployment, new: ReplicaSet) -> Deployment:
    """With the revision of its newest ReplicaSet. It is told with the status, which is no new generation."""
    revision = new.metadata.annotations[REVISION]
    if deployment.metadata.annotations.get(REVISION) == revision:
        return deployment
    annotations = {**deployment.metadata.annotations, REVISION: revision}
    return msgspec.structs.replace(
        deployment, metadata=msgspec.structs.replace(deployment.metadata, annotations=annotations)
    )


def _resize(plan: Plan, before: Sequence[ReplicaSet], after: Sequence[ReplicaSet]) -> None:
    known = {each.metadata.uid: each for each in before}
    for each in after:
        was = known[each.metadata.uid]
        if each is was:
            continue
        notice = None
        if size(each) != size(was):
            direction = "up" if size(each) > size(was) else "down"
            message = f"Scaled {direction} replica set {each.metadata.name} from {size(was)} to {size(each)}"
            notice = plan.notice("Normal", "ScalingReplicaSet", message)
            plan.decide(Verdict.ACTED, "ScalingReplicaSet", message)
        plan.updates.append(Update(each, done=notice))


def _report(
    plan: Plan, deployment: Deployment, status: DeploymentStatus, now: float, new: ReplicaSet | None = None
) -> None:
    """Write the status if it, or the revision of the `new` ReplicaSet, changed."""
    numbered = deployment if new is None else _numbered(deployment, new)
    if status != deployment.status or numbered is not deployment:
        plan.status(msgspec.structs.replace(numbered, status=status))
    pause = statuses.deadline_in(deployment, status, now)
    if pause is not None:
        plan.requeue(pause)
