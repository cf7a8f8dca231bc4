"""What a Pod holds of its node while its resources change in place."""

from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Pod
from kybern.scheduler.in_place import held
from kybern.scheduler.pods import PodDecoder, pod_amounts, same_shape

INFEASIBLE = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]
DEFERRED = [{"type": "PodResizePending", "status": "True", "reason": "Deferred"}]


def sides(asked: str, allocated: str, had: str, conditions: list[dict[str, str]] | None = None) -> Pod:
    """A Pod of one container and of these milli-cores."""
    status = {"name": "c", "allocatedResources": {"cpu": allocated}, "resources": {"requests": {"cpu": had}}}
    return pod({"cpu": asked}, {"containerStatuses": [status], "conditions": conditions or []})


def pod(requests: dict[str, str], status: dict[str, Any], **spec: Any) -> Pod:
    container = {"name": "c", "resources": {"requests": requests}}
    return convert({"metadata": {"uid": "u"}, "spec": {"containers": [container], **spec}, "status": status}, Pod)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (pod({"cpu": "1"}, {}), 1000),
        (pod({"cpu": "1"}, {"containerStatuses": [{"name": "c"}]}), 1000),
        (sides("1", "1", "1"), 1000),
        (sides("1", "1000m", "1"), 1000),
        (sides("2", "1", "1"), 2000),
        (sides("1", "1", "2"), 2000),
        (sides("1", "3", "2"), 3000),
        (sides("2", "1", "1", DEFERRED), 2000),
        (sides("8", "1", "1", INFEASIBLE), 1000),
        (sides("8", "1", "2", INFEASIBLE), 2000),
    ],
)
def test_the_greatest_counts_but_for_what_can_never_be(subject: Pod, expected: int) -> None:
    assert pod_amounts(held(subject))["cpu"] == expected
    assert dict(PodDecoder().decode(subject).shape.requests)["cpu"] == expected


def test_where_nothing_changes_the_spec_is_the_specs_own() -> None:
    subject = sides("1", "1", "1")
    assert held(subject) is subject.spec


def test_a_pods_own_resources_count_alike() -> None:
    statuses = [{"name": "c", "resources": {"requests": {}}}]
    status = {"containerStatuses": statuses, "allocatedResources": {"cpu": "1", "memory": "1Gi"}}
    whole = {"resources": {"requests": {"cpu": "2"}}}
    has = {**status, "resources": {"requests": {"cpu": "3"}}}
    assert pod_amounts(held(pod({}, status, **whole))) == {"cpu": 2000}
    assert pod_amounts(held(pod({}, has, **whole))) == {"cpu": 3000}
    assert pod_amounts(held(pod({}, {**has, "conditions": INFEASIBLE}, resources={"requests": {"cpu": "9"}}))) == {
        "cpu": 3000
    }


def test_sidecars_change_too_and_other_init_containers_do_not() -> None:
    init = [
        {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
        {"name": "i", "resources": {"requests": {"cpu": "1"}}},
    ]
    more = {"allocatedResources": {"cpu": "2"}, "resources": {"requests": {"cpu": "2"}}}
    status = {"containerStatuses": [{"name": "c"}], "initContainerStatuses": [{"name": n, **more} for n in "si"]}
    assert pod_amounts(held(pod({"cpu": "1"}, status, initContainers=init)))["cpu"] == 3000


def test_a_status_that_says_what_the_spec_says_changes_no_shape() -> None:
    quiet = pod({"cpu": "1"}, {})
    assert same_shape(quiet, sides("1", "1", "1"))
    assert not same_shape(sides("1", "1", "1"), sides("1", "1", "2"))
    assert not same_shape(sides("8", "1", "1"), sides("8", "1", "1", INFEASIBLE))
