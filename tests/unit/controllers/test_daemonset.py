"""DaemonSets: Nodes that fit, Pods that come and go, a template that changes."""

from typing import Any

import pytest
from msgspec.structs import replace

from kybern.api.types.apps_v1 import (
    ControllerRevision,
    DaemonSet,
    DaemonSetSpec,
    DaemonSetStatus,
    DaemonSetUpdateStrategy,
    RollingUpdateDaemonSet,
)
from kybern.api.types.core_v1 import (
    Container,
    Node,
    NodeSpec,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    PodTemplateSpec,
    Taint,
    Toleration,
)
from kybern.api.types.meta_v1 import LabelSelector, ObjectMeta
from kybern.client.plan import Plan
from kybern.controllers.daemonset import decide, decide_status
from kybern.controllers.daemonset_history import add_current, current_of, tidy
from kybern.controllers.daemonset_nodes import REVISION_HASH, fits, pod_for, target_node

NOW = 1_000_000.0


def daemon_set(image: str = "v1", surge: int | str | None = None, unavailable: int | str = 1, **spec: Any) -> DaemonSet:
    rolling = RollingUpdateDaemonSet(max_surge=surge, max_unavailable=unavailable)
    return DaemonSet(
        metadata=ObjectMeta(name="d", namespace="default", uid="ds", generation=2),
        spec=DaemonSetSpec(
            selector=LabelSelector(match_labels={"app": "d"}),
            template=PodTemplateSpec(
                metadata=ObjectMeta(labels={"app": "d"}),
                spec=PodSpec(containers=[Container(name="c", image=image)], **spec),
            ),
            update_strategy=DaemonSetUpdateStrategy(type="RollingUpdate", rolling_update=rolling),
        ),
    )


def node(name: str, *taints: tuple[str, str], **labels: str) -> Node:
    return Node(
        metadata=ObjectMeta(name=name, labels=labels),
        spec=NodeSpec(taints=[Taint(key=key, effect=effect) for key, effect in taints]),
    )


def pod(on: str, hash: str = "new", *, ready: bool = True, phase: str = "Running", bound: bool = True) -> Pod:
    made = pod_for(daemon_set(), on, hash)
    made.metadata.name = f"d-{on}-{hash}"
    made.spec.node_name = on if bound else ""
    condition = PodCondition(type="Ready", status=str(ready), last_transition_time="2026-01-01T00:00:00Z")
    made.status = PodStatus(phase=phase, conditions=[condition])
    return made


NODES = [node("a"), node("b"), node("c")]


def steps(
    subject: DaemonSet, pods: list[Pod], nodes: list[Node] = NODES, **waits: float
) -> tuple[list[str], list[str]]:
    plan = decide(subject, pods, nodes, "new", NOW, waits=waits)
    created = [target_node(each.obj) for each in plan.creates if isinstance(each.obj, Pod)]
    return created, [each.obj.metadata.name for each in plan.deletes]


FITS: dict[str, tuple[DaemonSet, Node, tuple[bool, bool]]] = {
    "any": (daemon_set(), node("a"), (True, True)),
    "cordoned": (daemon_set(), node("a", ("node.kubernetes.io/unschedulable", "NoSchedule")), (True, True)),
    "not ready": (daemon_set(), node("a", ("node.kubernetes.io/not-ready", "NoExecute")), (True, True)),
    "foreign NoSchedule": (daemon_set(), node("a", ("x", "NoSchedule")), (False, True)),
    "foreign NoExecute": (daemon_set(), node("a", ("x", "NoExecute")), (False, False)),
    "tolerated": (daemon_set(tolerations=[Toleration(operator="Exists")]), node("a", ("x", "NoExecute")), (True, True)),
    "preferred": (daemon_set(), node("a", ("x", "PreferNoSchedule")), (True, True)),
    "selected": (daemon_set(node_selector={"disk": "ssd"}), node("a", disk="ssd"), (True, True)),
    "not selected": (daemon_set(node_selector={"disk": "ssd"}), node("a"), (False, False)),
    "another node": (daemon_set(node_name="b"), node("a"), (False, False)),
}


@pytest.mark.parametrize("case", FITS)
def test_fits(case: str) -> None:
    subject, where, expected = FITS[case]
    assert fits(subject, where) == expected


def test_the_pod_names_its_node_by_affinity() -> None:
    made = pod_for(daemon_set(), "a", "h")
    assert (made.spec.node_name, target_node(made)) == ("", "a")
    assert made.metadata.labels == {"app": "d", REVISION_HASH: "h"}
    assert made.metadata.generate_name == "d-"
    assert len(made.spec.tolerations) == 6


old, new = "old", "new"
ALL_NEW = [pod("a"), pod("b"), pod("c")]
ALL_OLD = [pod("a", old), pod("b", old), pod("c", old)]
OUTDATED = "d-%s-old"

