"""The queue under a hand-turned clock."""

from kybern.scheduler.hints import ClusterEvent, EventKind
from kybern.scheduler.queue import SchedulingQueue
from tests.unit.scheduler.world import request

FIT = frozenset(("NodeResourcesFit",))
GONE = ClusterEvent(EventKind.POD_GONE, request("gone", {"cpu": "1"}))


def names(queue: SchedulingQueue) -> list[str]:
    popped = []
    while (waiting := queue.pop()) is not None:
        popped.append(waiting.request.name)
    return popped


def test_priority_then_age() -> None:
    queue = SchedulingQueue()
    young = {"meta": {"creationTimestamp": "2026-01-02T00:00:00Z"}}
    old = {"meta": {"creationTimestamp": "2026-01-01T00:00:00Z"}}
    for each in (request("young", **young), request("old", **old), request("high", priority=5, **young)):
        queue.set(each, 0)
    assert names(queue) == ["high", "old", "young"]


def test_gated_pods_wait_for_their_gates() -> None:
    queue = SchedulingQueue()
    queue.set(request("p", schedulingGates=[{"name": "g"}]), 0)
    assert (queue.place_of(("default", "p")), names(queue)) == ("gated", [])
    queue.set(request("p"), 1)
    assert names(queue) == ["p"]


def test_back_off_doubles_up_to_ten_seconds() -> None:
    queue = SchedulingQueue()
    assert [queue.backoff_seconds(attempts) for attempts in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_events_wake_only_whom_they_may_help() -> None:
    queue, asking = SchedulingQueue(), request("p", {"cpu": "1"})
    queue.set(asking, 0)
    queue.pop()
    queue.refused(asking, FIT, 10)
    assert queue.happened(ClusterEvent(EventKind.NAMESPACE_CHANGED), 10.5) == 0
    assert queue.happened(ClusterEvent(EventKind.POD_PLACED, GONE.pod), 10.5) == 0
    assert queue.happened(GONE, 10.5) == 1
    assert (queue.place_of(asking.key), queue.next_tick()) == ("backoff", 11)
    queue.tick(10.9)
    assert names(queue) == []
    queue.tick(11)
    assert names(queue) == ["p"]


def test_an_event_after_the_back_off_wakes_at_once() -> None:
    queue, asking = SchedulingQueue(), request("p", {"cpu": "1"})
    queue.set(asking, 0)
    queue.pop()
    queue.refused(asking, FIT, 10)
    queue.happened(GONE, 20)
    assert names(queue) == ["p"]


def test_no_pod_waits_for_ever() -> None:
    queue, asking = SchedulingQueue(), request("p")
    queue.set(asking, 0)
    queue.pop()
    queue.refused(asking, FIT, 0)
    queue.tick(299)
    assert names(queue) == []
    queue.tick(300)
    assert names(queue) == ["p"]


def test_forgotten_and_replaced_pods() -> None:
    queue = SchedulingQueue()
    queue.set(request("p"), 0)
    queue.forget(("default", "p"))
    assert names(queue) == []
    queue.set(request("p"), 0)
    queue.set(request("p", meta={"uid": "other"}), 0)
    assert names(queue) == ["p"]
