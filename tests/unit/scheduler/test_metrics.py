"""What the scheduler tells of its work."""

from random import Random

from kybern.metrics.family import render
from kybern.scheduler.config import Profile, SchedulerConfig
from kybern.scheduler.metrics import SchedulerMetrics
from kybern.scheduler.state import Placement, SchedulerState
from tests.unit.hand_clock import HandClock
from tests.unit.scheduler.world import node, pod


class Scene:
    """A scheduler's state and what it counted, under a hand-turned clock."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.state = SchedulerState(SchedulerConfig(profiles=(Profile(),)), Random(1))
        self.metrics = SchedulerMetrics(self.clock, self.state)

    def decide(self) -> None:
        """One Pod; a placement is carried out in two seconds."""
        began = self.clock.monotonic()
        verdict = self.state.decide(began)
        assert verdict is not None
        attempt = self.metrics.decided(verdict, began)
        if isinstance(verdict, Placement):
            self.clock.time += 2
            self.metrics.placed(attempt)

    def shows(self, *lines: str) -> None:
        told = render(self.metrics.families()).decode().splitlines()
        missing = [line for line in lines if line not in told]
        assert not missing, [line for line in told if not line.startswith("#")]


def test_a_pod_that_is_placed() -> None:
    scene = Scene()
    scene.state.set_node(node("a", cpu=1), scene.clock.time)
    scene.state.set_pod(pod("p", {"cpu": "1"}), scene.clock.time)
    scene.clock.time += 3
    scene.decide()
    scene.shows(
        'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1',
        'scheduler_scheduling_attempt_duration_seconds_sum{profile="default-scheduler",result="scheduled"} 2',
        "scheduler_scheduling_algorithm_duration_seconds_count 1",
        "scheduler_pod_scheduling_attempts_sum 1",
        'scheduler_pod_scheduling_sli_duration_seconds_sum{attempts="1"} 5',
        'scheduler_queue_incoming_pods_total{event="UnschedulablePodAdd",queue="active"} 1',
        'scheduler_cache_size{type="nodes"} 1',
        'scheduler_cache_size{type="assumed_pods"} 1',
    )


def test_pods_that_wait() -> None:
    scene = Scene()
    scene.state.set_node(node("a", cpu=1), scene.clock.time)
    scene.state.set_pod(pod("large", {"cpu": "4"}), scene.clock.time)
    scene.state.set_pod(pod("gated", {"cpu": "1"}, schedulingGates=[{"name": "g"}]), scene.clock.time)
    scene.decide()
    scene.shows(
        'scheduler_schedule_attempts_total{profile="default-scheduler",result="unschedulable"} 1',
        'scheduler_pending_pods{queue="active"} 0',
        'scheduler_pending_pods{queue="unschedulable"} 1',
        'scheduler_pending_pods{queue="gated"} 1',
        'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 1',
        'scheduler_queue_incoming_pods_total{event="ScheduleAttemptFailure",queue="unschedulable"} 1',
    )
    scene.state.set_node(node("b", cpu=8), scene.clock.time)
    scene.shows(
        'scheduler_pending_pods{queue="backoff"} 1',
        'scheduler_queue_incoming_pods_total{event="NodeAdd",queue="backoff"} 1',
    )
    scene.clock.time += 60
    scene.decide()
    scene.shows(
        'scheduler_queue_incoming_pods_total{event="BackoffComplete",queue="active"} 1',
        'scheduler_pod_scheduling_sli_duration_seconds_sum{attempts="2"} 62',
    )
