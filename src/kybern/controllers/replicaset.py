"""ReplicaSet: keeps spec.replicas Pods alive."""

from kybern.api.types.apps_v1 import ReplicaSet
from kybern.api.types.core_v1 import Pod
from kybern.client.cache import CONTROLLER_INDEX, controller_index
from kybern.client.cluster import Cluster, Failed
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome
from kybern.client.watches import watch
from kybern.controllers.claims import add_claims, decide_claims, verify_owner
from kybern.controllers.replicas import decide, decide_status, failure_of

NAME = "replicaset-controller"
WATCHES = (
    watch(ReplicaSet)
    .owns(Pod, adopting=lambda replica_set: replica_set.spec.selector)
    .indexed(ReplicaSet, CONTROLLER_INDEX, controller_index)
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Claim Pods, bring their number to spec.replicas, report."""
    replica_set = cluster.get(ReplicaSet, key)
    if replica_set is None:
        return Done()
    owned = cluster.owned_by(replica_set, Pod)
    claims = decide_claims(replica_set, replica_set.spec.selector, owned, cluster.orphans(Pod, key.namespace))
    if claims.adopted:
        await verify_owner(cluster, replica_set)
    plan = decide(replica_set, claims.owned, cluster.now(), peers=_peers(cluster, replica_set) or owned)
    add_claims(plan, replica_set, claims)
    errors = await cluster.try_apply(plan)
    report = decide_status(replica_set, claims.owned, cluster.now(), failure=failure_of(plan, errors))
    if report.writes:
        await cluster.apply(report)
    if errors:
        raise Failed(errors)
    return report.outcome


def _peers(cluster: Cluster, replica_set: ReplicaSet) -> list[Pod]:
    """All Pods of all ReplicaSets that this one's controller (a Deployment) controls."""
    siblings = [
        each
        for reference in replica_set.metadata.owner_references
        if reference.controller
        for each in cluster.by_index(ReplicaSet, CONTROLLER_INDEX, reference.uid)
    ]
    return [pod for each in siblings for pod in cluster.owned_by(each, Pod)]
