"""The autoscaler's arithmetic: upstream's cases (pkg/controller/podautoscaler/replica_calculator_test.go) in short."""

import pytest

from kybern.api.types import convert
from kybern.api.types.autoscaling_v2 import HorizontalPodAutoscaler
from kybern.api.types.core_v1 import Pod
from kybern.base.clock import format_time
from kybern.controllers.autoscaler_limits import History, bound
from kybern.controllers.autoscaler_metrics import NoMetrics, PodMetric
from kybern.controllers.autoscaler_replicas import Tolerances, by_average, by_share, by_utilization, by_value

NOW = 1_800_000_000.0
LONG_AGO = format_time(NOW - 3600)


def pods(count: int, *, request: str = "1", unready: int = 0, pending: int = 0) -> list[Pod]:
    made = []
    for number in range(count):
        ready = "False" if number < unready else "True"
        plain = {
            "metadata": {"name": f"p{number}"},
            "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": request}}}]},
            "status": {
                "phase": "Pending" if number < pending else "Running",
                "startTime": format_time(NOW - 60) if number < unready else LONG_AGO,
                "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": LONG_AGO}],
            },
        }
        made.append(convert(plain, Pod))
    return made


def usage(*levels: int) -> dict[str, PodMetric]:
    return {f"p{number}": PodMetric(level, NOW) for number, level in enumerate(levels)}


@pytest.mark.parametrize(
    ("subjects", "levels", "current", "target", "expected", "percent"),
    [
        (pods(3), (300, 500, 700), 3, 30, 5, 50),
        (pods(5), (100, 300, 500, 250, 250), 5, 50, 3, 28),
        (pods(3), (1010, 1030, 1020), 3, 100, 3, 102),
        (pods(3, unready=1), (300, 500, 700), 3, 30, 4, 60),
        (pods(3, pending=2), (0, 0, 900), 3, 100, 3, 90),
        (pods(4), (1000, 1000, 1000), 4, 50, 6, 100),
        (pods(4), (100, 100, 100), 4, 50, 3, 10),
    ],
)
def test_utilization(
    subjects: list[Pod], levels: tuple[int, ...], current: int, target: int, expected: int, percent: int
) -> None:
    found = by_utilization(subjects, usage(*levels), "cpu", "", current, target, Tolerances(), NOW)
    assert (found.replicas, found.utilization) == (expected, percent)


def test_averages_values_and_shares() -> None:
    assert by_average(pods(3), usage(20, 10, 30), "", 3, 15, Tolerances(), NOW).replicas == 4
    assert by_value(20000, 15000, pods(3), 3, Tolerances()).replicas == 4
    assert by_value(15100, 15000, pods(3), 3, Tolerances()).replicas == 3
    shared = by_share(8600, 2867, 5, Tolerances())
    assert (shared.replicas, shared.raw) == (3, 1720)


@pytest.mark.parametrize(
    ("subjects", "levels", "container", "message"),
    [
        ([], (1,), "", "no pods returned by selector while calculating replica count"),
        (pods(1, pending=1), (1,), "", "did not receive metrics for targeted pods (pods might be unready)"),
        (pods(1), (1,), "other", "container other not found in Pod p0"),
    ],
)
def test_what_cannot_be_counted(subjects: list[Pod], levels: tuple[int, ...], container: str, message: str) -> None:
    with pytest.raises(NoMetrics) as refused:
        by_utilization(subjects, usage(*levels), "cpu", container, 1, 50, Tolerances(), NOW)
    assert str(refused.value) == message


def autoscaler(**behavior: object) -> HorizontalPodAutoscaler:
    spec = {"maxReplicas": 10, "minReplicas": 1, **({"behavior": behavior} if behavior else {})}
    return convert({"metadata": {"name": "h"}, "spec": spec}, HorizontalPodAutoscaler)


RULES = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 60,
        "selectPolicy": "Min",
        "policies": [
            {"type": "Pods", "value": 1, "periodSeconds": 60},
            {"type": "Percent", "value": 50, "periodSeconds": 60},
        ],
    },
}


@pytest.mark.parametrize(
    ("subject", "current", "desired", "expected", "limit"),
    [
        (autoscaler(), 2, 3, 3, "DesiredWithinRange"),
        (autoscaler(), 2, 9, 4, "ScaleUpLimit"),
        (autoscaler(), 8, 20, 10, "TooManyReplicas"),
        (autoscaler(), 3, 0, 1, "TooFewReplicas"),
        (autoscaler(**RULES), 2, 9, 3, "ScaleUpLimit"),
        (autoscaler(**RULES), 8, 2, 7, "ScaleDownLimit"),
    ],
)
def test_bounds(subject: HorizontalPodAutoscaler, current: int, desired: int, expected: int, limit: str) -> None:
    found = bound(subject, History(), current, desired, 1, NOW)
    assert (found.replicas, found.limit[0], found.limited) == (expected, limit, limit != "DesiredWithinRange")


def test_a_recent_higher_recommendation_holds_a_scale_down_off() -> None:
    history = History()
    assert bound(autoscaler(), history, 5, 5, 1, NOW).replicas == 5
    held = bound(autoscaler(), history, 5, 2, 1, NOW + 100)
    assert (held.replicas, held.able[0]) == (5, "ScaleDownStabilized")
    assert bound(autoscaler(), history, 5, 2, 1, NOW + 301).replicas == 2


def test_a_rate_counts_what_was_done_in_its_period() -> None:
    history = History()
    subject = autoscaler(**RULES)
    assert bound(subject, history, 2, 9, 1, NOW).replicas == 3
    history.scaled(2, 3, NOW)
    assert bound(subject, history, 3, 9, 1, NOW + 30).replicas == 3
    assert bound(subject, history, 3, 9, 1, NOW + 61).replicas == 4
