"""ReplicationController: the ReplicaSet of old, whose selector has labels only. It decides as ReplicaSets do."""

from typing import ClassVar

from msgspec.structs import asdict, replace

from kybern.api.types import convert, to_dict
from kybern.api.types.apps_v1 import ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus
from kybern.api.types.core_v1 import Pod, ReplicationController, ReplicationControllerStatus
from kybern.api.types.meta_v1 import LabelSelector
from kybern.client.cluster import Cluster, Failed
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome
from kybern.client.watches import watch
from kybern.controllers.claims import add_claims, decide_claims, verify_owner
from kybern.controllers.replicas import decide, decide_status, failure_of

NAME = "replication-controller"
WATCHES = watch(ReplicationController).owns(Pod, adopting=lambda controller: selector_of(controller))


class AsReplicaSet(ReplicaSet):
    """A ReplicationController in the form that the decisions read; events and owners name what it is."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ReplicationController"


def selector_of(controller: ReplicationController) -> LabelSelector | None:
    """None for an empty selector, which selects nothing here."""
    return LabelSelector(match_labels=controller.spec.selector) if controller.spec.selector else None


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Claim Pods, bring their number to spec.replicas, report."""
    controller = cluster.get(ReplicationController, key)
    if controller is None:
        return Done()
    owned = cluster.owned_by(controller, Pod)
    claims = decide_claims(controller, selector_of(controller), owned, cluster.orphans(Pod, key.namespace))
    if claims.adopted:
        await verify_owner(cluster, controller)
    adapted = adapt(controller)
    plan = decide(adapted, claims.owned, cluster.now(), peers=owned)
    add_claims(plan, controller, claims)
    errors = await cluster.try_apply(plan)
    report = decide_status(adapted, claims.owned, cluster.now(), failure=failure_of(plan, errors))
    if report.status_updates:
        written = report.status_updates.pop()
        status = status_of(written.obj)
        if status != controller.status:
            report.status(replace(controller, status=status))
    if report.writes:
        await cluster.apply(report)
    if errors:
        raise Failed(errors)
    return report.outcome


def adapt(controller: ReplicationController) -> AsReplicaSet:
    """The same in the newer form."""
    spec, status = controller.spec, controller.status
    return AsReplicaSet(
        metadata=controller.metadata,
        spec=ReplicaSetSpec(
            replicas=spec.replicas,
            min_ready_seconds=spec.min_ready_seconds,
            selector=selector_of(controller) or LabelSelector(),
            template=spec.template,
        ),
        status=ReplicaSetStatus(
            replicas=status.replicas,
            fully_labeled_replicas=status.fully_labeled_replicas,
            ready_replicas=status.ready_replicas,
            available_replicas=status.available_replicas,
            observed_generation=status.observed_generation,
            conditions=[ReplicaSetCondition(**asdict(each)) for each in status.conditions],
        ),
    )


def status_of(adapted: object) -> ReplicationControllerStatus:
    """Back to the older form, which knows no terminating Pods."""
    assert isinstance(adapted, ReplicaSet)
    return convert(to_dict(adapted.status), ReplicationControllerStatus)
