"""NoExecute taints and tolerations: who goes, and when."""

import pytest

from kybern.api.types.core_v1 import Pod, PodCondition, PodSpec, PodStatus, Taint, Toleration
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import format_time
from kybern.controllers.nodes import tolerates
from kybern.controllers.taint_eviction import decide

NOW = 1_000_000.0
A = Taint(key="a", value="1", effect="NoExecute")
B = Taint(key="b", effect="NoExecute")


def exists(key: str = "", seconds: int | None = None, effect: str = "NoExecute") -> Toleration:
    return Toleration(key=key, operator="Exists", effect=effect, toleration_seconds=seconds)


CASES: dict[str, tuple[list[Taint], list[Toleration], float, float | None]] = {
    "no taint": ([], [], 0, None),
    "not tolerated": ([A], [], 0, 0),
    "tolerated for ever": ([A], [exists("a")], 0, None),
    "every taint tolerated": ([A, B], [exists()], 0, None),
    "for a time": ([A], [exists("a", 300)], 0, 300),
    "part of it is over": ([A], [exists("a", 300)], 100, 200),
    "it is over": ([A], [exists("a", 300)], 300, 0),
    "negative is at once": ([A], [exists("a", -5)], 0, 0),
    "the soonest counts": ([A, B], [exists("a", 300), exists("b", 60)], 0, 60),
    "one for ever, one for a time": ([A, B], [exists("a"), exists("b", 60)], 0, 60),
    "one is not tolerated": ([A, B], [exists("a", 300)], 0, 0),
    "the first that matches counts": ([A], [exists("a", 10), exists("a", 300)], 0, 10),
    "another effect": ([A], [exists("a", effect="NoSchedule")], 0, 0),
}


def pod(tolerations: list[Toleration], *, bound_ago: float = 1000) -> Pod:
    bound = PodCondition(type="PodScheduled", status="True", last_transition_time=format_time(NOW - bound_ago))
    return Pod(
        metadata=ObjectMeta(name="p", namespace="default", uid="u", generation=3),
        spec=PodSpec(node_name="n", tolerations=tolerations),
        status=PodStatus(conditions=[bound]),
    )


@pytest.mark.parametrize("case", CASES)
def test_decide(case: str) -> None:
    taints, tolerations, tainted_ago, expected = CASES[case]
    since = {(each.key, each.value): NOW - tainted_ago for each in taints}
    plan = decide(pod(tolerations), taints, since, NOW)
    found = 0 if plan.deletes else plan.requeue_after
    assert found == expected


def test_seconds_count_from_the_binding() -> None:
    plan = decide(pod([exists("a", 300)], bound_ago=100), [A], {("a", "1"): NOW - 5000}, NOW)
    assert (plan.deletes, plan.requeue_after) == ([], 200)


def test_an_eviction_is_told_and_marked() -> None:
    plan = decide(pod([]), [A], {}, NOW)
    (event,) = plan.events
    assert (event.type, event.reason, event.message) == (
        "Normal",
        "TaintManagerEviction",
        "Marking for deletion Pod default/p",
    )
    (patch,) = plan.patches
    assert patch.subresource == "status"
    assert patch.patch["metadata"] == {"uid": "u"}
    assert patch.patch["status"]["conditions"] == [
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": format_time(NOW),
            "observedGeneration": 3,
        }
    ]


def test_what_was_announced_and_does_not_come_is_told() -> None:
    assert [each.message for each in decide(pod([]), [], {}, NOW, scheduled=True).events] == [
        "Cancelling deletion of Pod default/p"
    ]
    assert decide(pod([]), [], {}, NOW).events == []


TOLERATES = [
    (Toleration(key="a", operator="Equal", value="1"), A, True),
    (Toleration(key="a", value="1"), A, True),
    (Toleration(key="a", value="2"), A, False),
    (Toleration(key="a", operator="Exists"), A, True),
    (Toleration(operator="Exists"), A, True),
    (Toleration(value="1"), A, False),
    (Toleration(key="b", operator="Exists"), A, False),
    (Toleration(key="a", operator="Gt", value="0"), A, True),
    (Toleration(key="a", operator="Lt", value="0"), A, False),
    (Toleration(key="b", operator="Lt", value="9"), B, False),
]


@pytest.mark.parametrize(("toleration", "taint", "expected"), TOLERATES)
def test_tolerates(toleration: Toleration, taint: Taint, expected: bool) -> None:
    assert tolerates(toleration, taint) == expected
