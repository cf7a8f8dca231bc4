"""The ReplicaSet's decisions."""

import pytest

from kybern.api.types.apps_v1 import ReplicaSet, ReplicaSetSpec, ReplicaSetStatus
from kybern.api.types.core_v1 import Pod, PodCondition, PodSpec, PodStatus, PodTemplateSpec
from kybern.api.types.meta_v1 import LabelSelector, ObjectMeta, OwnerReference
from kybern.base.clock import format_time
from kybern.controllers.claims import decide_claims
from kybern.controllers.replicas import BURST, calculate_status, decide, decide_status

NOW = 1_800_000_000.0


def replica_set(replicas: int | None = 3, min_ready_seconds: int = 0) -> ReplicaSet:
    labels = {"app": "web"}
    return ReplicaSet(
        metadata=ObjectMeta(name="web-1", namespace="default", uid="rs", generation=4),
        spec=ReplicaSetSpec(
            replicas=replicas,
            min_ready_seconds=min_ready_seconds,
            selector=LabelSelector(match_labels=labels),
            template=PodTemplateSpec(metadata=ObjectMeta(labels=labels)),
        ),
    )


def pod(
    name: str,
    phase: str = "Running",
    *,
    ready: float | None = 60,
    node: str = "n",
    cost: str = "",
    deleting: bool = False,
) -> Pod:
    """`ready`: for how many seconds; None: it is not."""
    conditions = []
    if ready is not None:
        conditions = [PodCondition(type="Ready", status="True", last_transition_time=format_time(NOW - ready))]
    return Pod(
        metadata=ObjectMeta(
            name=name,
            uid=name,
            labels={"app": "web"},
            creation_timestamp=format_time(NOW - 600),
            deletion_timestamp=format_time(NOW) if deleting else "",
            annotations={"controller.kubernetes.io/pod-deletion-cost": cost} if cost else {},
        ),
        spec=PodSpec(node_name=node),
        status=PodStatus(phase=phase, conditions=conditions),
    )


@pytest.mark.parametrize(
    ("wanted", "pods", "creates", "deletes"),
    [
        (3, [], 3, []),
        (3, [pod("a"), pod("b"), pod("c")], 0, []),
        (3, [pod("a"), pod("b"), pod("c", deleting=True)], 1, []),
        (3, [pod("a"), pod("b", "Succeeded"), pod("c", "Failed")], 2, []),
        (0, [pod("a")], 0, ["a"]),
        (1, [pod("a"), pod("b", node="")], 0, ["b"]),
        (1, [pod("a", "Pending", ready=None), pod("b")], 0, ["a"]),
        (1, [pod("a", ready=None), pod("b")], 0, ["a"]),
        (1, [pod("a", cost="5"), pod("b", cost="-5")], 0, ["b"]),
        (1, [pod("a", ready=1000), pod("b", ready=10)], 0, ["b"]),
        (2, [pod("a", node="n1"), pod("b", node="n2"), pod("c", node="n2")], 0, ["b"]),
        (None, [], 1, []),
        (2000, [], BURST, []),
    ],
)
def test_decide(wanted: int | None, pods: list[Pod], creates: int, deletes: list[str]) -> None:
    plan = decide(replica_set(wanted), pods, NOW, peers=pods)
    assert len(plan.creates) == creates
    assert [each.obj.metadata.name for each in plan.deletes] == deletes


def test_a_created_pod() -> None:
    made = decide(replica_set(1), [], NOW).creates[0]
    meta = made.obj.metadata
    assert (meta.generate_name, meta.namespace, meta.labels) == ("web-1-", "default", {"app": "web"})
    assert [(each.uid, each.controller, each.block_owner_deletion) for each in meta.owner_references] == [
        ("rs", True, True)
    ]
    assert made.done is not None
    assert made.done.message == "Created pod: {name}"


def test_nothing_while_being_deleted() -> None:
    subject = replica_set()
    subject.metadata.deletion_timestamp = format_time(NOW)
    assert decide(subject, [], NOW).writes == 0


def test_status_and_the_time_until_available() -> None:
    pods = [pod("a", ready=100), pod("b", ready=20), pod("c", ready=None), pod("d", deleting=True)]
    plan = decide_status(replica_set(3, min_ready_seconds=30), pods, NOW)
    assert plan.requeue_after == 10
    status = plan.status_updates[0].obj.status  # type: ignore[attr-defined]
    assert status == ReplicaSetStatus(
        replicas=3,
        ready_replicas=2,
        available_replicas=1,
        fully_labeled_replicas=3,
        terminating_replicas=1,
        observed_generation=4,
    )


def test_failure_is_told_once_and_taken_back() -> None:
    subject = replica_set()
    subject.status = calculate_status(subject, [], NOW, "FailedCreate: exceeded quota")
    condition = subject.status.conditions[0]
    assert (condition.type, condition.reason, condition.message) == ("ReplicaFailure", "FailedCreate", "exceeded quota")
    assert calculate_status(subject, [], NOW + 60, "FailedCreate: exceeded quota") == subject.status
    assert calculate_status(subject, [], NOW, "").conditions == []


def test_claims() -> None:
    subject = replica_set()
    mine, strayed, orphan, foreign = pod("mine"), pod("strayed"), pod("orphan"), pod("foreign")
    strayed.metadata.labels = {"app": "other"}
    strayed.metadata.owner_references = [OwnerReference(uid="rs", controller=True)]
    foreign.metadata.labels = {"app": "db"}
    claims = decide_claims(subject, subject.spec.selector, [mine, strayed], [orphan, foreign, pod("x", deleting=True)])
    names = [[each.metadata.name for each in group] for group in (claims.owned, claims.adopted, claims.released)]
    assert names == [["mine", "orphan"], ["orphan"], ["strayed"]]