STEPS: dict[str, tuple[DaemonSet, list[Pod], tuple[list[str], list[str]]]] = {
    "none yet": (daemon_set(), [], (["a", "b", "c"], [])),
    "all there": (daemon_set(), ALL_NEW, ([], [])),
    "one missing": (daemon_set(), ALL_NEW[:2], (["c"], [])),
    "meant for, not bound": (daemon_set(), [*ALL_NEW[:2], pod("c", bound=False)], ([], [])),
    "a node is gone": (daemon_set(), [*ALL_NEW, pod("gone", bound=False)], ([], ["d-gone-new"])),
    "failed": (daemon_set(), [*ALL_NEW[:2], pod("c", phase="Failed")], ([], ["d-c-new"])),
    "one by one": (daemon_set("v2"), ALL_OLD, ([], ["d-a-old"])),
    "two at a time": (daemon_set("v2", unavailable=2), ALL_OLD, ([], ["d-a-old", "d-b-old"])),
    "a share": (daemon_set("v2", unavailable="50%"), ALL_OLD, ([], ["d-a-old", "d-b-old"])),
    "waits for the new one": (daemon_set("v2"), [pod("a", ready=False), *ALL_OLD[1:]], ([], [])),
    "goes on": (daemon_set("v2"), [pod("a"), *ALL_OLD[1:]], ([], ["d-b-old"])),
    "broken ones at once": (daemon_set("v2"), [pod("a", old, ready=False), *ALL_OLD[1:]], ([], ["d-a-old"])),
    "surge: first the new": (daemon_set("v2", 1, 0), ALL_OLD, (["a"], [])),
    "surge: it is not up": (daemon_set("v2", 1, 0), [*ALL_OLD, pod("a", ready=False)], ([], [])),
    "surge: it is up": (daemon_set("v2", 1, 0), [*ALL_OLD, pod("a")], (["b"], ["d-a-old"])),
    "surge: all there": (daemon_set("v2", 1, 0), ALL_NEW, ([], [])),
}


@pytest.mark.parametrize("case", STEPS)
def test_steps(case: str) -> None:
    subject, pods, expected = STEPS[case]
    assert steps(subject, pods) == expected


def test_by_hand_nothing_is_replaced() -> None:
    subject = daemon_set("v2")
    subject.spec.update_strategy = DaemonSetUpdateStrategy(type="OnDelete")
    assert steps(subject, ALL_OLD) == ([], [])


def test_failed_pods_are_deleted_with_pauses() -> None:
    plan = decide(daemon_set(), [*ALL_NEW[:2], pod("c", phase="Failed")], NODES, "new", NOW, waits={"c": 7.0})
    assert (plan.writes, plan.requeue_after) == (0, 7.0)
    told = decide(daemon_set(), [pod("c", phase="Failed")], [node("c")], "new", NOW, waits={}).events
    assert [(each.type, each.reason, each.message) for each in told] == [
        ("Warning", "FailedDaemonPod", "Found failed daemon pod default/d-c-new on node c, will try to kill it")
    ]


def test_where_it_may_not_stay_it_goes() -> None:
    assert steps(daemon_set(), ALL_NEW, [node("a", ("x", "NoExecute")), node("b", ("x", "NoSchedule")), NODES[2]]) == (
        [],
        ["d-a-new"],
    )


def test_status() -> None:
    nodes = [*NODES, node("tainted", ("x", "NoSchedule"))]
    pods = [pod("a"), pod("b", old), pod("tainted")]
    report = decide_status(daemon_set(), pods, nodes, "new", NOW * 1e6)
    assert isinstance(report.status_updates[0].obj, DaemonSet)
    status = report.status_updates[0].obj.status
    assert status == DaemonSetStatus(
        desired_number_scheduled=3,
        current_number_scheduled=2,
        number_misscheduled=1,
        number_ready=2,
        number_available=2,
        number_unavailable=1,
        updated_number_scheduled=1,
        observed_generation=2,
    )
    assert decide_status(replace(daemon_set(), status=status), pods, nodes, "new", NOW).writes == 0


def revision_of(subject: DaemonSet, known: list[ControllerRevision]) -> ControllerRevision:
    plan = Plan(subject)
    add_current(plan, subject, known)
    made = plan.creates[0].obj
    assert isinstance(made, ControllerRevision)
    return made


def test_every_template_has_a_revision_and_old_ones_are_forgotten() -> None:
    known: list[ControllerRevision] = []
    for image in ("v1", "v2", "v3"):
        assert current_of(daemon_set(image), known) is None
        known.append(revision_of(daemon_set(image), known))
        assert current_of(daemon_set(image), known) is known[-1]
    assert [each.revision for each in known] == [1, 2, 3]
    assert len({each.metadata.name for each in known}) == 3
    back = daemon_set("v1")
    back.spec.revision_history_limit = 1
    plan = Plan(back)
    tidy(plan, back, known[0], known, [])
    assert [each.obj.revision for each in plan.updates if isinstance(each.obj, ControllerRevision)] == [4]
    assert [each.obj.metadata.name for each in plan.deletes] == [known[1].metadata.name]
